//! Waits until containers end. Works from labels and reads no file.

use futures_util::future::select_all;

use crate::engine::container::WaitFor;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;

/// Waits for the first container in scope that ends; returns its service and its exit code. One that has ended counts.
///
/// # Errors
/// No container in scope; those of the engine.
pub async fn first_end(context: &Context) -> Result<(String, i64), Failure> {
    let live = context.live_project(View::Project).await?;
    let containers = live.scope.pick(&live.observed.containers).into_iter();
    let waits: Vec<_> = containers
        .filter(|container| !container.oneoff)
        .map(|container| {
            Box::pin(async {
                let code = live.engine.wait(&container.id, WaitFor::NotRunning).await?;
                Ok((container.service.clone(), code))
            })
        })
        .collect();
    if waits.is_empty() {
        let text = format!("project `{}`: no containers in scope", live.project);
        return Err(Failure::new(Kind::Failed, text));
    }
    select_all(waits).await.0.map_err(engine_failure)
}
