//! The engine module against a fake engine: exact requests, odd answers, faults.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod calls;
mod crash;
mod crash_shapes;
mod dependents;
mod deploy;
mod faults;
mod hooks;
mod lock;
mod locked;
mod plan;
mod race;
mod ready;
mod reconnect;
mod records;
mod requests;
mod secrets;
mod stage;
mod store;
mod undo;
mod unfinished;
mod workers;
