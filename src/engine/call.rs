//! A call to the engine: how it is named in messages, and how long it may take.

use std::fmt;
use std::time::Duration;

/// How long an engine may take to answer, by default.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Factor for calls that wait for disks, networks, plugins or registries.
const SLOW: u32 = 3;

/// One request: its name in error messages («start of container `web-1`») and its deadline.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    name: String,
    limit: Limit,
}

/// How long a call may take. The patience is the limit that the user set for the engine.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// The patience.
    Ordinary,
    /// Several times the patience: create, start, remove, pull.
    Slow,
    /// The patience, after a time that the call itself needs.
    After(Duration),
    /// A fixed time.
    Own(Duration),
}

impl Call {
    /// A call that an engine answers at once: reads, renames, small creations.
    pub(crate) fn new(name: impl Into<String>) -> Call {
        Call { name: name.into(), limit: Limit::Ordinary }
    }

    /// The same call with a fixed deadline.
    pub(crate) fn within(self, deadline: Duration) -> Call {
        Call { limit: Limit::Own(deadline), ..self }
    }

    /// The same call with three times the patience: it waits for disks, networks, plugins or registries.
    pub(crate) fn slow(self) -> Call {
        Call { limit: Limit::Slow, ..self }
    }

    /// The same call with this time before the patience.
    pub(crate) fn after(self, time: Duration) -> Call {
        Call { limit: Limit::After(time), ..self }
    }

    /// The deadline for an engine with this patience.
    pub(crate) fn deadline(&self, patience: Duration) -> Duration {
        match self.limit {
            Limit::Ordinary => patience,
            Limit::Slow => patience * SLOW,
            Limit::After(time) => time + patience,
            Limit::Own(deadline) => deadline,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
