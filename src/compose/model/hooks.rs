//! Commands at points of a container's life, and what `watch` does when a file changes (Compose spec, “develop”).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::record::{Omit, record};
use super::{Command, Extensions, OptionalMapping, Service};

/// The field in which [`Hook::container`] is stored.
pub const HOOK_CONTAINER: &str = "#container";

record! {
    /// A `pre_start`, `post_start` or `pre_stop` hook.
    pub struct Hook {
        /// The command.
        pub command: Command,
        /// The image of a `pre_start` hook's container; empty means the service's.
        pub image: String,
        /// Who runs it.
        pub user: String,
        /// Whether it runs privileged.
        pub privileged: bool,
        /// Where it runs.
        pub working_dir: String,
        /// Its environment.
        pub environment: OptionalMapping,
        /// Whether it runs for every replica.
        pub per_replica: bool,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
        /// The container of a `pre_start` hook, whole, as docker compose hashes it from 5.6 on: what the service says, under what
        /// the hook says. Nothing else may look at it.
        #[serde(rename = "#container")]
        pub container: Option<Box<Service>>,
        /// The parts (`command`, `environment.NAME`) that did not stand in the file as they are: they may be secrets.
        #[serde(rename = "#withheld")]
        pub withheld: Vec<String>,
    }
}

impl Omit for Hook {
    fn omit(&self) -> bool {
        false
    }
}

record! {
    /// The `develop` section.
    pub struct Develop {
        /// What to do when files change.
        pub watch: Vec<Trigger>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// What to do when a file changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// The watched path.
    pub path: PathBuf,
    /// `sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Where changed files go in the container.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The command of `sync+exec`.
    pub exec: Hook,
    /// Patterns of files that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of files that do not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Whether files are copied once at the start.
    #[serde(skip_serializing_if = "Omit::omit")]
    pub initial_sync: bool,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}
