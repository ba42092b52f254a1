//! Files and folders of this machine that containers mount: bind mounts, secrets and configs.

use std::collections::BTreeSet;
use std::path::Path;

use super::candidate::Candidate;
use crate::compose::model::{FileObject, Mount, MountKind, Service};
use crate::diag::finding::Finding;

pub(super) fn findings(candidate: &Candidate<'_>, scope: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in candidate.services(scope) {
        for (index, mount) in service.volumes.iter().enumerate() {
            findings.extend(bind(candidate, service, index, mount));
        }
        let project = &candidate.loaded.project;
        for reference in &service.secrets {
            let object = project.secrets.get(reference.source.as_str());
            findings.extend(file(candidate, service, "secret", reference.source.as_str(), object));
        }
        for reference in &service.configs {
            let object = project.configs.get(reference.source.as_str());
            findings.extend(file(candidate, service, "config", reference.source.as_str(), object));
        }
    }
    findings
}

/// A missing source. Docker creates an empty folder for it, which is rarely intended and never in production.
fn bind(candidate: &Candidate<'_>, service: &Service, index: usize, mount: &Mount) -> Option<Finding> {
    let source = Path::new(&mount.source);
    if mount.kind != MountKind::Bind || source.try_exists().unwrap_or(true) {
        return None;
    }
    let name = &service.name;
    let shown = candidate.shown(source);
    let place = candidate.place(&format!("services.{name}.volumes[{index}]"));
    let missing = format!("service `{name}`: bind source `{shown}` does not exist");
    let fix = format!("mkdir -p {shown}, or correct the path");
    let created = mount.bind.as_ref().is_none_or(|bind| bind.creates_host_path());
    Some(if !created {
        Finding::error("bind-source", missing, place, fix)
    } else if candidate.protected {
        Finding::error("bind-source", missing, place, fix).refused()
    } else {
        Finding::warning("bind-source", format!("{missing}; a deploy creates an empty folder"), place, fix)
    })
}

/// The file of a secret or config. Without it the container cannot be created.
fn file(
    candidate: &Candidate<'_>,
    service: &Service,
    kind: &str,
    key: &str,
    object: Option<&FileObject>,
) -> Option<Finding> {
    let path = object.map(|object| object.file.as_str()).filter(|file| !file.is_empty())?;
    let error = std::fs::File::open(path).err()?;
    let shown = candidate.shown(Path::new(path));
    let message =
        format!("service `{}`: file `{shown}` of {kind} `{key}` cannot be read: {error}", service.name);
    let place = candidate.place(&format!("{kind}s.{key}.file"));
    Some(Finding::error("file-source", message, place, format!("create {shown}, or correct the path")))
}
