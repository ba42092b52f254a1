//! The plan of `deploy`: networks and volumes, then per service what its containers need, then the barrier and what settles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::conflict;
use super::desired::{Desired, DesiredService, namespace_parents, volume_keys};
use super::draft::Draft;
use super::observed::{Container, Observed};
use super::operation::{Action, ContainerRef, Gate, Group, OnFailure, OpId, Plan, Replica, Undo};
use super::replica::{self, Fate, Slot};
use crate::compose::model::Condition;

/// How long containers without a gate of their own are watched before the plan settles, where
/// `update_config.monitor` says nothing.
const STABILITY_WINDOW: Duration = Duration::from_secs(2);

/// What the command line decides about a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which containers are replaced.
    pub recreate: Recreate,
    /// Whether the plan ends when everything is ready, not when everything is started (`--no-wait`).
    pub wait: bool,
    /// Whether a failure takes everything back (`--no-undo`).
    pub undo: bool,
    /// Whether containers of services that the files no longer have are removed.
    pub remove_orphans: bool,
    /// Whether new containers get new anonymous volumes.
    pub renew_volumes: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            recreate: Recreate::Diverged,
            wait: true,
            undo: true,
            remove_orphans: false,
            renew_volumes: false,
        }
    }
}

/// Which containers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recreate {
    /// Those that are not as the files say.
    Diverged,
    /// All of them.
    Force,
    /// None.
    Never,
}

/// Why a plan cannot be made; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is somebody else's property that stands in the way, not the files.
    pub owned: bool,
}

/// Plans a deploy.
///
/// # Errors
/// Every problem at once: missing external networks and volumes, networks and volumes whose configuration changed,
/// ports and names that others hold, dependencies whose health nobody can tell.
pub fn deploy(desired: &Desired<'_>, observed: &Observed, policy: Policy) -> Result<Plan, Vec<Problem>> {
    let mut deploy = Deploy {
        desired,
        observed,
        policy,
        draft: Draft::default(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        standings: BTreeMap::new(),
        settling: Vec::new(),
        watched: Vec::new(),
        unchanged: Vec::new(),
        notes: Vec::new(),
        problems: Vec::new(),
    };
    deploy.networks();
    deploy.volumes();
    deploy.dependencies_have_health();
    for service in desired.services.values() {
        deploy.service(service);
    }
    deploy.problems.extend(conflict::find(desired, observed));
    deploy.orphans();
    deploy.finish()
}

/// What the plan knows of a service that it has dealt with.
#[derive(Debug, Default)]
struct Standing {
    /// Operations after which its containers exist.
    created: Vec<OpId>,
    /// Operations after which it is started.
    started: Vec<OpId>,
    /// Operations after which it is ready.
    ready: Vec<OpId>,
    /// Whether a container of it is replaced.
    replaced: bool,
}

/// What is done once the barrier is passed.
enum Settling {
    /// The successor takes the name of what it replaces, which is removed.
    Replace {
        replica: Replica,
        old: Vec<Old>,
        new: ContainerRef,
        name: Option<String>,
    },
    /// A container that is not wanted any more is stopped and removed.
    Drop {
        replica: Replica,
        container: ContainerRef,
        running: bool,
        cause: String,
    },
}

/// A container that something else has taken the place of.
struct Old {
    container: ContainerRef,
    /// Whether it still runs when the plan settles.
    running: bool,
}

struct Deploy<'a> {
    desired: &'a Desired<'a>,
    observed: &'a Observed,
    policy: Policy,
    draft: Draft,
    networks: BTreeMap<&'a str, OpId>,
    volumes: BTreeMap<&'a str, OpId>,
    standings: BTreeMap<&'a str, Standing>,
    settling: Vec<Settling>,
    watched: Vec<(Replica, ContainerRef)>,
    unchanged: Vec<String>,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

impl<'a> Deploy<'a> {
    fn networks(&mut self) {
        for desired in &self.desired.networks {
            let name = &desired.network.name;
            let found = self
                .observed
                .networks
                .iter()
                .find(|network| network.name == *name);
            match found {
                None if desired.network.external => self.problem(
                    format!("network `{name}` is external and does not exist"),
                    Some(format!("create it: docker network create {name}")),
                ),
                None => {
                    let action = Action::CreateNetwork {
                        key: desired.key.into(),
                        name: name.clone(),
                    };
                    let id = self.draft.add(Group::Project, &[], action, "not there yet");
                    self.draft.undo(id, Undo::Remove);
                    self.networks.insert(desired.key, id);
                }
                Some(network) if desired.network.external || same_hash(&network.labels, &desired.hashes) => {}
                Some(_) => self.problem(
                    format!(
                        "network `{name}`: configuration changed, and a network cannot be changed in place"
                    ),
                    Some("`sofa down` removes it; the next deploy creates it anew".into()),
                ),
            }
        }
    }

    fn volumes(&mut self) {
        for desired in &self.desired.volumes {
            let name = &desired.volume.name;
            match self.observed.volumes.iter().find(|volume| volume.name == *name) {
                None if desired.volume.external => self.problem(
                    format!("volume `{name}` is external and does not exist"),
                    Some(format!("create it: docker volume create {name}")),
                ),
                None => {
                    let action = Action::CreateVolume {
                        key: desired.key.into(),
                        name: name.clone(),
                    };
                    let id = self.draft.add(Group::Project, &[], action, "not there yet");
                    self.volumes.insert(desired.key, id);
                }
                Some(volume) if desired.volume.external || same_hash(&volume.labels, &desired.hashes) => {}
                Some(_) => self.problem(
                    format!("volume `{name}`: configuration changed, and replacing it would lose its data"),
                    Some(
                        "give the volume another name in the files, or copy its data and remove it by hand"
                            .into(),
                    ),
                ),
            }
        }
    }

    /// A dependency on the health of a service that has no healthcheck can never hold.
    fn dependencies_have_health(&mut self) {
        let mut problems = Vec::new();
        for service in self.desired.services.values() {
            for (name, dependency) in service.dependencies() {
                let Some(other) = self.desired.service(name) else {
                    continue;
                };
                if dependency.condition == Condition::Healthy
                    && dependency.required
                    && matches!(other.gate, Gate::Running | Gate::Completed)
                    && other.found.is_some()
                {
                    problems.push((service.service.name.to_string(), name.to_string()));
                }
            }
        }
        for (service, dependency) in problems {
            self.problem(
                format!("service `{service}` waits for `{dependency}` to be healthy, and `{dependency}` has no healthcheck"),
                Some(format!("give `{dependency}` a `healthcheck:` or an `x-sofa.ready`, or depend on `service_started`")),
            );
        }
    }

    /// Plans the containers of one service; everything it depends on has been planned before.
    fn service(&mut self, service: &'a DesiredService<'a>) {
        let name = service.service.name.as_str();
        let forced = self.forced_by_others(service);
        let (slots, surplus) = replica::slots(
            self.desired,
            service,
            self.observed,
            self.policy,
            forced.as_deref(),
        );
        let mut standing = Standing::default();
        let group_size = update_group(service);
        let mut group: Vec<OpId> = Vec::new();
        let mut previous: Vec<OpId> = Vec::new();
        for (index, slot) in slots.iter().enumerate() {
            if index > 0 && index % group_size == 0 {
                previous = std::mem::take(&mut group);
            }
            group.extend(self.slot(service, slot, &previous, &mut standing));
        }
        for container in surplus {
            self.settling.push(Settling::Drop {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                running: container.is_up(),
                cause: format!("scaled to {}", service.replicas),
            });
        }
        if standing.started.is_empty() && standing.ready.is_empty() {
            self.unchanged.push(name.to_string());
        }
        self.standings.insert(name, standing);
    }

    /// Why the service's containers are replaced although nothing about themselves changed.
    fn forced_by_others(&self, service: &DesiredService<'_>) -> Option<String> {
        namespace_parents(service.service)
            .into_iter()
            .find(|parent| {
                self.standings
                    .get(parent)
                    .is_some_and(|standing| standing.replaced)
            })
            .map(|parent| format!("shares namespaces or mounts with {parent}, which is replaced"))
    }

    /// Plans one replica; returns the operations after which the next group of replicas may begin.
    fn slot(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        previous: &[OpId],
        standing: &mut Standing,
    ) -> Vec<OpId> {
        let replica = Replica {
            service: service.service.name.to_string(),
            number: slot.number,
        };
        let (new, begun) = match &slot.fate {
            Fate::Keep => {
                self.settle_leftovers(&replica, slot, None);
                return self.restart_with_dependency(service, slot, &replica, standing);
            }
            Fate::Await => (slot.current.map(ContainerRef::of), Vec::new()),
            Fate::Start(cause) => {
                let mut needs = self.begin_needs(service, previous);
                needs.extend(self.retire_all(&replica, &slot.leftovers, &needs));
                let container = slot.current.map(ContainerRef::of);
                let started = container
                    .clone()
                    .map(|found| self.start(service, &replica, found, &needs, cause));
                (container, started.into_iter().collect())
            }
            Fate::Unpause => {
                let container = slot.current.map(ContainerRef::of);
                let begun = container.clone().map(|container| {
                    let action = Action::UnpauseContainer {
                        replica: replica.clone(),
                        container,
                    };
                    self.draft.add(
                        Group::Service(replica.service.clone()),
                        previous,
                        action,
                        "it is paused",
                    )
                });
                (container, begun.into_iter().collect())
            }
            Fate::Create(cause) => {
                let (new, started) = self.replace(service, slot, &replica, previous, cause, standing);
                (Some(new), vec![started])
            }
        };
        let Some(new) = new else { return begun };
        if !matches!(slot.fate, Fate::Create(_)) {
            self.settle_leftovers(&replica, slot, Some(&new));
        }
        standing.started.extend(&begun);
        self.wait_for(service, &replica, new, begun, standing)
    }

    /// Creates a container, retires what it replaces, starts it. Stop-first: the gap is from that stop to this start.
    fn replace(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        replica: &Replica,
        previous: &[OpId],
        cause: &str,
        standing: &mut Standing,
    ) -> (ContainerRef, OpId) {
        let group = Group::Service(replica.service.clone());
        let old: Vec<&Container> = slot
            .current
            .into_iter()
            .chain(slot.leftovers.iter().copied())
            .collect();
        let name = match slot.current {
            Some(container) => format!("{}_{}", container.id.short(), slot.name),
            None => slot.name.clone(),
        };
        let replaces = slot
            .current
            .filter(|_| !self.policy.renew_volumes)
            .map(ContainerRef::of);
        let action = Action::CreateContainer {
            replica: replica.clone(),
            name,
            replaces,
        };
        let needs = self.create_needs(service);
        let created = self.draft.add(group, &needs, action, cause);
        self.draft.undo(created, Undo::Remove);
        standing.created.push(created);
        let new = ContainerRef::Created(created);
        let mut needs = self.begin_needs(service, previous);
        needs.push(created);
        needs.extend(self.retire_all(replica, &old, &needs));
        let started = self.start(service, replica, new.clone(), &needs, "");
        if !old.is_empty() {
            standing.replaced = true;
            self.settling.push(Settling::Replace {
                replica: replica.clone(),
                old: old
                    .into_iter()
                    .map(|container| Old {
                        container: ContainerRef::of(container),
                        running: false,
                    })
                    .collect(),
                new: new.clone(),
                name: slot.current.is_some().then(|| slot.name.clone()),
            });
        }
        (new, started)
    }

    fn start(
        &mut self,
        service: &DesiredService<'_>,
        replica: &Replica,
        container: ContainerRef,
        needs: &[OpId],
        cause: &str,
    ) -> OpId {
        let group = Group::Service(replica.service.clone());
        let action = Action::StartContainer {
            replica: replica.clone(),
            container,
        };
        let id = self.draft.add(group, needs, action, cause);
        self.draft.undo(id, Undo::Stop);
        if service.job {
            self.draft.one_way(id);
        }
        id
    }

    /// A container that is kept is restarted when a dependency with `restart: true` is replaced.
    fn restart_with_dependency(
        &mut self,
        service: &'a DesiredService<'a>,
        slot: &Slot<'a>,
        replica: &Replica,
        standing: &mut Standing,
    ) -> Vec<OpId> {
        let replaced = service.dependencies().find(|(name, dependency)| {
            dependency.restart && self.standings.get(name).is_some_and(|standing| standing.replaced)
        });
        let (Some((dependency, _)), Some(container)) = (replaced, slot.current) else {
            return Vec::new();
        };
        if !container.is_up() {
            return Vec::new();
        }
        let cause = format!("{dependency} is replaced, and `restart: true` is set");
        let needs = self.begin_needs(service, &[]);
        let group = Group::Service(replica.service.clone());
        let action = Action::StopContainer {
            replica: replica.clone(),
            container: ContainerRef::of(container),
            grace: None,
        };
        let stopped = self.draft.add(group, &needs, action, cause);
        self.draft.undo(stopped, Undo::Start);
        self.draft.disruptive(stopped);
        let started = self.start(service, replica, ContainerRef::of(container), &[stopped], "");
        standing.started.push(started);
        self.wait_for(
            service,
            replica,
            ContainerRef::of(container),
            vec![started],
            standing,
        )
    }

    /// Adds the wait for a replica's gate where anybody wants it; returns what must be done for it to count as ready.
    fn wait_for(
        &mut self,
        service: &'a DesiredService<'a>,
        replica: &Replica,
        container: ContainerRef,
        begun: Vec<OpId>,
        standing: &mut Standing,
    ) -> Vec<OpId> {
        if !self.policy.wait && !service.awaited {
            standing.ready.extend(&begun);
            return begun;
        }
        if service.gate == Gate::Running {
            self.watched.push((replica.clone(), container.clone()));
        }
        let action = Action::Await {
            replica: replica.clone(),
            container,
            gate: service.gate.clone(),
            optional: service.optional,
        };
        let id = self
            .draft
            .add(Group::Service(replica.service.clone()), &begun, action, "");
        standing.ready.push(id);
        vec![id]
    }

    /// What must be done before a container of the service can be created: its networks, volumes, namespaces.
    fn create_needs(&self, service: &DesiredService<'_>) -> Vec<OpId> {
        let networks = service
            .service
            .networks
            .keys()
            .filter_map(|key| self.networks.get(key.as_str()));
        let volumes = volume_keys(service.service).filter_map(|key| self.volumes.get(key));
        let parents = namespace_parents(service.service)
            .into_iter()
            .filter_map(|name| self.standings.get(name));
        networks
            .chain(volumes)
            .chain(parents.flat_map(|standing| &standing.created))
            .copied()
            .collect()
    }

    /// What must be done before a container of the service may begin: its dependencies, and replicas before it.
    fn begin_needs(&self, service: &DesiredService<'_>, previous: &[OpId]) -> Vec<OpId> {
        let mut needs = previous.to_vec();
        for (name, dependency) in service.dependencies() {
            let Some(standing) = self.standings.get(name) else {
                continue;
            };
            needs.extend(match dependency.condition {
                Condition::Started => &standing.started,
                Condition::Healthy | Condition::CompletedSuccessfully => &standing.ready,
            });
        }
        needs
    }

    /// What an interrupted run left beside a container that is kept goes when the plan settles; where the kept one
    /// still has a temporary name, it gets its own.
    fn settle_leftovers(&mut self, replica: &Replica, slot: &Slot<'_>, new: Option<&ContainerRef>) {
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
                    running: container.is_up() && !stopped,
                })
                .collect(),
            new: new.cloned().unwrap_or_else(|| ContainerRef::of(current)),
            name: renamed,
        });
    }

    /// Containers of services that the files do not have any more, made from the same files.
    fn orphans(&mut self) {
        let project = self.desired.project;
        let known =
            |name: &str| project.services.contains_key(name) || project.disabled_services.contains_key(name);
        let ours = config_files_label(project);
        let orphans: Vec<&Container> = self
            .observed
            .containers
            .iter()
            .filter(|container| !known(&container.service) && (!container.oneoff || !container.is_up()))
            .filter(|container| container.compose_label("project.config_files") == Some(ours.as_str()))
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
        self.settling
            .extend(orphans.into_iter().map(|container| Settling::Drop {
                replica: Replica::of(container),
                container: ContainerRef::of(container),
                running: container.is_up(),
                cause: "orphan: no service of the files owns it".into(),
            }));
    }

    fn finish(mut self) -> Result<Plan, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let barrier = self.barrier();
        for settling in std::mem::take(&mut self.settling) {
            self.settle(settling, barrier);
        }
        Ok(Plan {
            project: self.desired.project.name.to_string(),
            operations: self.draft.finish(),
            barrier,
            on_failure: if self.policy.undo {
                OnFailure::Undo
            } else {
                OnFailure::Halt
            },
            unchanged: self.unchanged,
            notes: self.notes,
        })
    }

    /// The end of everything that can be undone: one stability window for all that has no gate of its own.
    fn barrier(&mut self) -> Option<OpId> {
        let watched = if self.policy.wait {
            std::mem::take(&mut self.watched)
        } else {
            Vec::new()
        };
        if watched.is_empty() && self.settling.is_empty() {
            return None;
        }
        let window = if watched.is_empty() {
            Duration::ZERO
        } else {
            self.window(&watched)
        };
        let ends = self.draft.ends();
        Some(self.draft.add(
            Group::Project,
            &ends,
            Action::Steady {
                containers: watched,
                window,
            },
            "",
        ))
    }

    /// The longest `update_config.monitor` of the watched services, else the default.
    fn window(&self, watched: &[(Replica, ContainerRef)]) -> Duration {
        watched
            .iter()
            .filter_map(|(replica, _)| self.desired.service(&replica.service))
            .map(|service| {
                let update = service
                    .service
                    .deploy
                    .as_ref()
                    .and_then(|deploy| deploy.update_config.as_ref());
                update
                    .map(|update| update.monitor.0)
                    .filter(|monitor| !monitor.is_zero())
                    .unwrap_or(STABILITY_WINDOW)
            })
            .max()
            .unwrap_or(STABILITY_WINDOW)
    }

    fn settle(&mut self, settling: Settling, barrier: Option<OpId>) {
        let first: Vec<OpId> = barrier.into_iter().collect();
        match settling {
            Settling::Replace {
                replica,
                old,
                new,
                name,
            } => {
                let group = Group::Service(replica.service.clone());
                let mut needs = first.clone();
                for Old { container, running } in old {
                    needs.push(self.remove(&replica, container, running, &first, "replaced"));
                }
                if let Some(name) = name {
                    let action = Action::RenameContainer {
                        replica,
                        container: new,
                        name,
                    };
                    self.draft.add(group, &needs, action, "");
                }
            }
            Settling::Drop {
                replica,
                container,
                running,
                cause,
            } => {
                self.remove(&replica, container, running, &first, &cause);
            }
        }
    }

    /// Removes a container for good, after stopping it where it runs.
    fn remove(
        &mut self,
        replica: &Replica,
        container: ContainerRef,
        running: bool,
        needs: &[OpId],
        cause: &str,
    ) -> OpId {
        let group = Group::Service(replica.service.clone());
        let mut needs = needs.to_vec();
        if running {
            let (replica, container) = (replica.clone(), container.clone());
            let action = Action::StopContainer {
                replica,
                container,
                grace: None,
            };
            let stopped = self.draft.add(group.clone(), &needs, action, cause);
            self.draft.disruptive(stopped);
            needs = vec![stopped];
        }
        let action = Action::RemoveContainer {
            replica: replica.clone(),
            container,
            volumes: false,
        };
        self.draft.add(group, &needs, action, cause)
    }

    /// Ends what runs of these; returns the stops.
    fn retire_all(&mut self, replica: &Replica, old: &[&Container], needs: &[OpId]) -> Vec<OpId> {
        let up = old.iter().filter(|container| container.is_up());
        up.map(|container| {
            self.draft
                .retire(replica, &ContainerRef::of(container), needs, "replaced")
        })
        .collect()
    }

    fn problem(&mut self, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            message,
            hint,
            owned: false,
        });
    }
}

/// Whether the recorded config hash is one of the model's. Without a record there is nothing to compare with.
fn same_hash(labels: &BTreeMap<String, String>, hashes: &[String]) -> bool {
    labels
        .get("com.docker.compose.config-hash")
        .is_none_or(|recorded| hashes.contains(recorded))
}

/// How many replicas are replaced at once: `update_config.parallelism`, where 0 and nothing mean all.
fn update_group(service: &DesiredService<'_>) -> usize {
    let update = service
        .service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.update_config.as_ref());
    match update.and_then(|update| update.parallelism) {
        None | Some(0) => usize::MAX,
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
    }
}

/// The value of the label `project.config_files`.
fn config_files_label(project: &crate::compose::model::Project) -> String {
    let files: Vec<String> = project
        .compose_files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    files.join(",")
}
