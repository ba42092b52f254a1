//! Whether a run of a project began and has no good end, told by a name of `sofa`'s empty image. To ask for it costs the engine
//! a look at a table, where reading the records costs it a mount: so a deploy that has nothing to do asks this alone.

use super::tags::component;
use crate::engine::image::{NotAReference, Reference};
use crate::engine::shelf;
use crate::engine::{Engine, EngineError};

/// Says that a run begins. The empty image is there: the project's lock was made of it.
///
/// # Errors
/// Those of the engine.
pub async fn mark(engine: &Engine, project: &str) -> Result<(), EngineError> {
    engine.tag_image(shelf::IMAGE, &name(project)?).await
}

/// Says that nothing is unfinished any more. A name that stays costs the next deploy a look at the records.
pub async fn clear(engine: &Engine, project: &str) {
    let cleared = match name(project) {
        Ok(name) => engine.remove_image(&name.to_string(), false).await,
        Err(error) => Err(error),
    };
    if let Err(error) = cleared.or_else(|error| if error.is_not_found() { Ok(()) } else { Err(error) }) {
        tracing::warn!(project, %error, "the mark of an unfinished run stays");
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
