//! Networks and volumes: missing ones are created, a changed network is replaced, a volume never is.

use std::collections::BTreeMap;

use super::state::Deploy;
use crate::labels::compose;
use crate::plan::action::Action;
use crate::plan::cause::Cause;
use crate::plan::desired::{DesiredVolume, volume_keys};
use crate::plan::observed::{Volume, label_of};
use crate::plan::operation::{Group, Undo};
use crate::plan::problem::Problem;

impl Deploy<'_> {
    pub(super) fn networks(&mut self) {
        let mut changed = Vec::new();
        for desired in &self.desired.networks {
            let name = &desired.network.name;
            let found = self.observed.networks.iter().find(|network| network.name == *name);
            match found {
                None if desired.network.external => self.problems.push(
                    Problem::new(format!("network `{name}` is external and does not exist"))
                        .hint(format!("create it: docker network create {name}")),
                ),
                None => {
                    let action = Action::CreateNetwork { key: desired.key.into(), name: name.clone() };
                    let id = self.draft.add(Group::Project, &[], action, Cause::Missing);
                    self.draft.undo(id, Undo::Remove);
                    self.networks.insert(desired.key, id);
                }
                Some(network) if desired.network.external || same_hash(&network.labels, &desired.hashes) => {}
                Some(network) if self.is_of_another(&network.labels) => {
                    self.note_used_as_it_is("network", name, &network.labels);
                }
                Some(network) => {
                    let cause = desired.divergence(network, self.observed);
                    changed.push((desired, network, cause));
                }
            }
        }
        self.replace_networks(&changed);
    }

    pub(super) fn volumes(&mut self) {
        for desired in &self.desired.volumes {
            let name = &desired.volume.name;
            match self.observed.volumes.iter().find(|volume| volume.name == *name) {
                None if desired.volume.external => self.problems.push(
                    Problem::new(format!("volume `{name}` is external and does not exist"))
                        .hint(format!("create it: docker volume create {name}")),
                ),
                None => {
                    let action = Action::CreateVolume { key: desired.key.into(), name: name.clone() };
                    let id = self.draft.add(Group::Project, &[], action, Cause::Missing);
                    self.volumes.insert(desired.key, id);
                }
                Some(volume) if desired.volume.external || same_hash(&volume.labels, &desired.hashes) => {}
                Some(volume) if self.is_of_another(&volume.labels) => {
                    self.note_used_as_it_is("volume", name, &volume.labels);
                }
                Some(volume) => self.changed_volume(desired, volume),
            }
        }
    }

    /// Whether another project created a network or volume. It is used as it is, as docker compose does, and never changed.
    fn is_of_another(&self, labels: &BTreeMap<String, String>) -> bool {
        label_of(labels, compose::PROJECT).is_some_and(|owner| owner != self.desired.project.name.as_str())
    }

    fn note_used_as_it_is(&mut self, kind: &str, name: &str, labels: &BTreeMap<String, String>) {
        let owner = label_of(labels, compose::PROJECT).unwrap_or_default();
        self.notes.push(format!(
            "{kind} {name} belongs to project `{owner}` and is used as it is; `external: true` says that it is meant"
        ));
    }

    /// A volume is never replaced, since its data would be lost. Other labels do not matter; other options mean that the files
    /// want other data.
    fn changed_volume(&mut self, desired: &DesiredVolume<'_>, volume: &Volume) {
        let changes = desired.changes(volume);
        let name = &volume.name;
        if changes.is_empty() {
            self.notes.push(format!(
                "volume {name} keeps its labels as they are: an engine changes none, and a new volume would be empty"
            ));
            return;
        }
        let services: Vec<&str> = self
            .desired
            .services
            .values()
            .filter(|service| volume_keys(service.service).any(|key| key == desired.key))
            .map(|service| service.service.name.as_str())
            .collect();
        let message =
            format!("volume `{name}`: {} changed, and replacing it would lose its data", changes.join(", "));
        self.problems.push(Problem::new(message).hint(format!(
            "to keep the data, give the volume another `name:` and copy it over; to lose it: \
             sofa rm --stop {} && docker volume rm {name}",
            services.join(" ")
        )));
    }
}

/// Whether the recorded config hash is one of the model's. Without a record there is nothing to compare with.
fn same_hash(labels: &BTreeMap<String, String>, hashes: &[String]) -> bool {
    label_of(labels, compose::CONFIG_HASH).is_none_or(|recorded| hashes.iter().any(|hash| hash == recorded))
}
