//! What an engine says about itself at the first call.

use super::api_version::ApiVersion;

/// What the engine said of itself when it was first asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// The newest API version it speaks.
    pub api: ApiVersion,
    /// `linux` or `windows`; empty where it did not say.
    pub os: String,
    /// `2` where BuildKit is its default builder; empty where it did not say.
    pub builder: String,
    /// Its product and version as it names them («Docker/20.10.24 (linux)»); empty where it did not say.
    pub product: String,
}
