//! Reads exit code and health from the `Status` text of a list, which has the same form in every engine since 1.10
//! (moby `container/state.go`). So a list is enough, without an inspect of each container.

use crate::plan::observed::Health;

/// The exit code in «Exited (137) 2 hours ago» or «Restarting (1) 5 seconds ago»; 0 where there is none.
pub(super) fn exit_code(status: &str) -> i64 {
    let code = || {
        let rest = status.strip_prefix("Exited (").or_else(|| status.strip_prefix("Restarting ("))?;
        rest.split_once(')')?.0.parse().ok()
    };
    code().unwrap_or(0)
}

/// The health in «Up 3 minutes (healthy)»; none for a container without a healthcheck.
pub(super) fn health(status: &str) -> Health {
    match status.rsplit_once(" (").and_then(|(_, rest)| rest.strip_suffix(')')) {
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some("health: starting") => Health::Starting,
        _ => Health::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{exit_code, health};
    use crate::plan::observed::Health;

    #[test]
    fn exit_codes_are_in_parentheses() {
        for (status, code) in [
            ("Exited (0) 3 seconds ago", 0),
            ("Exited (137) About an hour ago", 137),
            ("Exited (-1) 3 weeks ago", -1),
            ("Restarting (3) Less than a second ago", 3),
            ("Up 2 hours", 0),
            ("Created", 0),
            ("", 0),
        ] {
            assert_eq!(exit_code(status), code, "{status}");
        }
    }

    #[test]
    fn health_is_at_the_end() {
        for (status, expected) in [
            ("Up 3 minutes (healthy)", Health::Healthy),
            ("Up 3 minutes (unhealthy)", Health::Unhealthy),
            ("Up Less than a second (health: starting)", Health::Starting),
            ("Up 3 minutes", Health::None),
            ("Up 3 minutes (Paused)", Health::None),
            ("Exited (1) 3 minutes ago", Health::None),
            ("Dead", Health::None),
        ] {
            assert_eq!(health(status), expected, "{status}");
        }
    }
}
