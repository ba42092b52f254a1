//! The GPUs that containers of other projects use: a worker must not share one.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::diag::finding::Finding;
use crate::engine::Engine;
use crate::error::Failure;
use crate::guard::{self, Candidate, GpuUser};
use crate::ops::Context;
use crate::ops::failure::engine_failure;

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
