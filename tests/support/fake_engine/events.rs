//! `/events`: what happened so far (`since`), then what happens.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use super::reply::{self, Reply};
use super::request::Request;
use super::state::{Container, State};

/// Tells everybody who listens.
pub(super) fn tell(state: &mut State, container: &Container, action: &str, attributes: &[(&str, &str)]) {
    let mut all = container.body["Labels"].as_object().cloned().unwrap_or_default();
    all.insert("name".to_owned(), container.name.clone().into());
    all.insert("image".to_owned(), container.body["Image"].clone());
    all.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    let now = Timestamp::now();
    let event = json!({
        "Type": "container", "Action": action, "status": action, "id": container.id,
        "Actor": { "ID": container.id, "Attributes": all }, "scope": "local",
        "time": now.as_second(), "timeNano": i64::try_from(now.as_nanosecond()).unwrap_or(0),
    });
    publish(state, event);
}

/// Tells of anything at all.
pub(super) fn publish(state: &mut State, event: Value) {
    state.history.push(event.clone());
    drop(state.live.send(event));
}

/// Answers with what fits the filters.
pub(super) fn stream(shared: &Shared, request: &Request) -> Reply {
    let (labels, types) = (request.filters("label"), request.filters("type"));
    let containers = request.filters("container");
    let since = request.get("since").and_then(|since| since.parse::<f64>().ok());
    let state = shared.lock().expect("state");
    let live = state.live.subscribe();
    let past: Vec<Value> = match since {
        Some(since) => {
            let recent = |event: &&Value| event["timeNano"].as_f64().unwrap_or(0.0) / 1e9 >= since;
            state.history.iter().filter(recent).cloned().collect()
        }
        None => Vec::new(),
    };
    drop(state);
    let fits = move |event: &Value| {
        let attributes = &event["Actor"]["Attributes"];
        let labelled = labels
            .iter()
            .all(|label| label.split_once('=').is_some_and(|(name, value)| attributes[name] == value));
        let unfiltered = event["Type"] != "container";
        (types.is_empty() || types.iter().any(|kind| event["Type"] == kind.as_str()) || unfiltered)
            && (labelled || unfiltered)
            && (containers.is_empty() || containers.iter().any(|id| event["Actor"]["ID"] == id.as_str()))
    };
    let coming =
        stream::unfold(live, |mut live| async move { live.recv().await.ok().map(|event| (event, live)) });
    let events = stream::iter(past).chain(coming);
    let lines = events.filter(move |event| std::future::ready(fits(event)));
    reply::stream_of("application/json", lines.map(|event| Bytes::from(format!("{event}\n"))))
}
