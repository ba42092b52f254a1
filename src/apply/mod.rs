//! The executor: runs a plan on a [`target::Target`]. It owns the policy of a run: order, permits, deadlines, the fence, retries, what
//! a failure means, undo, and events. The target only does single operations.

pub(crate) mod announce;
mod budget;
mod connection;
pub(crate) mod control;
pub mod executor;
pub(crate) mod failure;
pub(crate) mod fence;
mod frontier;
mod operation;
pub mod options;
pub mod report;
mod retry;
mod service_outcome;
pub(crate) mod target;
#[cfg(test)]
mod tests;
mod tolerance;
mod undo_order;
