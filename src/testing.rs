//! What integration tests, benches, fuzz targets and generators need from inside the library. Not an interface for programs: the
//! modules are private, so that rustc reports what nothing uses.

pub use crate::error::Kind;

/// The whole command line, as clap knows it.
pub fn command() -> clap::Command {
    crate::cli::command()
}

/// Parses a command line, program name first, as the binary does; runs nothing.
///
/// # Errors
/// What clap refuses. A call for help counts as an error there too.
pub fn parse(line: Vec<String>) -> Result<(), clap::Error> {
    crate::cli::Cli::parse_line(line).map(drop)
}

pub mod compat {
    pub use crate::compat::{Dialect, argv, bytes, duration};
}

pub mod compose {
    pub use crate::compose::{hash, load, model, render};
}

pub mod diag {
    pub use crate::diag::{Diagnostics, Sources};
}

pub mod docker {
    pub mod state {
        pub use crate::docker::state::{Lock, LockError, StateError, Store, content_key, tags};
    }
}

pub mod engine {
    pub use crate::engine::{ApiVersion, Engine, EngineError, Host, PATIENCE, RestartPolicy, Wanted};

    pub mod build {
        pub use crate::engine::build::{BuildError, BuildEvent, BuildOptions, PreparedBuild, is_current};
    }
    pub mod container {
        pub use crate::engine::container::{Removal, WaitFor};
    }
    pub mod convert {
        pub use crate::engine::convert::*;
    }
    pub mod events {
        pub use crate::engine::events::Action;
    }
    pub mod exec {
        pub use crate::engine::exec::ExecCommand;
    }
    pub mod image {
        pub use crate::engine::image::Credentials;
    }
    pub mod logs {
        pub use crate::engine::logs::{LogQuery, OutputStream};
    }
    pub mod state_container {
        pub use crate::engine::state_container::{IMAGE, lock_name};
    }
}

pub mod plan {
    pub use crate::plan::{Policy, deploy, graph, scope};

    pub mod desired {
        pub use crate::plan::desired::{Desired, Terms};
    }
    pub mod observed {
        pub use crate::plan::observed::{
            Attachment, Container, ContainerId, Health, Image, ImageId, Network, NetworkId, Observed, State,
        };
    }
    pub mod pins {
        pub use crate::plan::pins::Pins;
    }
}

pub mod state {
    pub use crate::state::{
        ContentKey, ErrorKind, Found, Head, Held, Holder, LEASE, LockSignal, LockTokens, Operator, Process,
        RecordFile, Snapshot, StorageError, head,
    };
}

pub mod yaml {
    pub use crate::yaml::{SourceId, parse};
}
