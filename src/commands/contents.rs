//! Digests of what configs and secrets hold, keyed with the project's own key: they stand in labels, and must tell nothing.

use std::collections::BTreeMap;

use crate::compose::model::{FileObject, Project};
use crate::state::ContentKey;

/// The digest of every config and secret, by `configs.NAME` and `secrets.NAME`. Without a key there are none; one whose file
/// cannot be read has none either: what cannot be compared is no reason to replace a container.
pub fn digests(project: &Project, key: Option<&ContentKey>) -> BTreeMap<String, String> {
    let Some(key) = key else { return BTreeMap::new() };
    let configs = project.configs.iter().map(|(name, object)| (format!("configs.{name}"), object));
    let secrets = project.secrets.iter().map(|(name, object)| (format!("secrets.{name}"), object));
    configs.chain(secrets).filter_map(|(name, object)| Some((name, key.digest(&content(object)?)))).collect()
}

/// What a config or secret holds.
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
