//! The projects of an engine, by the labels of their containers.

use std::collections::BTreeMap;

use serde_json::json;

use crate::error::Failure;
use crate::labels;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::ps::state_word;

/// The heads of [`ProjectRow::cells`].
pub const COLUMNS: [&str; 3] = ["NAME", "STATUS", "CONFIG FILES"];

/// A project that has containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    pub name: String,
    /// Its states with the numbers of containers in them: `exited(1), running(2)`.
    pub status: String,
    pub config_files: String,
}

/// Lists the projects, by name; without `all` only those with a container that is up.
///
/// # Errors
/// Those of the engine.
pub async fn projects(context: &Context, all: bool) -> Result<Vec<ProjectRow>, Failure> {
    let containers = context.engine().await?.list_containers().await.map_err(engine_failure)?;
    let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for container in containers.iter().filter(|container| !container.oneoff) {
        if let Some(project) = container.project() {
            found.entry(project).or_default().push(container);
        }
    }
    found.retain(|_, own| all || own.iter().any(|container| container.is_up()));
    let row = |(name, own): (&str, Vec<_>)| {
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        let own: Vec<&crate::plan::observed::Container> = own;
        for container in &own {
            *states.entry(state_word(&container.state)).or_default() += 1;
        }
        let status: Vec<String> = states.iter().map(|(state, number)| format!("{state}({number})")).collect();
        let files = own.iter().find_map(|container| container.label(labels::compose::CONFIG_FILES));
        let config_files = files.unwrap_or_default().to_owned();
        ProjectRow { name: name.to_owned(), status: status.join(", "), config_files }
    };
    Ok(found.into_iter().map(row).collect())
}

impl ProjectRow {
    pub fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.status.clone(), self.config_files.clone()]
    }

    /// One JSON object, with docker compose's names.
    pub fn object(&self) -> serde_json::Value {
        json!({ "Name": self.name, "Status": self.status, "ConfigFiles": self.config_files })
    }
}
