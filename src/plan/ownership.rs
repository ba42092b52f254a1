//! Projects with data that a first deploy would start beside: projects of the same files, or with volumes of the same keys under
//! a name that docker compose would have given them.

use std::collections::BTreeMap;

use super::observed::{Container, Observed, label_of};
use crate::compose::model::Project;

/// A mode's claim to a name that is not written down.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The mode.
    pub mode: &'a str,
    /// The project names of other modes. What they have belongs to them.
    pub siblings: &'a [String],
    /// The names that docker compose would have given the project.
    pub usual: &'a [String],
}

/// A project that is there already and is likely this mode's own, under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// Its name.
    pub project: String,
    /// Its containers, by name.
    pub containers: Vec<String>,
    /// Its volumes that the model has too, by name.
    pub volumes: Vec<String>,
}

/// Whether the engine has nothing of the project.
pub fn is_new(project: &Project, observed: &Observed) -> bool {
    let labelled = |labels: &BTreeMap<String, String>| {
        label_of(labels, compose::PROJECT).is_some_and(|name| name == project.name.as_str())
    };
    observed.containers.is_empty()
        && !observed.networks.iter().any(|network| labelled(&network.labels))
        && !observed.volumes.iter().any(|volume| labelled(&volume.labels))
}
use crate::labels::{compose, sofa};

/// The projects that a new one would start beside, ordered by name.
pub fn formers(project: &Project, observed: &Observed, claim: &Claim<'_>) -> Vec<Former> {
    let files = project.config_files();
    let mut found: BTreeMap<&str, Former> = BTreeMap::new();
    for container in &observed.foreign {
        if let Some(name) =
            container.project().filter(|name| !claim.siblings.iter().any(|sibling| sibling == name))
            && container.label(compose::CONFIG_FILES) == Some(files.as_str())
            && is_of_mode(container, claim.mode)
        {
            former(&mut found, name).containers.push(container.name.clone());
        }
    }
    let usual = claim.usual.iter().filter(|name| !claim.siblings.contains(name) && **name != *project.name);
    let names: Vec<&str> = found.keys().copied().chain(usual.map(String::as_str)).collect();
    for name in names {
        for volume in volumes_under(project, name) {
            if observed.foreign_volumes.iter().any(|other| other.name == volume) {
                let volumes = &mut former(&mut found, name).volumes;
                if !volumes.contains(&volume) {
                    volumes.push(volume);
                }
            }
        }
    }
    found.into_values().collect()
}

fn former<'f, 'n>(found: &'f mut BTreeMap<&'n str, Former>, name: &'n str) -> &'f mut Former {
    let new = || Former { project: name.to_owned(), containers: Vec::new(), volumes: Vec::new() };
    found.entry(name).or_insert_with(new)
}

/// Whether a container may be this mode's: docker compose writes no mode, `sofa` does.
fn is_of_mode(container: &Container, mode: &str) -> bool {
    container.labels.get(sofa::MODE).is_none_or(|said| said == mode)
}

/// The names that the model's volumes would have in a project of that name. A volume with an explicit name has it in every
/// project.
fn volumes_under(project: &Project, name: &str) -> Vec<String> {
    let keys =
        project.volumes.iter().filter(|(key, volume)| volume.name == format!("{}_{key}", project.name));
    keys.map(|(key, _)| format!("{name}_{key}")).collect()
}
