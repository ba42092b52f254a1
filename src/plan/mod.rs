//! Pure: (desired, observed, policy) → plan. No clock, no I/O, no engine.

pub mod action;
pub mod cause;
mod changes;
mod conflict;
pub mod contents;
pub mod deploy;
pub mod desired;
mod diff;
mod disruption;
pub mod down;
mod draft;
mod edge;
pub mod explain;
pub mod gate;
pub mod graph;
pub mod handover;
pub mod hook;
pub mod hooks;
pub mod image_volumes;
mod kill;
pub mod kind;
pub mod labelled;
pub mod observed;
pub mod operation;
pub mod ownership;
mod passes;
pub mod patience;
pub mod pins;
pub mod policy;
pub mod problem;
mod released;
mod replica;
mod restart;
mod rewrite;
pub mod rm;
pub mod scope;
pub mod sharing;
mod start;
mod stop;
mod strategy;
pub mod volumes;
pub mod workers;

#[cfg(test)]
mod tests;

pub use conflict::find as conflicts;
pub use deploy::deploy;
pub use down::down;
pub use kill::kill;
pub use policy::{Policy, Recreate};
pub use problem::Problem;
pub use restart::restart;
pub use rm::rm;
pub use start::start;
pub use stop::stop;
pub use strategy::why_stop_first;
