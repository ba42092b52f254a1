//! Whether a run of a project began and has no good end, told by a name of `sofa`'s empty image. To ask for it costs the engine
//! a look at a table, where reading the records costs it a mount: so a deploy that has nothing to do asks this alone.

use super::tags::component;
use crate::engine::image::{NotAReference, Reference};
use crate::engine::shelf;
use crate::engine::{Engine, EngineError};

/// Says that a run begins. The empty image is there: the project's lock was made of it.
///
/// # Errors
/// Those of the engine; then nothing is said.
pub async fn mark(engine: &Engine, project: &str) -> Result<(), EngineError> {
    let marked = engine.tag_image(shelf::IMAGE, &name(project)?).await;
    if marked.is_err() {
        // Whose answer was lost may have been done.
        let _ = clear(engine, project).await;
    }
    marked
}

/// Says that nothing is unfinished any more.
///
/// # Errors
/// Those of the engine; a mark that stays costs the next deploy a look at the records, and goes then.
pub async fn clear(engine: &Engine, project: &str) -> Result<(), EngineError> {
    match engine.remove_image(&name(project)?.to_string(), false).await {
        Err(error) if error.is_not_found() => Ok(()),
        cleared => cleared,
    }
}

/// Whether a run began and has no good end, as far as the mark tells: whoever prunes images may take it away.
///
/// # Errors
/// Those of the engine.
pub async fn is_marked(engine: &Engine, project: &str) -> Result<bool, EngineError> {
    Ok(engine.inspect_image(&name(project)?.to_string()).await?.is_some())
}

/// `sofa.unfinished/<project>:run`.
fn name(project: &str) -> Result<Reference, EngineError> {
    let text = format!("sofa.unfinished/{}:run", component(project));
    text.parse().map_err(|error: NotAReference| EngineError::Answer {
        call: format!("name of image `{text}`"),
        reason: error.to_string(),
    })
}
