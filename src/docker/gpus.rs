//! Whether the engine can start a container with the GPUs that a service asks for, and what it sees of them: found out with a
//! container that is removed again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::compose::model::{Command, Deploy, Project, Resource, Resources, Service};
use crate::engine::container::{Removal, WaitFor};
use crate::engine::convert::{self, Instance};
use crate::engine::{Engine, EngineError, ignore_missing};
use crate::labels::sofa;
use crate::plan::desired::DesiredService;
use crate::plan::observed::ContainerId;

/// How long the container may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The query for `nvidia-smi`, which prints a line for each GPU.
const QUESTION: [&str; 3] = [
    "nvidia-smi",
    "--query-gpu=index,name,driver_version,memory.free,memory.total",
    "--format=csv,noheader,nounits",
];

/// The result of starting a container with GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpus {
    /// It started and saw these GPUs; none if its image has no `nvidia-smi`.
    Seen(Vec<Gpu>),
    /// The engine cannot give it the GPUs: its own words.
    Refused(String),
}

/// A GPU as a container sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpu {
    pub index: u32,
    pub name: String,
    pub driver: String,
    /// In MiB.
    pub memory_free: u64,
    /// In MiB.
    pub memory_total: u64,
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gpu { index, name, driver, memory_free, memory_total } = self;
        write!(f, "GPU {index}: {name}, driver {driver}, {memory_free} of {memory_total} MiB free")
    }
}

/// Whether a service's containers need GPUs from the engine.
pub fn asks_for_gpus(service: &Service) -> bool {
    let reserved = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    let is_gpu = |name: &String| name == "gpu";
    let reserves = reserved
        .is_some_and(|reserved| reserved.devices.iter().any(|device| device.capabilities.iter().any(is_gpu)));
    !service.gpus.is_empty() || reserves || service.runtime == "nvidia"
}

/// Starts a container with a service's image and its GPUs, and removes it.
///
/// # Errors
/// Those of the engine that are not about GPUs.
pub async fn probe(
    engine: &Engine,
    project: &Project,
    service: &DesiredService<'_>,
) -> Result<Gpus, EngineError> {
    let name = format!("sofa.gpus.{}.{}", project.name, service.service.name);
    let all = Removal { force: true, anonymous_volumes: true };
    // One that was left by a killed run. One that runs belongs to another command.
    let ended = Removal { force: false, ..all };
    if let Err(error) = ignore_missing(engine.remove(&ContainerId(name.clone()), ended).await)
        && !error.is_conflict()
    {
        return Err(error);
    }
    let instance = Instance {
        final_name: name.clone(),
        name,
        image: service.image.clone(),
        labels: BTreeMap::from([(sofa::PROJECT.to_owned(), project.name.to_string())]),
        ..Instance::default()
    };
    let Ok(new) = convert::container(project, &bare(service.service), &instance, engine.target()) else {
        return Ok(Gpus::Seen(Vec::new()));
    };
    let created = match engine.create(&new).await {
        Err(error) => return refused(error),
        Ok(created) => created.id,
    };
    let outcome = look(engine, &created).await;
    ignore_missing(engine.remove(&created, all).await)?;
    outcome.or_else(refused)
}

async fn look(engine: &Engine, id: &ContainerId) -> Result<Gpus, EngineError> {
    engine.start(id).await?;
    // A question that hangs says nothing about the GPUs.
    if let Ok(ended) = tokio::time::timeout(LIMIT, engine.wait(id, WaitFor::NotRunning)).await {
        ended?;
    }
    let lines = engine.log_tail(id, 64).await?;
    Ok(Gpus::Seen(lines.iter().filter_map(|line| gpu(&line.text)).collect()))
}

/// An answer that is about GPUs; other failures are the deploy's own to meet.
fn refused(error: EngineError) -> Result<Gpus, EngineError> {
    let reason = error.reason().to_string();
    let about_gpus = ["device driver", "nvidia", "runtime name", "CDI"];
    match about_gpus.iter().any(|part| reason.contains(part)) && !reason.contains(QUESTION[0]) {
        true => Ok(Gpus::Refused(reason)),
        // Another command asks at this moment, and has removed the container or has the name.
        false if error.is_conflict() || error.is_not_found() => Ok(Gpus::Seen(Vec::new())),
        // The image has no `nvidia-smi`, or no loader for it: the GPUs were given.
        false if reason.contains(QUESTION[0]) => Ok(Gpus::Seen(Vec::new())),
        false => Err(error),
    }
}

fn gpu(line: &str) -> Option<Gpu> {
    let mut cells = line.split(',').map(str::trim);
    Some(Gpu {
        index: cells.next()?.parse().ok()?,
        name: cells.next()?.to_owned(),
        driver: cells.next()?.to_owned(),
        memory_free: cells.next()?.parse().ok()?,
        memory_total: cells.next()?.parse().ok()?,
    })
}

/// The service's GPUs and nothing else of it.
fn bare(service: &Service) -> Service {
    let reserved = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    let devices = reserved.map(|reserved| reserved.devices.clone()).unwrap_or_default();
    let reservations = Some(Resource { devices, ..Resource::default() });
    Service {
        name: service.name.clone(),
        entrypoint: Command(Some(QUESTION.map(String::from).to_vec())),
        command: Command(Some(Vec::new())),
        network_mode: "none".to_owned(),
        gpus: service.gpus.clone(),
        runtime: service.runtime.clone(),
        deploy: Some(Deploy {
            resources: Resources { reservations, ..Resources::default() },
            ..Deploy::default()
        }),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_gpu() {
        let found = gpu("0, NVIDIA A100-SXM4-80GB, 550.54.15, 80000, 81920").unwrap();
        assert_eq!((found.name.as_str(), found.memory_free), ("NVIDIA A100-SXM4-80GB", 80_000));
        assert_eq!(gpu("NVIDIA-SMI has failed because it couldn't communicate with the driver"), None);
    }

    #[test]
    fn only_answers_about_gpus_refuse() {
        let api = |text: &str| EngineError::Api { call: "start".into(), status: 500, message: text.into() };
        let driver = "could not select device driver \"nvidia\" with capabilities: [[gpu]]";
        assert!(matches!(refused(api(driver)), Ok(Gpus::Refused(_))));
        assert!(matches!(refused(api("unknown or invalid runtime name: nvidia")), Ok(Gpus::Refused(_))));
        let program = "exec: \"nvidia-smi\": executable file not found in $PATH";
        assert_eq!(refused(api(program)).ok(), Some(Gpus::Seen(Vec::new())));
        assert!(refused(api("no space left on device")).is_err());
    }
}
