//! Files given to containers: env files, secrets, configs.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::{Omit, record};
use super::{Extensions, Labels, Mapping};

/// One `env_file` entry. Once loaded, its variables are in the service's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it is an error when the file is missing.
    #[serde(default = "yes")]
    pub required: bool,
    /// Empty, or `raw`: no quotes, no substitution.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub format: String,
}

fn yes() -> bool {
    true
}

record! {
    /// A secret or config of the project.
    pub struct FileObject {
        /// Its name.
        pub name: String,
        /// The file with its content.
        pub file: String,
        /// The variable with its content.
        pub environment: String,
        /// A config's text as written in the Compose file.
        pub content: String,
        /// Whether it belongs to a swarm; docker compose and `sofa` cannot use it.
        pub external: bool,
        /// Labels.
        pub labels: Labels,
        /// A swarm's secret driver.
        pub driver: String,
        /// Options of that driver.
        pub driver_opts: Mapping,
        /// A swarm's template driver.
        pub template_driver: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
        /// The text that `environment` stood for when the files were loaded; `None` where the variable is not set.
        #[serde(rename = "#resolved")]
        pub resolved: Option<String>,
    }
}

/// How a service uses a secret or config; `N` is the type of its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReference<N> {
    /// The key under `secrets:` or `configs:`.
    pub source: N,
    /// Path in the container; empty means the default (`/run/secrets/SOURCE`, `/SOURCE`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Owner.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gid: String,
    /// Mode bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<FileMode>,
    /// The `x-*` keys.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl<N> Omit for FileReference<N> {
    fn omit(&self) -> bool {
        false
    }
}

/// Mode bits of a file; printed in octal as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMode(pub i64);

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0{:o}", self.0))
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Octal)
    }
}

struct Octal;

impl Visitor<'_> for Octal {
    type Value = FileMode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mode bits such as `0440`")
    }

    fn visit_i64<E: Error>(self, mode: i64) -> Result<FileMode, E> {
        Ok(FileMode(mode))
    }

    fn visit_u64<E: Error>(self, mode: u64) -> Result<FileMode, E> {
        i64::try_from(mode).map(FileMode).map_err(|_| E::custom(format!("mode `{mode}` is too large")))
    }

    fn visit_str<E: Error>(self, mode: &str) -> Result<FileMode, E> {
        i64::from_str_radix(mode, 8)
            .map(FileMode)
            .map_err(|_| E::custom(format!("mode `{mode}` is not octal")))
    }
}
