//! Tests on a real Docker Engine. Everything that they create has their project's name and is removed when they end.
//!
//! Without an engine a test says loudly that it was skipped; with `SOFA_TEST_ENGINE=required` (CI) it fails instead.

use std::path::PathBuf;
use std::process::Command;

use sofa::testing::engine::{Engine, Host, PATIENCE};

mod busybox;
mod cleanup;
mod project;
mod proxy;

pub use project::{Run, TestProject};
pub use proxy::Proxy;

/// The engine that the tests use: `DOCKER_HOST`, else the standard socket.
#[allow(clippy::disallowed_methods, reason = "tests stand outside `settings`")]
pub async fn connect() -> Option<Engine> {
    let address = std::env::var("DOCKER_HOST").ok();
    let host = Host::resolve(address.as_deref()).expect("DOCKER_HOST");
    match Engine::connect(host, PATIENCE).await {
        Ok(engine) => Some(engine),
        Err(error) => {
            skip(&format!("{error}"));
            None
        }
    }
}

/// Says that a test was skipped, or fails where engines are required.
#[allow(clippy::disallowed_methods, reason = "tests stand outside `settings`")]
pub fn skip(reason: &str) {
    let required = std::env::var("SOFA_TEST_ENGINE").is_ok_and(|value| value == "required");
    assert!(!required, "SOFA_TEST_ENGINE=required, but: {reason}");
    // Written past the test runner's capture, which hides what passing tests print.
    let notice = format!("\n!!! SKIPPED, nothing was tested: {reason}\n");
    std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes()).expect("stderr");
}

/// Whether `docker compose` of version 2 is here to compare with.
pub fn has_docker_compose() -> bool {
    Command::new("docker").args(["compose", "version"]).output().is_ok_and(|output| output.status.success())
}

/// Where tests keep what they download once: under the build's own folder.
fn tools() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tools")
}
