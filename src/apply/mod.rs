//! Runs a plan on a target: order, failure, interrupt and undo. The target does the operations and judges the gates.

pub(crate) mod announce;
pub(crate) mod budget;
pub mod executor;
mod frontier;
pub mod report;
mod service_outcome;
pub(crate) mod tolerance;
mod undo_order;
