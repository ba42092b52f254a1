//! Streams of JSON values, as pulls, builds and events send them, with any separator.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use futures_util::stream::{self, Stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::engine::call::Call;
use crate::engine::error::EngineError;

/// A larger value is not a progress message.
const LARGEST_VALUE: usize = 16 * 1024 * 1024;

/// Reads values from bytes that arrive in any pieces.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    buffer: BytesMut,
}

impl JsonLines {
    /// Adds bytes and returns the values that are now complete.
    ///
    /// # Errors
    /// Text that is not JSON, or a value that is too large.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Value>, String> {
        self.buffer.extend_from_slice(chunk);
        let mut values = Vec::new();
        let mut stream = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<Value>();
        let failure = loop {
            match stream.next() {
                Some(Ok(value)) => values.push(value),
                Some(Err(error)) if !error.is_eof() => break Some(error.to_string()),
                _ => break None,
            }
        };
        let consumed = stream.byte_offset();
        self.buffer.advance(consumed);
        match failure {
            Some(reason) => Err(reason),
            None if self.buffer.len() > LARGEST_VALUE => Err("a value that does not end".to_owned()),
            None => Ok(values),
        }
    }

    /// Whether the stream ended inside a value.
    pub(crate) fn is_torn(&self) -> bool {
        self.buffer.iter().any(|byte| !byte.is_ascii_whitespace())
    }
}

/// The values in the body of an answer. Ends with an error where the connection is lost or the body ends inside a value.
pub(crate) fn values(
    call: Call,
    body: Incoming,
) -> impl Stream<Item = Result<Value, EngineError>> + Send + 'static {
    struct Reading {
        call: Call,
        body: Option<Incoming>,
        lines: JsonLines,
        ready: VecDeque<Value>,
    }
    let start = Reading { call, body: Some(body), lines: JsonLines::default(), ready: VecDeque::new() };
    stream::unfold(start, |mut reading| async move {
        loop {
            if let Some(value) = reading.ready.pop_front() {
                return Some((Ok(value), reading));
            }
            let call = reading.call.to_string();
            let broken = match reading.body.as_mut()?.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Err(_) => continue,
                    Ok(data) => match reading.lines.feed(&data) {
                        Ok(values) => {
                            reading.ready.extend(values);
                            continue;
                        }
                        Err(reason) => EngineError::Answer { call, reason },
                    },
                },
                Some(Err(error)) => EngineError::Stream { call, reason: super::reason(&error) },
                None if reading.lines.is_torn() => {
                    EngineError::Stream { call, reason: "the stream ended inside a message".to_owned() }
                }
                None => return None,
            };
            reading.body = None;
            return Some((Err(broken), reading));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::JsonLines;
    use serde_json::json;

    #[test]
    fn values_are_complete_for_any_pieces_and_separators() {
        let text = "{\"a\":1}\r\n{\"b\":\"x\\ny\"}{\"c\":[1,\n2]}\r\n\r\n";
        for size in 1..text.len() {
            let mut lines = JsonLines::default();
            let mut values = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                values.extend(lines.feed(chunk).unwrap());
            }
            assert_eq!(values, [json!({"a":1}), json!({"b":"x\ny"}), json!({"c":[1,2]})], "chunks of {size}");
            assert!(!lines.is_torn());
        }
    }

    #[test]
    fn an_incomplete_value_and_garbage_are_detected() {
        let mut lines = JsonLines::default();
        assert!(lines.feed(b"{\"a\":").unwrap().is_empty());
        assert!(lines.is_torn());
        assert!(JsonLines::default().feed(b"<html>").is_err());
    }
}
