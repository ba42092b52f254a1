//! The client of the Docker Engine: one cheap handle with small typed calls. Only this module names bollard.

pub mod api_version;
mod archive;
pub mod build;
mod call;
mod client;
pub mod container;
pub mod convert;
pub mod edge_container;
mod endpoint;
pub mod error;
pub mod events;
pub mod exec;
pub mod host;
pub mod image;
mod info;
pub mod inspect;
mod json;
mod lines;
pub mod logs;
pub mod network;
pub mod observe;
mod restart_policy;
mod server;
pub mod state_container;
mod stats;
pub mod volume;
mod wire;

pub use api_version::ApiVersion;
pub use call::PATIENCE;
pub use client::{Engine, EngineStream};
pub use endpoint::Endpoint;
pub use error::{EngineError, ignore_missing};
pub use host::Host;
pub use inspect::{ContainerDetails, Healthcheck};
pub use observe::Wanted;
pub use restart_policy::RestartPolicy;
