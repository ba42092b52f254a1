//! Restores restart policies after an interrupted run: a run switches off the policy of a container that it will stop.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::engine::{Engine, EngineError, convert};
use crate::plan::action::{Action, ContainerRef};
use crate::plan::desired::Desired;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::operation::{Operation, Plan};
use crate::plan::sharing::parents;

/// Gives every container that the plan keeps the policy of its service in the model, and every running container that is replaced
/// the policy of the last release, since the plan's undo restores the policy that it finds. A stopped container that is replaced
/// keeps none until it is started again.
///
/// # Errors Those of the engine, except for a container that does not exist any more.
pub async fn restore(
    engine: &Engine,
    plan: &Plan,
    desired: &Desired<'_>,
    observed: &Observed,
) -> Result<(), EngineError> {
    let removed: BTreeSet<&ContainerId> = plan.operations.iter().filter_map(removed).collect();
    let service = |container: &Container| match removed.contains(&container.id) {
        false => desired.service(&container.service).map(|desired| desired.service),
        true if container.is_up() => {
            let released = observed.released.as_ref()?.service(&container.service)?;
            observed.released_service(container, &parents(released, observed))
        }
        true => None,
    };
    let containers = observed.containers.iter().filter(|container| !container.oneoff);
    let restored = containers.filter_map(|container| {
        let policy = convert::restart_policy(service(container)?);
        Some(async move {
            match engine.set_restart_policy(&container.id, policy).await {
                Err(error) if error.is_not_found() => Ok(()),
                outcome => outcome,
            }
        })
    });
    try_join_all(restored).await.map(drop)
}

/// The container that an operation removes, where it is there already.
fn removed(operation: &Operation) -> Option<&ContainerId> {
    match &operation.action {
        Action::RemoveContainer { container: ContainerRef::Existing { id, .. }, .. } => Some(id),
        _ => None,
    }
}
