//! Pure: (desired, observed, policy) → plan. No clock, no I/O, no engine.

mod conflict;
pub mod deploy;
pub mod desired;
mod diff;
pub mod down;
mod draft;
pub mod explain;
pub mod graph;
pub mod observed;
pub mod operation;
mod replica;
pub mod scope;

#[cfg(test)]
mod tests;

pub use deploy::{Policy, Problem, Recreate, deploy};
pub use down::down;
