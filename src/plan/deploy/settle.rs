//! Behind the barrier: successors get their names, what they replaced goes, and so does what nobody wants any more.

use std::collections::{BTreeMap, BTreeSet};

use super::Deploy;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::labelled::orphans;
use crate::plan::observed::{Container, ContainerId};
use crate::plan::operation::{Group, OpId};
use crate::plan::replica::{Fate, Slot};

/// What is done once the barrier is passed.
pub(super) enum Settling {
    /// The successor takes the name of what it replaces, which is removed.
    Replace { replica: Replica, old: Vec<Old>, new: ContainerRef, name: Option<String> },
    /// A container that is not wanted any more is stopped and removed.
    Drop { replica: Replica, container: ContainerRef, end: End, cause: String },
}

impl Settling {
    /// The containers that were there before and are removed.
    pub(super) fn removed(&self) -> Vec<&ContainerId> {
        let old = match self {
            Settling::Replace { old, .. } => old.iter().map(|old| &old.container).collect(),
            Settling::Drop { container, .. } => vec![container],
        };
        old.into_iter().filter_map(ContainerRef::existing).collect()
    }
}

/// A container that something else has taken the place of.
pub(super) struct Old {
    pub(super) container: ContainerRef,
    /// What it does when the plan settles.
    pub(super) end: End,
}

/// What a container that goes does when the plan settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was stopped before.
    Stopped,
    /// It runs, and its end is noticed.
    Running,
    /// It runs beside its successor, which has taken over.
    Succeeded,
}

impl End {
    /// The end of a container that nothing has stopped before.
    pub(super) fn of(container: &Container) -> End {
        if container.is_up() { End::Running } else { End::Stopped }
    }
}

impl Deploy<'_> {
    /// What an interrupted run left beside a container that is kept goes when the plan settles; where the kept one
    /// still has a temporary name, it gets its own.
    pub(super) fn settle_leftovers(
        &mut self,
        replica: &Replica,
        slot: &Slot<'_>,
        new: Option<&ContainerRef>,
    ) {
        let Some(current) = slot.current else { return };
        let renamed = (current.name != slot.name).then(|| slot.name.clone());
        if slot.leftovers.is_empty() && renamed.is_none() {
            return;
        }
        // Where the kept one had to be started, the others were stopped before.
        let stopped = matches!(slot.fate, Fate::Start(_));
        let leftovers = slot.leftovers.iter().copied();
        self.settling.push(Settling::Replace {
            replica: replica.clone(),
            old: leftovers
                .map(|container| Old {
                    container: ContainerRef::of(container),
                    end: if stopped { End::Stopped } else { End::of(container) },
                })
                .collect(),
            new: new.cloned().unwrap_or_else(|| ContainerRef::of(current)),
            name: renamed,
        });
    }

    /// Containers of services that the files do not have any more, made from the same files.
    pub(super) fn orphans(&mut self) {
        let project = self.desired.project;
        let orphans: Vec<&Container> = orphans(project, &self.observed.containers)
            .filter(|container| !self.is_taken_back(&container.labels))
            .collect();
        if orphans.is_empty() {
            return;
        }
        if !self.policy.remove_orphans {
            let names: BTreeSet<&str> = orphans.iter().map(|container| container.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            self.notes.push(format!(
                "no service of the files owns {}; `--remove-orphans` removes {}",
                names.join(", "),
                if names.len() == 1 { "it" } else { "them" }
            ));
            return;
        }
        self.settling.extend(orphans.into_iter().map(|container| Settling::Drop {
            replica: Replica::of(container),
            container: ContainerRef::of(container),
            end: End::of(container),
            cause: "orphan: no service of the files owns it".into(),
        }));
    }

    /// Plans what is done behind the barrier; notes which operation removes which container.
    pub(super) fn settle(
        &mut self,
        settling: Settling,
        barrier: Option<OpId>,
        removals: &mut BTreeMap<ContainerId, OpId>,
    ) {
        let gone: Vec<ContainerId> = settling.removed().into_iter().cloned().collect();
        let first: Vec<OpId> = barrier.into_iter().collect();
        match settling {
            Settling::Replace { replica, old, new, name } => {
                let group = Group::Service(replica.service.clone());
                let mut needs = first.clone();
                for Old { container, end } in old {
                    needs.push(self.remove(&replica, container, end, &first, "replaced"));
                }
                removals.extend(gone.into_iter().zip(needs.iter().skip(first.len()).copied()));
                if let Some(name) = name {
                    let action = Action::RenameContainer { replica, container: new, name };
                    self.draft.add(group, &needs, action, "");
                }
            }
            Settling::Drop { replica, container, end, cause } => {
                let removed = self.remove(&replica, container, end, &first, &cause);
                removals.extend(gone.into_iter().map(|id| (id, removed)));
            }
        }
    }

    /// Removes a container for good, after stopping it where it runs.
    fn remove(
        &mut self,
        replica: &Replica,
        container: ContainerRef,
        end: End,
        needs: &[OpId],
        cause: &str,
    ) -> OpId {
        let group = Group::Service(replica.service.clone());
        let mut needs = needs.to_vec();
        if end != End::Stopped {
            let (replica, container) = (replica.clone(), container.clone());
            let action = Action::StopContainer { replica, container, grace: None };
            let stopped = self.draft.add(group.clone(), &needs, action, cause);
            if end == End::Running {
                self.draft.disruptive(stopped);
            }
            needs = vec![stopped];
        }
        let action = Action::RemoveContainer { replica: replica.clone(), container, volumes: false };
        self.draft.add(group, &needs, action, cause)
    }
}
