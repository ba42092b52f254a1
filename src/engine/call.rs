//! A call to the engine: how it is named in messages, and how long it may take.

use std::fmt;
use std::time::Duration;

/// How long an engine may take to answer, where nothing is said.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How many times as long calls may take that wait for disks, networks, plugins or registries.
const SLOW: u32 = 3;

/// Names one request for error messages («start of container `web-1`») and bounds it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    name: String,
    limit: Limit,
}

/// How long a call may take, beside the patience that its engine is met with.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// As long as that.
    Ordinary,
    /// Longer: create, start, remove, pull.
    Slow,
    /// That, behind a time which the call takes by itself.
    After(Duration),
    /// A time of its own, whatever the engine is like.
    Own(Duration),
}

impl Call {
    /// A call that an engine answers at once: reading, creating small things, renaming.
    pub(crate) fn new(name: impl Into<String>) -> Call {
        Call { name: name.into(), limit: Limit::Ordinary }
    }

    /// The same call with a deadline of its own.
    pub(crate) fn within(self, deadline: Duration) -> Call {
        Call { limit: Limit::Own(deadline), ..self }
    }

    /// The same call, which waits for disks, networks, plugins or registries: three times the patience.
    pub(crate) fn slow(self) -> Call {
        Call { limit: Limit::Slow, ..self }
    }

    /// The same call, which by itself may take so long.
    pub(crate) fn after(self, time: Duration) -> Call {
        Call { limit: Limit::After(time), ..self }
    }

    /// How long it may take on an engine that is met with this patience.
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
