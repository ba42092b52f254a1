//! The plan of `down`: stop and remove containers, dependants first, then networks and volumes. Works from labels alone.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::draft::Draft;
use super::labelled::Scope;
use super::observed::{Container, Observed, label_of};
use super::operation::{Group, OnFailure, OpId, Plan};
use super::passes;
use super::stop;
use crate::edge;

/// What is taken down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The services.
    pub scope: Scope,
    /// Whether volumes go too, named and anonymous ones.
    pub volumes: bool,
    /// Overrides the containers' grace periods.
    pub grace: Option<Duration>,
    /// Which of their images go too.
    pub images: Images,
}

/// The images that a `down` removes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Images {
    /// None.
    #[default]
    Keep,
    /// Images that have only the name which docker compose gives to what it builds.
    Local,
    /// All images of the containers.
    All,
}
use crate::labels::{compose, sofa};

/// Plans a `down`. The notes say what stays, and why.
pub fn down(project: &str, observed: &Observed, policy: &Policy) -> Plan {
    let mut draft = Draft::default();
    let containers = policy.scope.pick(&observed.containers);
    let mut removals =
        remove_containers(&mut draft, &containers, policy.grace, policy.volumes, &Cause::Verb("down"));
    removals.extend(remove_edge(&mut draft, project, observed, &containers, &removals));
    if policy.volumes {
        remove_anonymous_volumes(&mut draft, observed, &containers, &removals, &Cause::Verb("down"));
    }
    let mut notes = Vec::new();
    remove_networks(&mut draft, observed, &containers, &removals, &mut notes);
    remove_volumes(&mut draft, observed, &containers, policy, &removals, &mut notes);
    remove_images(&mut draft, project, observed, &containers, policy.images, &removals, &mut notes);
    let plan = Plan {
        project: project.to_string(),
        images: Vec::new(),
        operations: draft.finish(),
        barrier: None,
        on_failure: OnFailure::GoOn,
        unchanged: Vec::new(),
        notes,
    };
    passes::run(plan, None, observed)
}

/// Removes the edge, if no container is left behind it.
fn remove_edge(
    draft: &mut Draft,
    project: &str,
    observed: &Observed,
    going: &[&Container],
    removals: &[OpId],
) -> Option<OpId> {
    observed.edge.as_ref()?;
    let stays = |container: &&Container| !going.iter().any(|gone| gone.id == container.id);
    let mut staying = observed.containers.iter().filter(stays);
    if staying.any(|container| container.behind_edge().is_some()) {
        return None;
    }
    let action = Action::RemoveEdge { name: edge::name(project) };
    Some(draft.add(Group::Project, removals, action, Cause::Verb("down")))
}

/// Stops each container when everything that depends on it is stopped, then removes it. Returns the removals.
pub(super) fn remove_containers(
    draft: &mut Draft,
    containers: &[&Container],
    grace: Option<Duration>,
    volumes: bool,
    cause: &Cause,
) -> Vec<OpId> {
    let ordered = stop::dependants_first(draft, containers, grace, cause);
    ordered
        .into_iter()
        .map(|(container, stopped)| {
            let action = Action::RemoveContainer {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                volumes,
            };
            let before: Vec<OpId> = stopped.into_iter().collect();
            let removed =
                draft.add(Group::Service(container.service.clone()), &before, action, cause.clone());
            draft.one_way(removed);
            removed
        })
        .collect()
}

/// Removes the anonymous volumes of removed containers, unless other containers use them. With a container the engine removes
/// only the volumes that it created for it: a volume from an earlier container has a name there, and would never be removed.
pub(super) fn remove_anonymous_volumes(
    draft: &mut Draft,
    observed: &Observed,
    going: &[&Container],
    removals: &[OpId],
    cause: &Cause,
) {
    let names: BTreeSet<&str> = going.iter().flat_map(|container| container.anonymous_volumes()).collect();
    for name in names {
        let mounts = |container: &Container| container.anonymous_volumes().any(|volume| volume == name);
        if others(observed, going, mounts).is_empty() {
            let id = draft.add(
                Group::Project,
                removals,
                Action::RemoveVolume { name: name.into() },
                cause.clone(),
            );
            draft.one_way(id);
        }
    }
}

/// Removes the project's networks that no other container uses, stopped ones counted: a network that is removed under
/// a stopped container leaves it unable to start.
fn remove_networks(
    draft: &mut Draft,
    observed: &Observed,
    going: &[&Container],
    removals: &[OpId],
    notes: &mut Vec<String>,
) {
    for network in &observed.networks {
        if label_of(&network.labels, compose::PROJECT).is_none() {
            continue;
        }
        let users = others(observed, going, |container| container.networks.contains_key(&network.name));
        if users.is_empty() {
            let action = Action::RemoveNetwork { id: network.id.clone(), name: network.name.clone() };
            draft.add(Group::Project, removals, action, Cause::Verb("down"));
        } else {
            notes.push(format!("network {} stays: used by {}", network.name, users.join(", ")));
        }
    }
}

/// Removes the project's volumes if that is asked for. Volumes of containers outside the scope stay.
fn remove_volumes(
    draft: &mut Draft,
    observed: &Observed,
    going: &[&Container],
    policy: &Policy,
    removals: &[OpId],
    notes: &mut Vec<String>,
) {
    let mut kept = BTreeSet::new();
    for volume in &observed.volumes {
        let mounted = |container: &Container| container.has_volume(&volume.name);
        if label_of(&volume.labels, compose::PROJECT).is_none() {
            continue;
        }
        if policy.scope != Scope::Everything && !going.iter().any(|container| mounted(container)) {
            continue;
        }
        let users = others(observed, going, mounted);
        if volume.labels.get(sofa::PERSIST).is_some_and(|value| value == "true") {
            notes.push(format!(
                "volume {} stays: labelled {}=true (`sofa volume rm` removes it)",
                volume.name,
                sofa::PERSIST
            ));
        } else if !users.is_empty() {
            notes.push(format!("volume {} stays: used by {}", volume.name, users.join(", ")));
        } else if policy.volumes {
            let action = Action::RemoveVolume { name: volume.name.clone() };
            let id = draft.add(Group::Project, removals, action, Cause::Verb("down with volumes"));
            draft.one_way(id);
        } else {
            kept.insert(volume.name.as_str());
        }
    }
    if !kept.is_empty() {
        let names: Vec<&str> = kept.into_iter().collect();
        notes.push(format!(
            "volume{} {} stay{}: `--volumes` removes {}",
            if names.len() == 1 { "" } else { "s" },
            names.join(", "),
            if names.len() == 1 { "s" } else { "" },
            if names.len() == 1 { "it" } else { "them" },
        ));
    }
}

/// Removes the images of removed containers. Images of other containers stay.
fn remove_images(
    draft: &mut Draft,
    project: &str,
    observed: &Observed,
    going: &[&Container],
    images: Images,
    removals: &[OpId],
    notes: &mut Vec<String>,
) {
    let goes = |container: &&&Container| match images {
        Images::Keep => false,
        Images::Local => container.image == format!("{project}-{}", container.service),
        Images::All => true,
    };
    let names: BTreeSet<&str> = going.iter().filter(goes).map(|container| container.image.as_str()).collect();
    for name in names {
        let users = others(observed, going, |container| container.image == name);
        if users.is_empty() {
            let action = Action::RemoveImage { name: name.to_owned() };
            let id = draft.add(Group::Project, removals, action, Cause::Verb("down with images"));
            draft.one_way(id);
        } else {
            notes.push(format!("image {name} stays: used by {}", users.join(", ")));
        }
    }
}

/// The names of containers, of this project and of others, that stay and fit.
pub(super) fn others(
    observed: &Observed,
    going: &[&Container],
    fits: impl Fn(&Container) -> bool,
) -> Vec<String> {
    observed
        .containers
        .iter()
        .chain(&observed.foreign)
        .filter(|container| !going.iter().any(|gone| gone.id == container.id) && fits(container))
        .map(|container| container.name.clone())
        .collect()
}
