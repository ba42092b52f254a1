//! Gives containers back what a run that was cut off may have taken from them: their restart policy, which is switched off
//! from the moment a container is to be stopped.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::engine::{Engine, EngineError, convert};
use crate::plan::action::{Action, ContainerRef};
use crate::plan::desired::Desired;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::operation::{Operation, Plan};

/// Gives every container that the plan leaves in place the policy that its service has in the model.
///
/// # Errors
/// Those of the engine; one that is gone meanwhile is none.
pub async fn restart_policies(
    engine: &Engine,
    plan: &Plan,
    desired: &Desired<'_>,
    observed: &Observed,
) -> Result<(), EngineError> {
    let removed: BTreeSet<&ContainerId> = plan.operations.iter().filter_map(removed).collect();
    let staying = |container: &&Container| !container.oneoff && !removed.contains(&container.id);
    let mending = observed.containers.iter().filter(staying).filter_map(|container| {
        let policy = convert::restart_policy(desired.service(&container.service)?.service);
        Some(async move {
            match engine.set_restart_policy(&container.id, policy).await {
                Err(error) if error.is_not_found() => Ok(()),
                outcome => outcome,
            }
        })
    });
    try_join_all(mending).await.map(drop)
}

/// The container that an operation removes, where it is there already.
fn removed(operation: &Operation) -> Option<&ContainerId> {
    match &operation.action {
        Action::RemoveContainer { container: ContainerRef::Existing { id, .. }, .. } => Some(id),
        _ => None,
    }
}
