//! The events of the containers in scope, as the engine reports them. Works from labels and reads no file.

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::json;

use crate::engine::events::EngineEvent;
use crate::error::Failure;
use crate::labels;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;

/// Calls `show` with each event from now on, or from `since` on as far as the engine remembers; until it returns false, or until a
/// moment.
///
/// # Errors
/// A named service that the project does not have; the engine is gone.
pub async fn follow(
    context: &Context,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    mut show: impl FnMut(&EngineEvent) -> bool,
) -> Result<(), Failure> {
    let live = context.live_project(View::Project).await?;
    let events = live.engine.events_until(&live.project, since, until).await;
    let mut events = events.map_err(engine_failure)?;
    while let Some(event) = events.next().await {
        let event = event.map_err(engine_failure)?;
        if live.scope.holds(&event.service) && !show(&event) {
            return Ok(());
        }
    }
    Ok(())
}

/// One line for people: `2026-11-30 19:00:00.000000 container start ID (image=app:1, name=p-web-1)`.
pub fn line(event: &EngineEvent) -> String {
    let time = event.time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string());
    let own = attributes(event).map(|(name, value)| format!("{name}={value}"));
    let own = own.collect::<Vec<_>>().join(", ");
    format!("{time} container {} {} ({own})", event.action, event.id.as_str())
}

/// One JSON object, with docker compose's names.
pub fn object(event: &EngineEvent) -> String {
    let own: serde_json::Map<String, serde_json::Value> =
        attributes(event).map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "action": event.action.to_string(),
        "attributes": own,
        "id": event.id.as_str(),
        "service": event.service,
        "time": event.time.map(|time| time.to_string()),
        "type": "container",
    })
    .to_string()
}

/// The attributes without the labels of docker compose and `sofa`, whose values are long.
fn attributes(event: &EngineEvent) -> impl Iterator<Item = (&str, &str)> {
    let own = event.attributes.iter().filter(|(name, _)| !labels::is_internal(name));
    own.map(|(name, value)| (name.as_str(), value.as_str()))
}
