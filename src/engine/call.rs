//! A call to the engine: how it is named in messages, and how long it may take.

use std::fmt;
use std::time::Duration;

/// Ordinary calls: reading, creating small things, renaming.
const ORDINARY: Duration = Duration::from_secs(60);
/// Calls that wait for disks, networks or plugins: create, start, remove.
pub(crate) const SLOW: Duration = Duration::from_secs(180);

/// Names one request for error messages («start of container `web-1`») and bounds it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    name: String,
    deadline: Duration,
}

impl Call {
    /// A call with the ordinary deadline of 60 s.
    pub(crate) fn new(name: impl Into<String>) -> Call {
        Call { name: name.into(), deadline: ORDINARY }
    }

    /// The same call with a deadline of its own.
    pub(crate) fn within(self, deadline: Duration) -> Call {
        Call { deadline, ..self }
    }

    /// The same call with the deadline of those that wait for disks, networks or plugins (180 s).
    pub(crate) fn slow(self) -> Call {
        self.within(SLOW)
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
