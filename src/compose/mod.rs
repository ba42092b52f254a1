//! Compose: `model` is the fully resolved application as plain data, `load` turns files into it, `render` prints it the way
//! docker compose does, `hash` computes the labels' config hashes, `fields` tells what differs between two
//! services, `secrecy` what must not be shown.

pub mod fields;
pub mod hash;
pub mod load;
pub mod model;
pub mod render;
pub mod secrecy;
