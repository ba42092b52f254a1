//! The lists that `config` prints: names of services, images, volumes, networks, profiles; variables; the environment.

use std::collections::BTreeSet;

use crate::compose::load::Loaded;
use crate::compose::model::Project;

/// Names of the enabled services, sorted.
pub fn services(project: &Project) -> Vec<String> {
    project.services.keys().map(ToString::to_string).collect()
}

/// Images of the enabled services; one that is built and has no name of its own is `PROJECT-SERVICE`.
pub fn images(project: &Project) -> Vec<String> {
    let images = project.services.values().map(|service| match service.image.as_str() {
        "" => format!("{}-{}", project.name, service.name),
        image => image.to_owned(),
    });
    images.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Keys of the volumes in use.
pub fn volumes(project: &Project) -> Vec<String> {
    project.volumes.keys().map(ToString::to_string).collect()
}

/// Keys of the networks in use.
pub fn networks(project: &Project) -> Vec<String> {
    project.networks.keys().map(ToString::to_string).collect()
}

/// The models that services in use ask for.
pub fn models(project: &Project) -> Vec<String> {
    let models = project.models.values().map(|model| model.model.clone());
    models.filter(|model| !model.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Every profile that a service names, enabled or not.
pub fn profiles(project: &Project) -> Vec<String> {
    let services = project.services.values().chain(project.disabled_services.values());
    services
        .flat_map(|service| service.profiles.iter().cloned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The variables of the files, a row each: name, whether required, default, alternate value.
pub fn variables(loaded: &Loaded) -> Vec<[String; 4]> {
    let rows = loaded.variables.iter().map(|(name, variable)| {
        [
            name.clone(),
            variable.required.to_string(),
            variable.default.clone().unwrap_or_default(),
            variable.alternate.clone().unwrap_or_default(),
        ]
    });
    rows.collect()
}

/// `NAME=value` of every variable that interpolation saw.
pub fn environment(project: &Project) -> Vec<String> {
    project.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
}
