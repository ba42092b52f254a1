//! Digests of the content of configs, secrets and env files, keyed with the project's own key: they go into labels, which must reveal
//! nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::compose::model::{FileObject, Project};
use crate::plan::contents::{Digests, env_file};
use crate::state::ContentKey;

/// The digest of every config, secret and env file, by `configs.NAME`, `secrets.NAME` and `env_file.PATH`. None without a key, and none
/// for a file that cannot be read: a container is not replaced because of something that cannot be compared.
pub fn digests(project: &Project, key: Option<&ContentKey>) -> Digests {
    let Some(key) = key else { return Digests::new() };
    let configs = project.configs.iter().map(|(name, object)| (format!("configs.{name}"), object));
    let secrets = project.secrets.iter().map(|(name, object)| (format!("secrets.{name}"), object));
    let objects = configs.chain(secrets).map(|(name, object)| (name, content(object)));
    let files: BTreeSet<&PathBuf> =
        project.services.values().flat_map(|service| &service.env_files).collect();
    let files =
        files.into_iter().map(|file| (env_file(&project.working_dir, file), std::fs::read(file).ok()));
    objects.chain(files).filter_map(|(name, content)| Some((name, key.digest(&content?)))).collect()
}

/// The content of a config or secret.
fn content(object: &FileObject) -> Option<Vec<u8>> {
    if !object.content.is_empty() {
        return Some(object.content.clone().into_bytes());
    }
    match &object.resolved {
        Some(text) => Some(text.clone().into_bytes()),
        None if object.file.is_empty() => None,
        None => std::fs::read(&object.file).ok(),
    }
}
