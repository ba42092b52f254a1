//! What the verbs do, in domain steps: from the settings to a plan, from a plan to what runs, from what runs to a record. `ops` never
//! sees clap and never prints to a stream of its own. Start with [`deploy`].

pub mod advise;
pub mod attach;
pub mod build;
pub mod build_info;
pub mod check;
pub mod config;
pub mod confirm;
mod contents;
pub mod context;
pub mod cp;
pub mod deploy;
pub mod deployment;
pub mod digests;
pub mod display;
pub mod edge;
pub mod events;
pub mod exec;
mod execution;
mod failure;
pub mod history;
mod images;
pub mod lifecycle;
pub mod lock;
pub mod logs;
pub mod port;
mod preflight;
pub mod project;
pub mod projects;
pub mod ps;
mod records;
mod release;
pub mod rollback;
pub mod run;
pub mod run_logs;
pub mod scale;
mod session;
mod streams;
pub mod top;
pub mod up;
mod volumes;
pub mod wait;
pub mod workers;

pub use context::Context;
