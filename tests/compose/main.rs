//! The loader against docker compose: every case under `cases/` holds what docker compose answered, recorded with its version,
//! so that no docker compose is needed to run them. `cargo test --test compose record_all -- --ignored`
//! records anew, `record_new` what is new.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod cases;
mod errors;
mod hashes;
mod hooks;
mod laws;
mod limits;
mod options;
mod parity;
mod rules;
mod support;
