//! Tests on a real Docker Engine, with docker compose as the reference where it is installed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod asking;
mod build;
mod changes;
mod check;
mod convert_parity;
mod cp;
mod crash;
mod data;
mod demeter;
mod dependencies;
mod deploy;
mod edge;
mod engine_calls;
mod exec;
mod failures;
mod forecaster;
mod from_labels;
mod hooks;
mod interop;
mod looking;
mod modes;
mod networks;
mod one_shots;
mod ownership;
mod queue_workers;
mod refusals;
mod releases;
mod replicas;
mod run;
mod settings_file;
mod signals;
mod single_services;
mod stack;
mod store;
mod table;
mod terminal;
mod undo;
mod up;
mod verbs;
