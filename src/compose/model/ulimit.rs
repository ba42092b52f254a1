//! Resource limits of processes (Compose spec, “ulimits”).

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A limit of processes: one number for both bounds, or each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ulimit {
    /// Both bounds.
    Single(i64),
    /// Each bound.
    Bounds {
        /// The bound a process meets.
        soft: i64,
        /// The bound up to which it may raise it.
        hard: i64,
    },
}

impl Ulimit {
    /// Soft and hard bound.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            Self::Single(both) => (both, both),
            Self::Bounds { soft, hard } => (soft, hard),
        }
    }
}

#[derive(Serialize)]
struct UlimitBounds {
    soft: i64,
    hard: i64,
}

impl Serialize for Ulimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Single(0) => UlimitBounds { soft: 0, hard: 0 }.serialize(serializer),
            Self::Single(both) => serializer.serialize_i64(both),
            Self::Bounds { soft, hard } => UlimitBounds { soft, hard }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Ulimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UlimitVisitor)
    }
}

struct UlimitVisitor;

impl<'de> Visitor<'de> for UlimitVisitor {
    type Value = Ulimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or `soft` and `hard`")
    }

    fn visit_i64<E: Error>(self, both: i64) -> Result<Ulimit, E> {
        Ok(Ulimit::Single(both))
    }

    fn visit_u64<E: Error>(self, both: u64) -> Result<Ulimit, E> {
        i64::try_from(both).map(Ulimit::Single).map_err(|_| E::custom(format!("`{both}` is too large")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Ulimit, A::Error> {
        let (mut soft, mut hard) = (0, 0);
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "soft" => soft = access.next_value()?,
                "hard" => hard = access.next_value()?,
                _ => {
                    access.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(Ulimit::Bounds { soft, hard })
    }
}
