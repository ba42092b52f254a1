//! `sofa` deploys an ML stack from its Compose files through the Docker Engine API.
//! Data flows one way: cli → settings → compose → plan → apply → ui (each module's first lines say what it is).

use std::ffi::OsString;
use std::process::ExitCode;

pub mod apply;
pub mod compose;
pub mod diag;
pub mod engine;
pub mod error;
pub mod plan;
pub mod ui;
pub mod util;
pub mod yaml;

/// Runs one command line (program name first) and returns the process's exit code.
pub fn run(_args: Vec<OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
