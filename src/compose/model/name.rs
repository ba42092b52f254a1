//! Names as types: a service's name is not a network's.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is; the loader has checked it.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    )* };
}

name! {
    /// The name of a Compose project: lower case, digits, `-` and `_`.
    ProjectName,
    /// The key of a service under `services:`.
    ServiceName,
    /// The key of a network under `networks:` (the network's own name is [`Network::name`](super::Network::name)).
    NetworkName,
    /// The key of a volume under `volumes:` (the volume's own name is [`Volume::name`](super::Volume::name)).
    VolumeName,
    /// The key of a secret under `secrets:`.
    SecretName,
    /// The key of a config under `configs:`.
    ConfigName,
    /// The key of a model under `models:`.
    ModelName,
}

impl super::record::Omit for ServiceName {
    fn omit(&self) -> bool {
        self.0.is_empty()
    }
}
