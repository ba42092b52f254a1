//! What users of a service notice of a deploy.

use std::fmt;

/// What users of a service notice of a deploy, the strongest last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disruption {
    #[default]
    None,
    /// A container that did not run is started.
    Started,
    /// A running container is stopped and started again.
    Restarted,
    /// Another container replaces it.
    Replaced,
}

impl fmt::Display for Disruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Disruption::None => "kept",
            Disruption::Started => "started",
            Disruption::Restarted => "restarted",
            Disruption::Replaced => "replaced",
        })
    }
}
