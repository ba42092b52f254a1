//! The lists that `config` prints: names of services, images, volumes, networks, profiles; variables; the environment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::compose::load::Loaded;
use crate::compose::model::Project;

/// Names of the enabled services, sorted.
pub fn services(project: &Project) -> Vec<String> {
    project.services.keys().map(ToString::to_string).collect()
}

/// Images of the enabled services. A built image without an explicit name is `PROJECT-SERVICE`.
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

/// The variables of the files by name, as docker compose prints them in JSON.
pub fn variables_by_name(loaded: &Loaded) -> BTreeMap<&str, Variable<'_>> {
    let variables = loaded.variables.iter().map(|(name, variable)| {
        let variable = Variable {
            name,
            default_value: variable.default.as_deref().unwrap_or_default(),
            presence_value: variable.alternate.as_deref().unwrap_or_default(),
            required: variable.required,
        };
        (name.as_str(), variable)
    });
    variables.collect()
}

/// One variable of the files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Variable<'a> {
    name: &'a str,
    default_value: &'a str,
    /// The value that it has where it is set: `${NAME:+value}`.
    presence_value: &'a str,
    required: bool,
}

/// The same with the keys that docker compose prints in YAML.
pub fn lower_case<'a>(variables: &BTreeMap<&'a str, Variable<'a>>) -> BTreeMap<&'a str, LowerCase<'a>> {
    let lower = |variable: &Variable<'a>| LowerCase {
        name: variable.name,
        defaultvalue: variable.default_value,
        presencevalue: variable.presence_value,
        required: variable.required,
    };
    variables.iter().map(|(name, variable)| (*name, lower(variable))).collect()
}

#[derive(Debug, Serialize)]
pub struct LowerCase<'a> {
    name: &'a str,
    defaultvalue: &'a str,
    presencevalue: &'a str,
    required: bool,
}

/// `NAME=value` of every variable that interpolation saw.
pub fn environment(project: &Project) -> Vec<String> {
    project.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
}
