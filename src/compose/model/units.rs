//! Amounts: durations, bytes, processors, device counts. Each prints as docker compose prints it.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Omit;
use crate::compat::{bytes, duration};

/// A length of time; printed as `1m30s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(value)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::format(self.0))
    }
}

/// A number of bytes; printed as a decimal in quotes. `-1` means «no limit» where the key allows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub i64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A number of processors, with docker compose's 32 bits of precision.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Cpus(pub f32);

impl Cpus {
    /// In billionths of a processor, the engine's unit.
    pub fn nano(self) -> i64 {
        (f64::from(self.0) * 1e9) as i64
    }
}

/// How many devices: a number, or all of them (printed as -1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DeviceCount(pub i64);

impl DeviceCount {
    /// Every device there is.
    pub const ALL: Self = Self(-1);
}

impl Omit for Duration {
    fn omit(&self) -> bool {
        self.0.is_zero()
    }
}

impl Omit for Bytes {
    fn omit(&self) -> bool {
        self.0 == 0
    }
}

impl Omit for Cpus {
    fn omit(&self) -> bool {
        self.0 == 0.0
    }
}

impl Omit for DeviceCount {
    fn omit(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Amount("a duration such as `1m30s`", |amount| match amount {
            Scalar::Text(text) => duration::parse(text).map(Duration).map_err(|error| error.to_string()),
            Scalar::Int(0) => Ok(Duration::default()),
            Scalar::Int(number) => Err(format!("duration `{number}` has no unit; write `{number}s`")),
            Scalar::Float(number) => Err(format!("duration `{number}` has no unit; write `{number}s`")),
        }))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Amount("a size such as `512m`", |amount| match amount {
            Scalar::Text(text) => bytes::parse(text).map(Bytes).map_err(|error| error.to_string()),
            Scalar::Int(number) => Ok(Bytes(number)),
            // docker compose drops a size with a fraction.
            Scalar::Float(_) => Ok(Bytes(0)),
        }))
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Amount("a number of processors", |amount| match amount {
            Scalar::Text(text) => {
                let number: Result<f64, _> = text.parse();
                number
                    .map(|number| Cpus(number as f32))
                    .map_err(|_| format!("`{text}` is not a number of processors"))
            }
            Scalar::Int(number) => Ok(Cpus(number as f32)),
            Scalar::Float(number) if number.is_finite() => Ok(Cpus(number as f32)),
            Scalar::Float(number) => Err(format!("`{number}` is not a number of processors")),
        }))
    }
}

impl<'de> Deserialize<'de> for DeviceCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Amount("a number or `all`", |amount| match amount {
            Scalar::Text(text) if text.eq_ignore_ascii_case("all") => Ok(DeviceCount::ALL),
            Scalar::Text(text) => text
                .parse()
                .map(DeviceCount)
                .map_err(|_| format!("device count `{text}` is neither `all` nor a number")),
            Scalar::Int(number) => Ok(DeviceCount(number)),
            Scalar::Float(number) => Err(format!("device count `{number}` is neither `all` nor a number")),
        }))
    }
}

/// What an amount may be written as.
enum Scalar<'a> {
    Text(&'a str),
    Int(i64),
    Float(f64),
}

/// Reads an amount from text or a number: the expectation, and the conversion.
struct Amount<T>(&'static str, fn(Scalar<'_>) -> Result<T, String>);

impl<T> Visitor<'_> for Amount<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        (self.1)(Scalar::Text(value)).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        (self.1)(Scalar::Int(value)).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        let value = i64::try_from(value).map_err(|_| E::custom(format!("`{value}` is too large")))?;
        (self.1)(Scalar::Int(value)).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        (self.1)(Scalar::Float(value)).map_err(E::custom)
    }
}
