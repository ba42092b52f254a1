//! Events of containers. Unknown kinds are passed on as `Other`.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::{Stream, StreamExt, stream};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::call::Call;
use super::client::{Engine, EngineStream};
use super::error::EngineError;
use super::json::null_as_default;
use super::wire::json_lines;
use super::wire::query::Path;
use super::{inspect, logs};
use crate::labels;
use crate::plan::observed::{ContainerId, Health};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    pub id: ContainerId,
    /// The Compose service; empty where the label is missing.
    pub service: String,
    pub name: String,
    pub action: Action,
    /// By the engine's clock.
    pub time: Option<Timestamp>,
    /// All attributes of the event: labels, image, exit code.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create,
    Start,
    /// Its process exited with this code.
    Die(i64),
    /// A process was killed because the container was out of memory.
    Oom,
    /// Stopped by a user.
    Stop,
    Kill,
    Pause,
    Unpause,
    /// Restarted by a user.
    Restart,
    Rename,
    /// The result of its healthcheck changed.
    Health(Health),
    Destroy,
    /// Files were copied into it.
    Upload,
    Other(String),
}

/// The engine's word.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Start => "start",
            Action::Die(_) => "die",
            Action::Oom => "oom",
            Action::Stop => "stop",
            Action::Kill => "kill",
            Action::Pause => "pause",
            Action::Unpause => "unpause",
            Action::Restart => "restart",
            Action::Rename => "rename",
            Action::Destroy => "destroy",
            Action::Upload => "extract-to-dir",
            Action::Health(health) => return write!(f, "health_status: {health}"),
            Action::Other(other) => other,
        })
    }
}

impl Engine {
    /// Events of the containers of `project` from now on, or from `since` on as far as the engine remembers them
    /// (its last 256 events). With a `since` from before an inspect, no event can be missed between the two.
    ///
    /// # Errors
    /// The call's. The stream ends with an error as its last item; the caller then subscribes again with `since`
    /// and inspects.
    pub async fn events(
        &self,
        project: &str,
        since: Option<Timestamp>,
    ) -> Result<EngineStream<EngineEvent>, EngineError> {
        let call = Call::new(format!("events of project `{project}`"));
        let label = format!("{}={project}", labels::compose::PROJECT);
        self.subscribe(call, "label", &label, since).await
    }

    /// The same until a moment, where one is given: then the stream ends there without an error.
    ///
    /// # Errors
    /// As `events`.
    pub async fn events_until(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<EngineStream<EngineEvent>, EngineError> {
        let Some(until) = until else { return self.events(project, since).await };
        let call = Call::new(format!("events of project `{project}`"));
        let label = format!("{}={project}", labels::compose::PROJECT);
        let path = subscription("label", &label, since).with("until", logs::seconds(until));
        let response = self.wire().open(&call, Method::GET, path.as_str(), None).await?;
        let values = json_lines::values(call, response.into_body());
        Ok(values.filter_map(|value| async { value.map(event).transpose() }).boxed())
    }

    /// Events of one container, from now on or from `since` on. The container need not exist.
    ///
    /// # Errors
    /// As `events`.
    pub async fn events_of(
        &self,
        id: &ContainerId,
        since: Option<Timestamp>,
    ) -> Result<EngineStream<EngineEvent>, EngineError> {
        let call = Call::new(format!("events of container `{id}`"));
        self.subscribe(call, "container", id.as_str(), since).await
    }

    /// Events of the containers that match one filter.
    async fn subscribe(
        &self,
        call: Call,
        filter: &str,
        value: &str,
        since: Option<Timestamp>,
    ) -> Result<EngineStream<EngineEvent>, EngineError> {
        let path = subscription(filter, value, since);
        let response = self.wire().open(&call, Method::GET, path.as_str(), None).await?;
        let values = json_lines::values(call.clone(), response.into_body());
        Ok(events_of_values(call, values).boxed())
    }
}

fn subscription(filter: &str, value: &str, since: Option<Timestamp>) -> Path {
    let filters = serde_json::json!({ "type": ["container"], filter: [value] });
    Path::new("/events").with("filters", filters.to_string()).with_some("since", since.map(logs::seconds))
}

/// Turns values into events. Leaves out other objects and events of exec. Ends with an error.
fn events_of_values(
    call: Call,
    values: impl Stream<Item = Result<serde_json::Value, EngineError>> + Send + 'static,
) -> impl Stream<Item = Result<EngineEvent, EngineError>> + Send {
    let end =
        EngineError::Stream { call: call.to_string(), reason: "the engine ended the stream".to_owned() };
    values
        .chain(stream::once(async { Err(end) }))
        .filter_map(|value| async { value.map(event).transpose() })
        .scan(false, |failed, item| {
            let go_on = !*failed;
            *failed |= item.is_err();
            std::future::ready(go_on.then_some(item))
        })
}

fn event(value: serde_json::Value) -> Option<EngineEvent> {
    let message: Message = serde_json::from_value(value).ok()?;
    let action = action(&message.action, &message.actor.attributes);
    if message.kind != "container" || message.action.starts_with("exec_") {
        return None;
    }
    let attribute = |name: &str| message.actor.attributes.get(name).cloned().unwrap_or_default();
    Some(EngineEvent {
        id: ContainerId(message.actor.id),
        service: attribute(labels::compose::SERVICE),
        name: attribute("name"),
        action,
        time: Timestamp::from_nanosecond(i128::from(message.time_nano)).ok(),
        attributes: message.actor.attributes,
    })
}

fn action(word: &str, attributes: &BTreeMap<String, String>) -> Action {
    match word {
        "create" => Action::Create,
        "start" => Action::Start,
        "die" => Action::Die(attributes.get("exitCode").and_then(|c| c.parse().ok()).unwrap_or(-1)),
        "oom" => Action::Oom,
        "stop" => Action::Stop,
        "kill" => Action::Kill,
        "pause" => Action::Pause,
        "unpause" => Action::Unpause,
        "restart" => Action::Restart,
        "rename" => Action::Rename,
        "destroy" => Action::Destroy,
        "extract-to-dir" => Action::Upload,
        other => match other.strip_prefix("health_status: ") {
            Some(verdict) => Action::Health(inspect::health(verdict)),
            None => Action::Other(other.to_owned()),
        },
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Type", default, deserialize_with = "null_as_default")]
    kind: String,
    #[serde(rename = "Action", default, deserialize_with = "null_as_default")]
    action: String,
    #[serde(rename = "Actor", default, deserialize_with = "null_as_default")]
    actor: Actor,
    #[serde(rename = "timeNano", default)]
    time_nano: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Actor {
    #[serde(rename = "ID", default, deserialize_with = "null_as_default")]
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    attributes: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::{Action, event};
    use crate::plan::observed::Health;
    use serde_json::json;

    #[test]
    fn health_and_exit_codes_are_read() {
        let health =
            event(json!({"Type": "container", "Action": "health_status: unhealthy", "Actor": {"ID": "a"}}));
        assert_eq!(health.unwrap().action, Action::Health(Health::Unhealthy));
        let die = json!({"Type": "container", "Action": "die", "timeNano": 1_700_000_000_000_000_001_i64,
                         "Actor": {"ID": "a", "Attributes": {"exitCode": "137", "name": "x",
                                   "com.docker.compose.service": "web"}}});
        let die = event(die).unwrap();
        assert_eq!(die.action, Action::Die(137));
        assert_eq!((die.service.as_str(), die.name.as_str()), ("web", "x"));
        assert_eq!(die.time.unwrap().as_second(), 1_700_000_000);
    }

    #[test]
    fn unknown_events_do_not_end_the_stream() {
        assert!(event(json!({"Type": "pod", "Action": "create"})).is_none());
        assert!(event(json!("?")).is_none());
        let odd = event(json!({"Type": "container", "Action": "teleport", "Actor": {"ID": "a"}})).unwrap();
        assert_eq!(odd.action, Action::Other("teleport".to_owned()));
        assert!(
            event(json!({"Type": "container", "Action": "exec_start: sh", "Actor": {"ID": "a"}})).is_none()
        );
    }
}
