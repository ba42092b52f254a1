//! `/containers/ID/logs`: what containers printed, framed unless they have a terminal.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::Shared;
use super::life::missing;
use super::reply::{self, Reply};
use super::request::Request;

pub(super) fn answer(shared: &Shared, request: &Request, id: &str) -> Reply {
    let (id, tty, output) = match shared.lock().expect("state").find(id) {
        Some(container) => (container.id.clone(), container.body["Tty"] == true, container.output.clone()),
        None => return missing(id),
    };
    let moment = |key: &str| request.get(key).and_then(|text| text.parse::<f64>().ok());
    let (since, until) = (moment("since").unwrap_or(0.0), moment("until").unwrap_or(f64::MAX));
    let within = |time: &Timestamp| {
        let seconds = time.as_nanosecond() as f64 / 1e9;
        seconds >= since && seconds <= until
    };
    let begun = output.len();
    let mut lines: Vec<_> = output.into_iter().filter(|(_, time, _)| within(time)).collect();
    if let Some(count) = request.get("tail").and_then(|tail| tail.parse::<usize>().ok()) {
        lines.drain(..lines.len().saturating_sub(count));
    }
    let timestamps = request.flag("timestamps");
    let encode = move |(stream, time, text): (u8, Timestamp, String)| {
        let prefix = if timestamps { format!("{time} ") } else { String::new() };
        frame(tty, stream, format!("{prefix}{text}\n").as_bytes())
    };
    let past = stream::iter(lines).map(encode);
    let shared = shared.clone();
    let coming = stream::unfold((shared, id, begun), |(shared, id, seen)| async move {
        loop {
            let (line, ended) = {
                let state = shared.lock().expect("state");
                let container = state.containers.get(&id)?;
                (container.output.get(seen).cloned(), !container.is_up())
            };
            match line {
                Some(line) => return Some((line, (shared, id, seen + 1))),
                None if ended => return None,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    });
    match request.flag("follow") {
        true => reply::stream_of("application/vnd.docker.raw-stream", past.chain(coming.map(encode))),
        false => reply::stream_of("application/vnd.docker.raw-stream", past),
    }
}

/// A frame of the engine's multiplexed streams; with a terminal the bytes alone.
pub(super) fn frame(tty: bool, stream: u8, bytes: &[u8]) -> Bytes {
    if tty {
        return Bytes::copy_from_slice(bytes);
    }
    let mut frame = vec![stream, 0, 0, 0];
    frame.extend(u32::try_from(bytes.len()).expect("length").to_be_bytes());
    frame.extend(bytes);
    Bytes::from(frame)
}
