//! Behind the barrier: new containers get their names, replaced and unwanted ones are removed.

use std::collections::BTreeMap;

use super::state::{Deploy, Settling};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::labelled::{ended_oneoffs, orphans};
use crate::plan::observed::{Container, ContainerId};
use crate::plan::operation::{Group, OpId};

/// A container that gets its own name, and what must be done before.
struct Rename {
    replica: Replica,
    container: ContainerRef,
    name: String,
    needs: Vec<OpId>,
}

impl<'a> Deploy<'a> {
    /// Removes one-offs that have ended, and orphans if that is asked for: containers from the same files whose service the files
    /// do not have any more.
    pub(super) fn orphans(&mut self) {
        let (project, containers) = (self.desired.project, &self.observed.containers);
        let owned_by_none: Vec<&'a Container> = orphans(project, containers)
            .filter(|container| !self.is_of_undone_run(&container.labels))
            .collect();
        let mut ended: Vec<&'a Container> = ended_oneoffs(project, containers).collect();
        if self.policy.leave_one_offs {
            ended.clear();
        }
        self.drop_all(ended, Cause::EndedOneOff);
        if self.policy.remove_orphans {
            self.drop_all(owned_by_none, Cause::Orphan);
            return;
        }
        let mut names: Vec<&str> = owned_by_none.iter().map(|container| container.name.as_str()).collect();
        names.sort_unstable();
        let them = match names.len() {
            0 => return,
            1 => "it",
            _ => "them",
        };
        let names = names.join(", ");
        self.notes.push(format!("no service of the files owns {names}; `--remove-orphans` removes {them}"));
    }

    fn drop_all(&mut self, containers: Vec<&'a Container>, cause: Cause) {
        self.leaving.extend(containers.iter().map(|container| (&container.id, cause.clone())));
        self.settling.extend(containers.into_iter().map(Settling::Drop));
    }

    /// Plans the operations behind the barrier. Returns which operation removes which container. A container gets its name after
    /// the one that has it is removed, which may belong to another service.
    pub(super) fn settle(&mut self, barrier: OpId) -> BTreeMap<&'a ContainerId, OpId> {
        let mut removals = BTreeMap::new();
        let mut later = Vec::new();
        for settling in std::mem::take(&mut self.settling) {
            match settling {
                Settling::Replace { replica, old, new, name } => {
                    let mut needs = vec![barrier];
                    for container in old {
                        if self.policy.renew_volumes {
                            self.note_left_volumes(container);
                        }
                        let removed = self.remove(&replica, container, barrier, false);
                        removals.insert(&container.id, removed);
                        needs.push(removed);
                    }
                    let Some(name) = name else { continue };
                    needs.extend(self.holder(&name).and_then(|holder| removals.get(&holder.id)));
                    let holder = self.holder(&name).filter(|holder| !removals.contains_key(&holder.id));
                    let rename = Rename { replica, container: new, name, needs };
                    match holder {
                        Some(holder) => later.push((rename, holder)),
                        None => self.rename(rename),
                    }
                }
                Settling::Drop(container) => {
                    self.note_left_volumes(container);
                    let removed = self.remove(&Replica::of(container), container, barrier, true);
                    removals.insert(&container.id, removed);
                }
            }
        }
        for (mut rename, holder) in later {
            rename.needs.extend(removals.get(&holder.id));
            self.rename(rename);
        }
        removals
    }

    /// Notes the anonymous volumes of a removed container that no other container gets: a deploy removes no data.
    fn note_left_volumes(&mut self, container: &Container) {
        let names: Vec<&str> = container.anonymous_volumes().collect();
        if !names.is_empty() {
            let (name, names) = (&container.name, names.join(" "));
            self.notes.push(format!(
                "what {name} had in anonymous volumes stays: `docker volume rm {names}` removes it"
            ));
        }
    }

    fn rename(&mut self, Rename { replica, container, name, needs }: Rename) {
        let group = Group::Service(replica.service.clone());
        self.draft.add(group, &needs, Action::RenameContainer { replica, container, name }, Cause::None);
    }

    /// Stops and removes a container. Users notice that if no other container replaces it.
    fn remove(&mut self, replica: &Replica, container: &'a Container, barrier: OpId, noticed: bool) -> OpId {
        let cause = self.leaving.get(&container.id).cloned().unwrap_or_default();
        let group = Group::Service(replica.service.clone());
        let target = ContainerRef::of(container);
        let mut needs = vec![barrier];
        if container.is_up() && self.is_ended(container).is_none() {
            let (replica, container) = (replica.clone(), target.clone());
            let action = Action::StopContainer { replica, container, grace: None };
            let stopped = self.draft.add(group.clone(), &needs, action, cause.clone());
            if noticed {
                self.draft.disruptive(stopped);
            }
            needs = vec![stopped];
        }
        let action = Action::RemoveContainer { replica: replica.clone(), container: target, volumes: false };
        self.draft.add(group, &needs, action, cause)
    }
}
