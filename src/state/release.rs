//! The model of a release, for rollbacks. It is the resolved model, so a rollback does not need the files, variables and
//! services of that time.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::model::{MountKind, Project, Service, ServiceName};

/// The model after a run: services of the run as in the files now, other services as in the release before, since the
/// run did not change them. Services that are no longer in the files, or never ran, are in no release.
pub fn model(now: &Project, scope: &BTreeSet<&str>, before: Option<Project>) -> Project {
    let mut model = Project { environment: BTreeMap::new(), ..now.clone() };
    model.services.retain(|name, _| scope.contains(name.as_str()));
    let Some(before) = before else { return model };
    let untouched = before
        .services
        .into_iter()
        .filter(|(name, _)| now.services.contains_key(name) && !scope.contains(name.as_str()));
    model.services.extend(untouched);
    keep_missing(&mut model.networks, before.networks);
    keep_missing(&mut model.volumes, before.volumes);
    keep_missing(&mut model.secrets, before.secrets);
    keep_missing(&mut model.configs, before.configs);
    model
}

fn keep_missing<K: Ord, V>(now: &mut BTreeMap<K, V>, before: BTreeMap<K, V>) {
    for (key, value) in before {
        now.entry(key).or_insert(value);
    }
}

/// The variables of each service that differ in `today`, or are set in only one of the two. Only names, since values
/// may be secret. Services that only one of the two has are left out.
pub fn changed_variables(then: &Project, today: &Project) -> BTreeMap<ServiceName, BTreeSet<String>> {
    let both = then.services.iter().filter_map(|(name, then)| Some((name, then, today.services.get(name)?)));
    both.map(|(name, then, today)| (name.clone(), different(then, today)))
        .filter(|(_, names)| !names.is_empty())
        .collect()
}

fn different(then: &Service, today: &Service) -> BTreeSet<String> {
    let names = then.environment.keys().chain(today.environment.keys());
    names.filter(|name| then.environment.get(*name) != today.environment.get(*name)).cloned().collect()
}

/// Replaces the environment of a model's services by that in `today`.
pub fn with_environment_of(model: &mut Project, today: &Project) {
    for (name, service) in &mut model.services {
        if let Some(today) = today.services.get(name) {
            service.environment.clone_from(&today.environment);
        }
    }
}

/// The files and folders of the host that services of a model mount. Their content is in no release.
pub fn bound_paths<'a>(model: &'a Project, services: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let named = |service: &&Service| services.contains(service.name.as_str());
    model.services.values().filter(named).flat_map(|service| paths_of(model, service)).collect()
}

fn paths_of<'a>(model: &'a Project, service: &'a Service) -> impl Iterator<Item = &'a str> {
    let mounts = service.volumes.iter().filter(|mount| mount.kind == MountKind::Bind);
    let secrets = service.secrets.iter().filter_map(|used| model.secrets.get(&used.source));
    let configs = service.configs.iter().filter_map(|used| model.configs.get(&used.source));
    let files = secrets.chain(configs).map(|object| object.file.as_str()).filter(|path| !path.is_empty());
    mounts.map(|mount| mount.source.as_str()).chain(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::{FileObject, FileReference, Mount, Network};

    fn service(name: &str, image: &str, environment: &[(&str, &str)]) -> Service {
        let environment =
            environment.iter().map(|(name, value)| (name.to_string(), Some(value.to_string()))).collect();
        Service { name: name.into(), image: image.into(), environment, ..Service::default() }
    }

    fn project(services: impl IntoIterator<Item = Service>) -> Project {
        let services = services.into_iter().map(|service| (service.name.clone(), service)).collect();
        Project { services, ..Project::default() }
    }

    fn images(project: &Project) -> Vec<String> {
        project.services.values().map(|service| format!("{} {}", service.name, service.image)).collect()
    }

    #[test]
    fn services_outside_the_scope_are_as_in_the_release_before() {
        let before = project([service("report", "r:1", &[]), service("predict", "p:1", &[])]);
        let now = project([
            service("report", "r:2", &[]),
            service("predict", "p:2", &[]),
            service("score", "s:2", &[]),
        ]);
        let after = model(&now, &BTreeSet::from(["report"]), Some(before));
        assert_eq!(images(&after), ["predict p:1", "report r:2"]);
    }

    #[test]
    fn objects_of_unchanged_services_are_kept_and_those_removed_from_the_files_are_not() {
        let mut before = project([service("a", "1", &[]), service("gone", "1", &[])]);
        let network = Network { name: "old".into(), ..Network::default() };
        before.networks.insert("back".into(), network.clone());
        before.networks.insert("front".into(), network.clone());
        let mut now = project([service("a", "2", &[]), service("b", "2", &[])]);
        now.networks.insert("front".into(), Network { name: "new".into(), ..Network::default() });
        let after = model(&now, &BTreeSet::from(["b"]), Some(before));
        assert_eq!(images(&after), ["a 1", "b 2"]);
        assert_eq!(
            (after.networks["back"].name.as_str(), after.networks["front"].name.as_str()),
            ("old", "new")
        );
    }

    #[test]
    fn the_environment_of_interpolation_is_in_no_release() {
        let mut now = project([service("a", "1", &[])]);
        now.environment.insert("TOKEN".into(), "hidden".into());
        assert!(model(&now, &BTreeSet::from(["a"]), None).environment.is_empty());
    }

    #[test]
    fn variables_that_differ_are_named_by_service() {
        let then = project([
            service("a", "1", &[("SAME", "1"), ("MODE", "x"), ("GONE", "1")]),
            service("b", "1", &[]),
        ]);
        let today = project([
            service("a", "2", &[("SAME", "1"), ("MODE", "y"), ("NEW", "1")]),
            service("c", "1", &[]),
        ]);
        let changed = changed_variables(&then, &today);
        let names: Vec<&str> = changed["a"].iter().map(String::as_str).collect();
        assert_eq!((changed.len(), names), (1, vec!["GONE", "MODE", "NEW"]));
    }

    #[test]
    fn a_model_can_have_todays_environment() {
        let mut then = project([service("a", "1", &[("MODE", "x")]), service("b", "1", &[("KEEP", "1")])]);
        with_environment_of(&mut then, &project([service("a", "2", &[("MODE", "y")])]));
        assert_eq!(then.services["a"].environment["MODE"].as_deref(), Some("y"));
        assert_eq!(then.services["b"].environment["KEEP"].as_deref(), Some("1"));
        assert_eq!(images(&then), ["a 1", "b 1"]);
    }

    #[test]
    fn host_paths_of_mounts_secrets_and_configs_are_listed() {
        let mut a = service("a", "1", &[]);
        a.volumes.push(Mount { kind: MountKind::Bind, source: "/srv/rules".into(), ..Mount::default() });
        a.volumes.push(Mount { source: "data".into(), ..Mount::default() });
        a.secrets.push(FileReference { source: "token".into(), ..FileReference::default() });
        let mut then = project([a, service("b", "1", &[])]);
        then.secrets
            .insert("token".into(), FileObject { file: "/srv/token".into(), ..FileObject::default() });
        assert_eq!(bound_paths(&then, &BTreeSet::from(["a"])), BTreeSet::from(["/srv/rules", "/srv/token"]));
        assert!(bound_paths(&then, &BTreeSet::from(["b"])).is_empty());
    }
}
