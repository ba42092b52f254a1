//! The plan of `volume rm`: volumes of the project that were named. Works from labels alone.

use std::collections::BTreeSet;

use super::action::Action;
use super::cause::Cause;
use super::down::others;
use super::draft::Draft;
use super::observed::{Observed, Volume};
use super::operation::{Group, OnFailure, Plan};
use crate::labels::compose;

/// The volume of the project with this name on the engine, or with this key in the Compose files.
pub fn find<'a>(observed: &'a Observed, name: &str) -> Option<&'a Volume> {
    let key = |volume: &&Volume| volume.labels.get(compose::VOLUME).is_some_and(|key| key == name);
    own(observed).find(|volume| volume.name == name).or_else(|| own(observed).find(key))
}

/// The volumes that belong to the project.
pub fn own(observed: &Observed) -> impl Iterator<Item = &Volume> {
    observed.volumes.iter().filter(|volume| volume.labels.contains_key(compose::PROJECT))
}

/// The containers that mount a volume, of this project and of others.
pub fn users(observed: &Observed, volume: &Volume) -> Vec<String> {
    others(observed, &[], |container| container.has_volume(&volume.name))
}

/// Plans a `volume rm`, whatever the labels of the volumes say. Volumes that are gone or in use are left out.
pub fn remove(project: &str, observed: &Observed, names: &[String]) -> Plan {
    let mut draft = Draft::default();
    let found: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| find(observed, name))
        .filter(|volume| users(observed, volume).is_empty())
        .map(|volume| volume.name.as_str())
        .collect();
    for name in found {
        let action = Action::RemoveVolume { name: name.to_owned() };
        let id = draft.add(Group::Project, &[], action, Cause::Verb("volume rm"));
        draft.one_way(id);
    }
    Plan {
        project: project.to_owned(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged: Vec::new(),
        notes: Vec::new(),
    }
}
