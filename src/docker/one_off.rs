//! The container of a command that runs once, beside those of its service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compose::model::ServiceName;
use crate::engine::Engine;
use crate::engine::EngineError;
use crate::engine::convert::{self, ContainerLabels, Instance};
use crate::labels;
use crate::plan::desired::{Desired, DesiredService};
use crate::plan::image_volumes;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::sharing::creation_parents;
use crate::state::{Process, ProcessState};

/// A one-off container to create.
#[derive(Debug)]
pub struct OneOff<'a> {
    pub name: &'a str,
    /// The random part of the usual name, for docker compose.
    pub slug: &'a str,
    /// Whether its service's name and aliases are its own too.
    pub aliases: bool,
    /// Whether it gets the input of an attached process.
    pub input: bool,
    /// Who removes it, where somebody does.
    pub attended: Option<Attended>,
}

/// The process that removes a one-off container when it has ended. If that process is killed, a later one removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attended {
    pub process: Process,
    /// Whether it has a terminal, from which an operator can detach and leave it running.
    pub terminal: bool,
}

/// Creates the container; its service is the model's, with what the command line says. Returns its id, and the keys of the service that
/// the engine ignores.
///
/// # Errors
/// A service that this engine cannot make a container of; those of the engine.
pub async fn create(
    engine: &Engine,
    desired: &Desired<'_>,
    observed: &Observed,
    service: &DesiredService<'_>,
    one_off: &OneOff<'_>,
) -> Result<(ContainerId, Vec<String>), EngineError> {
    let found = |name: &str| observed.first_container(name);
    let parents: BTreeMap<ServiceName, ContainerId> = creation_parents(service.service)
        .into_iter()
        .filter_map(|name| Some((name.into(), found(name)?.id.clone())))
        .collect();
    let linked = service.service.links.iter().map(|link| link.split(':').next().unwrap_or(link));
    let of_service = |name: &str| -> Vec<(String, u32)> {
        let own = observed.containers.iter().filter(|container| container.service == name);
        own.filter(|container| !container.oneoff).map(|found| (found.name.clone(), found.number)).collect()
    };
    let mode = desired.mode.map(|mode| (labels::sofa::MODE.to_owned(), mode.to_owned()));
    let attended = one_off.attended.as_ref().and_then(|attended| serde_json::to_string(attended).ok());
    let attended = attended.map(|attended| (labels::sofa::ATTENDED.to_owned(), attended));
    let labels = ContainerLabels {
        replica: convert::Replica::OneOff(one_off.slug.to_owned()),
        version: desired.dialect.version().to_string(),
        config_hash: desired.hash_beside(service, &parents),
        image_digest: service.found.map(|image| image.digest.clone()).unwrap_or_default(),
        replaces: None,
        sofa: [mode, attended].into_iter().flatten().collect(),
    };
    let instance = Instance {
        name: one_off.name.to_owned(),
        final_name: one_off.name.to_owned(),
        image: service.image.clone(),
        labels: labels.build(desired.project, service.service),
        parents,
        links: linked.map(|name| (name.into(), of_service(name))).collect(),
        inherited: Vec::new(),
        service_aliases: one_off.aliases,
        edge: None,
        attached_input: one_off.input,
        publish: true,
    };
    let mountable = image_volumes::mountable(desired.project, service.service, &service.moved);
    let new =
        convert::container(desired.project, &mountable, &instance, engine.target()).map_err(|error| {
            EngineError::Failed {
                call: format!("container of service `{}`", service.service.name),
                message: error.to_string(),
            }
        })?;
    Ok((engine.create(&new).await?.id, new.ignored().to_vec()))
}

/// The one-off containers whose process was killed before it could remove them. One that runs with a terminal is not among them: its
/// operator may have detached.
pub fn abandoned(observed: &Observed) -> impl Iterator<Item = &Container> {
    observed.containers.iter().filter(|container| {
        let attended = container.labels.get(labels::sofa::ATTENDED);
        let attended = attended.and_then(|text| serde_json::from_str::<Attended>(text).ok());
        attended.is_some_and(|Attended { process, terminal }| {
            let may_be_detached = terminal && container.is_up();
            container.oneoff && !may_be_detached && process.state() == ProcessState::Ended
        })
    })
}
