//! The processes of the containers in scope. Works from labels and reads no file.

use futures_util::future::try_join_all;

use crate::engine::processes::Processes;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;

/// The processes of each container that is up, by its name.
///
/// # Errors
/// A named service that the project does not have; those of the engine.
pub async fn processes(context: &Context) -> Result<Vec<(String, Processes)>, Failure> {
    let live = context.live_project(View::Project).await?;
    let up = live.scope.pick(&live.observed.containers).into_iter().filter(|container| container.is_up());
    let asked = up.map(async |container| {
        let found = live.engine.processes(&container.id).await?;
        Ok((container.name.clone(), found))
    });
    try_join_all(asked).await.map_err(engine_failure)
}
