//! What an engine says about itself at the first call.

use super::api_version::ApiVersion;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// The newest API version that it supports.
    pub api: ApiVersion,
    /// `linux` or `windows`; empty if unknown.
    pub os: String,
    /// `2` where BuildKit is the default builder; empty if unknown.
    pub builder: String,
    /// Product and version («Docker/20.10.24 (linux)»); empty if unknown.
    pub product: String,
}
