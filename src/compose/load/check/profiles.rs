//! Which services are enabled (Compose spec, “profiles”), and which resources are left for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::model::{MountKind, Project, Service, ServiceName, VolumeName};

/// Moves the services that no active profile enables aside. A named service brings its own profiles.
pub(crate) fn apply(project: &mut Project, profiles: &[String], named: &[ServiceName]) {
    let mut active: Vec<String> = profiles.to_vec();
    for service in named.iter().filter_map(|name| project.services.get(name)) {
        active.extend(service.profiles.iter().filter(|profile| !profiles.contains(profile)).cloned());
    }
    // `profiles: ["${PROFILE:-}"]`: where no profile is named, docker compose takes the empty name for the active one.
    let nameless = profiles.is_empty();
    let enabled = |service: &Service| {
        service.profiles.is_empty()
            || (nameless && service.profiles.iter().any(String::is_empty))
            || active.iter().any(|profile| profile == "*" || service.profiles.contains(profile))
    };
    let all = std::mem::take(&mut project.services);
    let (on, off) = all.into_iter().partition(|(_, service)| enabled(service));
    project.services = on;
    project.disabled_services = off;
    project.profiles = active;
}

/// Keeps the named services and their dependencies; the others become disabled. Resources without users are dropped.
pub fn select(project: &mut Project, named: &[ServiceName]) {
    let mut wanted = BTreeSet::new();
    let mut open: Vec<ServiceName> = named.to_vec();
    while let Some(name) = open.pop() {
        if let Some(service) = project.services.get(&name)
            && wanted.insert(name)
        {
            open.extend(service.depends_on.keys().cloned());
        }
    }
    let all = std::mem::take(&mut project.services);
    let (kept, others) = all.into_iter().partition(|(name, _)| wanted.contains(name));
    project.services = kept;
    project.disabled_services.extend::<BTreeMap<_, _>>(others);
    drop_unused(project);
}

/// Drops networks, volumes, secrets, configs and models that no enabled service uses.
pub(crate) fn drop_unused(project: &mut Project) {
    let mut networks = BTreeSet::new();
    let mut volumes: BTreeSet<VolumeName> = BTreeSet::new();
    let mut secrets = BTreeSet::new();
    let mut configs = BTreeSet::new();
    let mut models = BTreeSet::new();
    for service in project.services.values() {
        networks.extend(service.networks.keys().cloned());
        let named = service
            .volumes
            .iter()
            .filter(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty());
        volumes.extend(named.map(|mount| mount.source.as_str().into()));
        let build = service.build.iter().flat_map(|build| &build.secrets);
        secrets.extend(service.secrets.iter().chain(build).map(|secret| secret.source.clone()));
        configs.extend(service.configs.iter().map(|config| config.source.clone()));
        models.extend(service.models.keys().cloned());
    }
    project.networks.retain(|name, _| networks.contains(name));
    project.volumes.retain(|name, _| volumes.contains(name));
    project.secrets.retain(|name, _| secrets.contains(name));
    project.configs.retain(|name, _| configs.contains(name));
    project.models.retain(|name, _| models.contains(name));
}
