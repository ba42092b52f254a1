//! Go's and docker compose's odd grammars, each in a leaf: how they write durations, sizes, command lines, floats and ports, how they sort,
//! and what the versions of docker compose hash differently.

pub mod argv;
pub mod bytes;
pub mod dialect;
pub mod duration;
pub mod float;
pub mod natural;
pub mod ports;

pub use dialect::Dialect;
