//! The output of containers, as pieces or as lines.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use http::{Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::call::Call;
use super::client::{Engine, EngineStream};
use super::error::EngineError;
use super::lines;
use super::wire::frames::Frames;
use super::wire::query::Path;
use crate::plan::observed::ContainerId;

pub use super::lines::LogLine;
pub use super::wire::frames::{Output, OutputStream};

/// A part of a container's output. The default is all output until now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Continue with later output until the container ends.
    pub follow: bool,
    /// No older output.
    pub since: Option<Timestamp>,
    /// No newer output.
    pub until: Option<Timestamp>,
    /// Only this many lines from the end.
    pub tail: Option<u64>,
    /// With the time when the engine read each line.
    pub timestamps: bool,
}

impl Engine {
    /// A container's output as pieces, which need not end at a line end. Requested timestamps are part of the text.
    /// Ends with the last output; with `follow`, when the container ends.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist. The stream ends with `Stream` where the connection is lost.
    pub async fn logs(
        &self,
        id: &ContainerId,
        query: &LogQuery,
    ) -> Result<EngineStream<Output>, EngineError> {
        let (call, response, tty) = self.open_logs(id, query).await?;
        Ok(outputs(call, response.into_body(), tty).boxed())
    }

    /// A container's output as lines. Lines that the engine cut are joined.
    ///
    /// # Errors
    /// As `logs`.
    pub async fn log_lines(
        &self,
        id: &ContainerId,
        query: &LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError> {
        let (call, response, tty) = self.open_logs(id, query).await?;
        let outputs = outputs(call, response.into_body(), tty).boxed();
        Ok(lines::split(outputs, lines::Splitter::new(query.timestamps, tty)).boxed())
    }

    /// The last `count` lines of a container, oldest first.
    ///
    /// # Errors
    /// As `logs`; `Timeout` after 20 s.
    pub async fn log_tail(&self, id: &ContainerId, count: u64) -> Result<Vec<LogLine>, EngineError> {
        let query = LogQuery { tail: Some(count), ..LogQuery::default() };
        let call = Call::new(format!("last log lines of container `{id}`")).within(Duration::from_secs(20));
        self.wire()
            .within(&call, async {
                let mut lines = self.log_lines(id, &query).await?;
                let mut tail = Vec::new();
                while let Some(line) = lines.next().await {
                    tail.push(line?);
                }
                Ok(tail)
            })
            .await
    }

    async fn open_logs(
        &self,
        id: &ContainerId,
        query: &LogQuery,
    ) -> Result<(Call, Response<Incoming>, bool), EngineError> {
        let call = Call::new(format!("logs of container `{id}`"));
        let path = Path::new(format!("/containers/{}/logs?stdout=1&stderr=1", id.as_str()))
            .with_flag("follow", query.follow)
            .with_some("since", query.since.map(seconds))
            .with_some("until", query.until.map(seconds))
            .with("tail", query.tail.map_or("all".to_owned(), |n| n.to_string()))
            .with_flag("timestamps", query.timestamps);
        let response = self.wire().open(&call, Method::GET, path.as_str(), None).await?;
        let tty = match has_terminal(&response) {
            Some(tty) => tty,
            None => self.inspect(id.as_str()).await?.tty,
        };
        Ok((call, response, tty))
    }
}

/// Whether the answer has frames. Engines say so from API 1.42 on.
fn has_terminal(response: &Response<Incoming>) -> Option<bool> {
    match response.headers().get(header::CONTENT_TYPE)?.to_str().ok()? {
        "application/vnd.docker.raw-stream" => None, // API 1.41 writes this for both kinds
        "application/vnd.docker.multiplexed-stream" => Some(false),
        _ => None,
    }
}

/// Seconds with nanoseconds, the engine's format of times.
pub(super) fn seconds(moment: Timestamp) -> String {
    format!("{}.{:09}", moment.as_second(), moment.subsec_nanosecond())
}

/// The pieces of output in the body of an answer.
fn outputs(call: Call, body: Incoming, tty: bool) -> impl Stream<Item = Result<Output, EngineError>> + Send {
    let start = (Some(body), Frames::new(tty));
    let chunks = stream::unfold((start, call), |((body, mut frames), call)| async move {
        let mut body = body?;
        loop {
            let name = call.to_string();
            let broken = match body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Err(_) => continue,
                    Ok(data) => match frames.feed(&data) {
                        Ok(outputs) => {
                            let outputs: Vec<_> = outputs.into_iter().map(Ok).collect();
                            return Some((outputs, ((Some(body), frames), call)));
                        }
                        Err(reason) => EngineError::Answer { call: name, reason },
                    },
                },
                Some(Err(error)) => EngineError::Stream { call: name, reason: super::wire::reason(&error) },
                None if frames.is_torn() => {
                    EngineError::Stream { call: name, reason: "the stream ended inside a frame".to_owned() }
                }
                None => return None,
            };
            return Some((vec![Err(broken)], ((None, frames), call)));
        }
    });
    chunks.flat_map(stream::iter)
}
