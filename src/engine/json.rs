//! JSON of requests and answers.

use serde::{Deserialize, Deserializer};

use super::call::Call;
use super::error::EngineError;

/// A body as JSON, for calls that bollard's types cannot hold whole.
pub(super) fn to_json(call: &Call, body: &impl serde::Serialize) -> Result<serde_json::Value, EngineError> {
    serde_json::to_value(body)
        .map_err(|error| EngineError::Answer { call: call.to_string(), reason: error.to_string() })
}

/// Go prints an empty map, list or text as `null`: it is the default here.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
