//! What tests stand on: an engine that is a fake, an engine that is real.

pub mod fake_engine;
pub mod kill;
pub mod real_engine;
