//! JSON of requests and answers.

use serde::{Deserialize, Deserializer};

use super::call::Call;
use super::error::EngineError;

/// A body as JSON, for calls where bollard's type lacks a field.
pub(super) fn to_json(call: &Call, body: &impl serde::Serialize) -> Result<serde_json::Value, EngineError> {
    serde_json::to_value(body)
        .map_err(|error| EngineError::Answer { call: call.to_string(), reason: error.to_string() })
}

/// Reads `null` as the default: Go prints an empty map, list or string as `null`.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
