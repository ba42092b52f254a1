//! Configs and secrets: local files are bind mounts on a local engine, all others are uploaded into the created
//! container.

use bollard::models::{Mount as MountBody, MountBindOptions, MountType};

use super::error::ConvertError;
use super::instance::Target;
use crate::compose::model::{FileObject, FileReference, Project, Service};

/// A file that is copied into a container before its first start. Its content is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct FileUpload {
    /// The absolute path in the container.
    pub target: String,
    pub content: Vec<u8>,
    pub uid: u64,
    pub gid: u64,
    pub mode: u32,
}

impl std::fmt::Debug for FileUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileUpload").field("target", &self.target).finish_non_exhaustive()
    }
}

/// The configs and secrets of a container, as bind mounts and as uploads.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) mounts: Vec<MountBody>,
    pub(super) uploads: Vec<FileUpload>,
}

pub(super) fn build(project: &Project, service: &Service, target: Target) -> Result<Files, ConvertError> {
    let mut files = Files::default();
    for secret in &service.secrets {
        let object = project.secrets.get(secret.source.as_str());
        add(&mut files, service, target, &Given::new("secrets", "/run/secrets/", secret), object)?;
    }
    for config in &service.configs {
        let object = project.configs.get(config.source.as_str());
        add(&mut files, service, target, &Given::new("configs", "/", config), object)?;
    }
    Ok(files)
}

/// A reference to a config or a secret.
struct Given<'a> {
    key: &'static str,
    source: &'a str,
    target: String,
    uid: &'a str,
    gid: &'a str,
    mode: Option<i64>,
}

impl<'a> Given<'a> {
    fn new<N: AsRef<str>>(key: &'static str, folder: &str, reference: &'a FileReference<N>) -> Given<'a> {
        let source = reference.source.as_ref();
        let target = match reference.target.as_str() {
            "" => format!("{folder}{source}"),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => format!("{folder}{relative}"),
        };
        let (uid, gid) = (reference.uid.as_str(), reference.gid.as_str());
        Given { key, source, target, uid, gid, mode: reference.mode.map(|mode| mode.0) }
    }
}

impl Given<'_> {
    /// Whether neither owner nor mode is written.
    fn is_plain(&self) -> bool {
        self.uid.is_empty() && self.gid.is_empty() && self.mode.is_none()
    }
}

fn add(
    files: &mut Files,
    service: &Service,
    target: Target,
    given: &Given<'_>,
    object: Option<&FileObject>,
) -> Result<(), ConvertError> {
    let invalid = |reason: String| ConvertError::invalid(service, given.key, reason);
    let object = object.ok_or_else(|| invalid(format!("`{}` is not defined", given.source)))?;
    if object.external {
        return Err(ConvertError::unsupported(
            service,
            given.key,
            format!("a swarm (`{}` is external)", given.source),
        ));
    }
    let content = match text_of(object) {
        Some(text) => text.into_bytes(),
        None if !object.environment.is_empty() => {
            let variable = &object.environment;
            return Err(invalid(format!(
                "variable `{variable}`, which `{}` is read from, is not set",
                given.source
            )));
        }
        // A bind mount has the owner and mode of the file. For others the file is uploaded where possible.
        None if target.local && (given.is_plain() || service.read_only) => {
            files.mounts.push(MountBody {
                typ: Some(MountType::BIND),
                source: Some(object.file.clone()),
                target: Some(given.target.clone()),
                read_only: Some(true),
                bind_options: (given.key == "secrets").then(MountBindOptions::default),
                ..MountBody::default()
            });
            return Ok(());
        }
        None => std::fs::read(&object.file)
            .map_err(|source| ConvertError::file(service, given.key, &object.file, source))?,
    };
    if service.read_only {
        let needs = format!(
            "a file on a local engine: `{}` would be written into a read-only container",
            given.source
        );
        return Err(ConvertError::unsupported(service, given.key, needs));
    }
    let number = |text: &str, what: &str| match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| invalid(format!("{what} `{text}` is not a number"))),
    };
    files.uploads.push(FileUpload {
        target: given.target.clone(),
        content,
        uid: number(given.uid, "uid")?,
        gid: number(given.gid, "gid")?,
        mode: given.mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o444),
    });
    Ok(())
}

fn text_of(object: &FileObject) -> Option<String> {
    match object.content.is_empty() {
        false => Some(object.content.clone()),
        true => object.resolved.clone(),
    }
}
