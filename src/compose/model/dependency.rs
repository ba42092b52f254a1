//! What a service waits for in another (Compose spec, “depends_on”).

use serde::{Deserialize, Serialize};

use super::Extensions;
use super::record::Omit;

/// What a service waits for in another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// The state to wait for.
    #[serde(default)]
    pub condition: Condition,
    /// Whether this service is restarted when the other is.
    #[serde(default, skip_serializing_if = "Omit::omit")]
    pub restart: bool,
    /// The `x-*` keys.
    #[serde(default, rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
    /// Whether it is an error when the other is missing or does not reach the state.
    #[serde(default = "required")]
    pub required: bool,
}

fn required() -> bool {
    true
}

/// The state of a dependency that is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// It was started.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its healthcheck says healthy.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It exited with 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl Condition {
    /// As written in a Compose file and in the `depends_on` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}
