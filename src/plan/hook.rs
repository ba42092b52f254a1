//! A hook of a service, as operations name it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// One hook of a service. Its command is not in the plan, since it may contain secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HookCall {
    /// At which point.
    pub point: HookPoint,
    /// The hook's position at that point, from 1.
    pub number: usize,
    /// How many there are at that point.
    pub of: usize,
    /// Whether what comes after it may only be done when it succeeded; else a failure is a warning.
    pub required: bool,
    /// Overrides the grace period of the container, which bounds `pre_stop`.
    pub grace: Option<Duration>,
}

/// A point of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Before the first start of a service's containers.
    PreStart,
    /// After a container's start.
    PostStart,
    /// Before a container's stop.
    PreStop,
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HookPoint::PreStart => "pre_start",
            HookPoint::PostStart => "post_start",
            HookPoint::PreStop => "pre_stop",
        })
    }
}

/// `post_start`, or where there are several `post_start 2/3`.
impl fmt::Display for HookCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            1 => self.point.fmt(f),
            of => write!(f, "{} {}/{of}", self.point, self.number),
        }
    }
}

impl HookPoint {
    /// Whether the run's total wait time bounds hooks at this point.
    pub fn is_bounded(self) -> bool {
        match self {
            HookPoint::PreStart | HookPoint::PostStart => true,
            HookPoint::PreStop => false,
        }
    }
}
