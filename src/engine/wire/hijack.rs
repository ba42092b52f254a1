//! Connections that switch from HTTP to plain bytes in both directions: exec and attach.

use http::{Method, Request, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::{Wire, refusal};
use crate::engine::call::Call;
use crate::engine::error::EngineError;

impl Wire {
    /// Sends a request and takes over the connection. The deadline is for the time until the engine agrees.
    pub(crate) async fn hijack(
        &self,
        call: &Call,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<TokioIo<Upgraded>, EngineError> {
        self.within(call, async {
            let request = Request::builder()
                .method(Method::POST)
                .uri(path)
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "tcp")
                .body(super::json_body(Some(body)))
                .map_err(|error| super::SendError::Request(error).named(call, self.host()))?;
            let response = self.send(request).await.map_err(|error| error.named(call, self.host()))?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(match response.status().is_success() {
                    true => EngineError::Answer {
                        call: call.to_string(),
                        reason: "the engine did not hand over the connection".to_owned(),
                    },
                    false => refusal(call, response).await,
                });
            }
            match hyper::upgrade::on(response).await {
                Ok(connection) => Ok(TokioIo::new(connection)),
                Err(error) => {
                    Err(EngineError::Stream { call: call.to_string(), reason: super::reason(&error) })
                }
            }
        })
        .await
    }
}
