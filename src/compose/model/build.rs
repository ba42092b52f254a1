//! How an image is built (Compose spec, “build”).

use std::collections::BTreeMap;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

use super::record::record;
use super::{
    Bytes, Extensions, FileReference, HostList, Labels, Mapping, OptionalMapping, SecretName, Ulimit,
};

record! {
    /// The `build` section of a service.
    pub struct Build {
        /// The context: an absolute path, a Git or HTTP URL, or `service:NAME`.
        pub context: String,
        /// The Dockerfile, relative to the context unless absolute.
        pub dockerfile: String,
        /// The Dockerfile's text, instead of a file.
        pub dockerfile_inline: String,
        /// Extra privileges asked of BuildKit.
        pub entitlements: Vec<String>,
        /// Build arguments; `None` where the environment gave no value.
        pub args: OptionalMapping,
        /// Provenance attestation.
        pub provenance: String,
        /// SBOM attestation.
        pub sbom: String,
        /// SSH agents and keys that the build may use.
        #[serde(deserialize_with = "ssh_keys")]
        pub ssh: Vec<SshKey>,
        /// Labels of the image.
        pub labels: Labels,
        /// Where cached layers come from.
        pub cache_from: Vec<String>,
        /// Where cached layers go to.
        pub cache_to: Vec<String>,
        /// Whether to ignore the cache.
        pub no_cache: bool,
        /// Stages that ignore the cache.
        pub no_cache_filter: Vec<String>,
        /// Further named contexts.
        pub additional_contexts: Mapping,
        /// Whether to pull base images always.
        pub pull: bool,
        /// Host names known to the build.
        pub extra_hosts: HostList,
        /// Isolation technology.
        pub isolation: String,
        /// Network of the build's containers.
        pub network: String,
        /// The stage to build.
        pub target: String,
        /// Secrets that the build may read.
        pub secrets: Vec<FileReference<SecretName>>,
        /// Size of `/dev/shm` in the build's containers.
        pub shm_size: Bytes,
        /// Further names of the image.
        pub tags: Vec<String>,
        /// Resource limits of processes.
        pub ulimits: BTreeMap<String, Ulimit>,
        /// Platforms to build for.
        pub platforms: Vec<String>,
        /// Whether the build runs privileged.
        pub privileged: bool,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// One `ssh` entry: an agent socket or key by id; `default` alone means the running agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshKey {
    /// The id by which the Dockerfile names it.
    pub id: String,
    /// Socket or key file; empty for the running agent.
    pub path: String,
}

impl Serialize for SshKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.path.as_str() {
            "" => serializer.serialize_str(&self.id),
            path => serializer.collect_str(&format_args!("{}={path}", self.id)),
        }
    }
}

impl<'de> Deserialize<'de> for SshKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (id, path) = text.split_once('=').unwrap_or((&text, ""));
        Ok(Self { id: id.to_owned(), path: path.to_owned() })
    }
}

/// Reads `ssh` as the mapping of the long form, or as the list that is printed.
fn ssh_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SshKey>, D::Error> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<SshKey>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`default` or `ID=PATH` entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<SshKey>, A::Error> {
            let mut keys = Vec::new();
            while let Some(key) = access.next_element()? {
                keys.push(key);
            }
            Ok(keys)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Vec<SshKey>, A::Error> {
            let mut keys: BTreeMap<String, Option<String>> = BTreeMap::new();
            while let Some((id, path)) = access.next_entry()? {
                keys.insert(id, path);
            }
            Ok(keys.into_iter().map(|(id, path)| SshKey { id, path: path.unwrap_or_default() }).collect())
        }
    }

    deserializer.deserialize_any(Keys)
}
