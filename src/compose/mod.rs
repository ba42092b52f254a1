//! Compose: `model` is the fully resolved application as plain data, `load` turns files into it, `render` prints it as docker
//! compose does, `hash` computes the config hashes of labels, `fields` finds the differences between two services, `secrecy`
//! finds what must not be shown.

pub mod fields;
pub mod hash;
pub mod load;
pub mod model;
pub mod render;
pub mod secrecy;
