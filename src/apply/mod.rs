//! Runs a plan: the executor knows only the graph, `docker` does the operations, `ready` judges the gates.

mod announce;
pub mod docker;
pub mod executor;
pub mod failure;
mod frontier;
mod probe;
mod ready;
mod steady;
mod watch;
