//! What must hold before a container counts as ready, and what it means where it does not.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long containers without a gate of their own are watched before they count as ready, where `update_config.monitor`
/// says nothing.
pub(super) const STABILITY_WINDOW: Duration = Duration::from_secs(2);

/// What must hold before a container counts as ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// It runs; the stability window judges it once more.
    Running,
    /// Its healthcheck passes, by the engine's verdict or by the same test run through exec (`probe`).
    Healthy {
        /// Whether the test may be run through exec too.
        probe: bool,
    },
    /// `x-sofa.ready`: an HTTP request to the container is answered with this status.
    Http {
        /// The path.
        path: String,
        /// Whether the file holds the path as it is, so that it may be shown.
        #[serde(skip, default = "literal")]
        literal: bool,
        /// The container's port.
        port: u16,
        /// The status that counts as ready.
        expect: u16,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: the container accepts connections on this port.
    Tcp {
        /// The container's port.
        port: u16,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// `x-sofa.ready`: a command in the container ends with 0.
    Command {
        /// The command.
        command: Vec<String>,
        /// Whether the file holds the command as it is, so that it may be shown.
        #[serde(skip, default = "literal")]
        literal: bool,
        /// Time between two tries.
        interval: Duration,
        /// How long one try may take.
        timeout: Duration,
    },
    /// It is a job: it ended with exit code 0.
    Completed,
}

/// What a failure of one of a service's containers means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tolerance {
    /// How many failures are only warnings.
    pub failures: u32,
    /// Whether one more leaves the containers that were not begun yet as they are, and lets everything else go on; else the
    /// run fails.
    pub pauses: bool,
}

/// ` (2 may fail)`, ` (pauses on failure)`; nothing where every failure ends the run.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures > 0 {
            write!(f, " ({} may fail)", self.failures)?;
        }
        if self.pauses { f.write_str(" (pauses on failure)") } else { Ok(()) }
    }
}

/// What a label holds stood in the file as it is.
fn literal() -> bool {
    true
}

/// Without what a variable gave: that may be a secret.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::Running => f.write_str("running"),
            Gate::Healthy { .. } => f.write_str("healthy"),
            Gate::Http { path, port, expect, literal: true, .. } => {
                write!(f, "http {expect} on :{port}{path}")
            }
            Gate::Http { port, expect, .. } => write!(f, "http {expect} on :{port}"),
            Gate::Tcp { port, .. } => write!(f, "tcp :{port} open"),
            Gate::Command { command, literal: true, .. } => {
                write!(f, "command `{}` succeeds", command.join(" "))
            }
            Gate::Command { .. } => f.write_str("its command succeeds"),
            Gate::Completed => f.write_str("completed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_variable_gave_is_not_shown() {
        let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        let command =
            |literal| Gate::Command { command: vec!["ping".into(), "x".into()], literal, interval, timeout };
        assert_eq!(command(true).to_string(), "command `ping x` succeeds");
        assert_eq!(command(false).to_string(), "its command succeeds");
        let http =
            |literal| Gate::Http { path: "/a".into(), literal, port: 80, expect: 200, interval, timeout };
        assert_eq!(http(true).to_string(), "http 200 on :80/a");
        assert_eq!(http(false).to_string(), "http 200 on :80");
    }
}
