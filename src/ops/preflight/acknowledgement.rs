//! When the tasks of running workers are acknowledged: asked in their containers, since only the application says it.

use futures_util::future::join_all;

use crate::diag::finding::Finding;
use crate::docker::handover;
use crate::engine::Engine;
use crate::error::Failure;
use crate::guard::{self, Candidate};
use crate::ops::failure::engine_failure;

/// The findings about workers that are asked for a hand-over and acknowledge a task before it is done. Asks nothing where no file
/// asks for one.
///
/// # Errors
/// Those of the engine.
pub async fn early(engine: &Engine, candidate: &Candidate<'_>) -> Result<Vec<Finding>, Failure> {
    let services = guard::asked_for_a_handover(candidate);
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let observed = engine.observe_project(&candidate.loaded.project.name).await.map_err(engine_failure)?;
    let running = services.into_iter().filter_map(|service| {
        let mut own = observed.containers.iter().filter(|found| found.service == service);
        own.find(|found| found.is_up() && !found.oneoff).map(|found| (service, found))
    });
    let asked = running.map(async |(service, container)| {
        let status = handover::look(engine, &container.id).await.ok()?.ok()?;
        (status.acks_late == Some(false)).then_some(service)
    });
    let early: Vec<&str> = join_all(asked).await.into_iter().flatten().collect();
    Ok(guard::early_acknowledgement(candidate, &early))
}
