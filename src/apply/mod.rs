//! Runs a plan: the executor knows only the graph, `docker` does the operations, `ready` judges the gates.

pub mod executor;
mod frontier;
