//! Adds what docker compose adds where nothing is written.

pub(crate) mod defaults;
pub(crate) mod normalize;
pub(crate) mod paths;
pub(crate) mod resolve;
