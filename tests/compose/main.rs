//! The loader against docker compose. Every case under `cases/` has docker compose's recorded answer and its version, so the
//! tests need no docker compose. `cargo test --test compose record_all -- --ignored` records all again, `record_new` only new
//! cases.
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
