//! What containers mount of this machine: folders and files of bind mounts, files of secrets and configs.

use std::collections::BTreeSet;
use std::path::Path;

use super::Subject;
use crate::compose::model::{FileObject, Mount, MountKind, Service};
use crate::diag::finding::Finding;

pub(super) fn findings(subject: &Subject<'_>, scope: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in subject.services(scope) {
        for (index, mount) in service.volumes.iter().enumerate() {
            findings.extend(bind(subject, service, index, mount));
        }
        let project = &subject.loaded.project;
        for reference in &service.secrets {
            let object = project.secrets.get(reference.source.as_str());
            findings.extend(file(subject, service, "secrets", reference.source.as_str(), object));
        }
        for reference in &service.configs {
            let object = project.configs.get(reference.source.as_str());
            findings.extend(file(subject, service, "configs", reference.source.as_str(), object));
        }
    }
    findings
}

/// A source that is not there: docker makes an empty folder of it, which is seldom meant and in production never.
fn bind(subject: &Subject<'_>, service: &Service, index: usize, mount: &Mount) -> Option<Finding> {
    let source = Path::new(&mount.source);
    if mount.kind != MountKind::Bind || source.try_exists().unwrap_or(true) {
        return None;
    }
    let name = &service.name;
    let shown = subject.shown(source);
    let place = subject.place(&format!("services.{name}.volumes[{index}]"));
    let missing = format!("service `{name}`: bind source `{shown}` is not there");
    let fix = format!("mkdir -p {shown}, or correct the path");
    let created = mount.bind.as_ref().is_none_or(|bind| bind.creates_host_path());
    Some(if !created {
        Finding::error("bind-source", missing, place, fix)
    } else if subject.protected {
        Finding::error("bind-source", missing, place, fix).refused()
    } else {
        Finding::warning(
            "bind-source",
            format!("{missing}: a deploy makes an empty folder of it"),
            place,
            fix,
        )
    })
}

/// The file of a secret or config: without it no container can be made.
fn file(
    subject: &Subject<'_>,
    service: &Service,
    kind: &str,
    key: &str,
    object: Option<&FileObject>,
) -> Option<Finding> {
    let path = object.map(|object| object.file.as_str()).filter(|file| !file.is_empty())?;
    let error = std::fs::File::open(path).err()?;
    let shown = subject.shown(Path::new(path));
    let message =
        format!("service `{}`: file `{shown}` of {kind} `{key}` cannot be read: {error}", service.name);
    let place = subject.place(&format!("{kind}.{key}.file"));
    Some(Finding::error("file-source", message, place, format!("write {shown}, or correct the path")))
}
