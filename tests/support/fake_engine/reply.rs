//! Answers of the fake.

use std::convert::Infallible;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};

/// A body: a stream of chunks; an error in it breaks the connection.
pub type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send>>>;
/// An answer.
pub type Reply = Response<Body>;

/// A body of chunks.
pub fn streaming(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(Box::pin(chunks.map(|chunk| Ok(Frame::data(chunk)))))
}

fn whole(bytes: Bytes) -> Body {
    streaming(stream::iter([bytes]))
}

/// An answer of bytes.
pub fn bytes(status: u16, content_type: &str, bytes: impl Into<Bytes>) -> Reply {
    let builder = Response::builder().status(status).header("content-type", content_type);
    builder.body(whole(bytes.into())).expect("reply")
}

/// An answer of JSON.
pub fn json(status: u16, value: &Value) -> Reply {
    bytes(status, "application/json", value.to_string())
}

/// A refusal in the engine's form.
pub fn refuse(status: u16, message: impl Into<String>) -> Reply {
    json(status, &json!({ "message": message.into() }))
}

/// 204, or 304 where there was nothing to do.
pub fn empty(status: u16) -> Reply {
    Response::builder().status(status).body(streaming(stream::empty())).expect("reply")
}

/// An answer whose body continues.
pub fn stream_of(content_type: &str, chunks: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    let builder = Response::builder().status(200).header("content-type", content_type);
    builder.body(streaming(chunks)).expect("reply")
}

/// The same answer, broken after so many bytes.
pub fn cut(reply: Reply, after: usize) -> Reply {
    let (parts, body) = reply.into_parts();
    let cut = stream::unfold((body, after, false), |(mut body, left, broken)| async move {
        if broken {
            return None;
        }
        if left == 0 {
            // What was answered so far must be on its way before the connection breaks.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let broken_pipe = || std::io::Error::other("cut by a fault");
        let chunk = match body.next().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            _ => return Some((Err(broken_pipe()), (body, 0, true))),
        };
        match chunk.len() >= left {
            true if left == 0 => Some((Err(broken_pipe()), (body, 0, true))),
            true => Some((Ok(Frame::data(chunk.slice(..left))), (body, 0, false))),
            false => {
                let left = left - chunk.len();
                Some((Ok(Frame::data(chunk)), (body, left, false)))
            }
        }
    });
    Response::from_parts(parts, StreamBody::new(Box::pin(cut)))
}

/// What cannot happen.
pub type Never = Infallible;
