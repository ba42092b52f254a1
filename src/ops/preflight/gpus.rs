//! GPUs: those that containers of other projects use, since a worker must not share one, and whether the engine can give any.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::compose::model::ServiceName;
use crate::diag::finding::Finding;
use crate::docker::gpus::{self, Gpu, Gpus};
use crate::engine::Engine;
use crate::error::Failure;
use crate::guard::{self, Candidate, GpuUser};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::plan::Problem;
use crate::plan::desired::{Desired, DesiredService};
use crate::plan::observed::Observed;

const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// The findings about GPUs in use. Asks the engine nothing where no worker reserves a GPU.
///
/// # Errors
/// Those of the engine.
pub async fn in_use(
    context: &Context,
    engine: &Engine,
    candidate: &Candidate<'_>,
) -> Result<Vec<Finding>, Failure> {
    if !guard::workers_use_gpus(candidate) {
        return Ok(Vec::new());
    }
    let own = candidate.loaded.project.name.as_str();
    let containers = engine.list_containers().await.map_err(engine_failure)?;
    let others = containers.iter().filter(|container| container.is_up() && container.project() != Some(own));
    let users = others.map(async |container| match engine.inspect(container.id.as_str()).await {
        Err(error) if error.is_not_found() => Ok(None),
        details => details.map(|details| {
            let requests = details.gpus.into_iter().map(|request| (request.count, request.ids)).collect();
            let visible = details.environment.get(VISIBLE).cloned();
            Some(GpuUser { container: details.name, requests, visible })
        }),
    });
    let users: Vec<Option<GpuUser>> = stream::iter(users)
        .buffered(context.settings.parallel)
        .try_collect()
        .await
        .map_err(engine_failure)?;
    Ok(guard::gpus_in_use(candidate, &users.into_iter().flatten().collect::<Vec<_>>()))
}

/// The GPUs of the services of a scope.
#[derive(Debug, Default)]
pub struct GpuReport {
    /// What the containers see; each GPU once.
    pub seen: Vec<Gpu>,
    /// The services that cannot have their GPUs, and why.
    pub refused: Vec<(ServiceName, String)>,
}

/// Asks for the GPUs of the services that have no container which has them already. Asks the engine nothing where there is none.
///
/// # Errors
/// Those of the engine that are not about GPUs.
pub async fn report(
    engine: &Engine,
    desired: &Desired<'_>,
    observed: &Observed,
) -> Result<GpuReport, Failure> {
    let is_up = |service: &DesiredService<'_>| {
        observed.containers.iter().any(|found| found.service == *service.service.name && found.is_up())
    };
    let asking = desired.services.values().filter(|service| {
        service.replicas > 0
            && service.found.is_some()
            && gpus::asks_for_gpus(service.service)
            && !is_up(service)
    });
    let mut report = GpuReport::default();
    // One after the other: a question may use a GPU alone.
    for service in asking {
        match gpus::probe(engine, desired.project, service).await.map_err(engine_failure)? {
            Gpus::Seen(seen) => report.seen.extend(seen),
            Gpus::Refused(why) => report.refused.push((service.service.name.clone(), why)),
        }
    }
    report.seen.sort_by_key(|gpu| gpu.index);
    report.seen.dedup();
    Ok(report)
}

/// The way out where an engine gives no GPUs.
const TOOLKIT: &str = "install the NVIDIA driver and `nvidia-container-toolkit` on the engine's machine, run \
                       `nvidia-ctk runtime configure --runtime=docker`, and restart Docker";

impl GpuReport {
    /// The failures that a deploy would have.
    pub fn problems(&self) -> Vec<Problem> {
        let refused = self.refused.iter();
        refused
            .map(|(service, why)| {
                Problem::of(service, format!("the engine cannot give it a GPU: {why}")).hint(TOOLKIT)
            })
            .collect()
    }
}
