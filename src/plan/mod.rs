//! Pure: (desired, observed, policy) → plan. No clock, no I/O, no engine.

pub mod action;
mod cause;
mod changes;
mod conflict;
pub mod contents;
pub mod deploy;
pub mod desired;
mod diff;
pub mod down;
mod draft;
pub mod explain;
pub mod gate;
pub mod graph;
pub mod hooks;
pub mod image_volumes;
mod kill;
pub mod kind;
pub mod labelled;
pub mod observed;
pub mod operation;
pub mod ownership;
pub mod pins;
mod released;
mod replica;
mod restart;
pub mod rm;
pub mod scope;
pub mod sharing;
mod start;
mod stop;
mod strategy;

#[cfg(test)]
mod tests;

pub use conflict::find as conflicts;
pub use deploy::{Policy, Problem, Recreate, deploy};
pub use down::down;
pub use kill::kill;
pub use restart::restart;
pub use rm::rm;
pub use start::start;
pub use stop::stop;
