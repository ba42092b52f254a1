//! Runs a plan: the executor knows only the graph, `docker` does the operations, `ready` judges the gates.

mod announce;
mod budget;
mod create;
pub mod docker;
pub mod executor;
pub mod failure;
mod fates;
mod frontier;
mod hooks;
pub mod images;
mod lost;
pub mod mend;
mod networks;
pub mod preflight;
mod probe;
mod ready;
pub mod report;
mod secrets;
mod steady;
mod surely;
mod take_back;
mod tolerance;
mod tolerated;
mod watch;
mod way_back;
