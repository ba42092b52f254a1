//! Values that stay as written: extensions, and the maps of text that several keys share.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Omit;

/// Any value, as found under an `x-*` key.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is not an integer.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, sorted by key.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// As docker compose turns any scalar into text; lists and mappings become the empty text.
    pub fn to_text(&self) -> String {
        match self {
            Value::Null | Value::List(_) | Value::Map(_) => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => crate::compat::float::format(*value),
            Value::String(value) => value.clone(),
        }
    }

    /// The value under a key, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }
}

/// How an empty list of an extension makes itself known to a serializer: docker compose 2 prints it as `null`.
pub(crate) const EMPTY_LIST: &str = "EmptyList";

/// The `x-*` keys of a mapping.
pub type Extensions = BTreeMap<String, Value>;
/// Text to text; a key without a value has the empty text.
pub type Mapping = BTreeMap<String, String>;
/// Text to text or nothing: `KEY` alone, which the environment did not resolve, is `None`.
pub type OptionalMapping = BTreeMap<String, Option<String>>;
/// Labels by name.
pub type Labels = BTreeMap<String, String>;
/// Options that are passed to a driver as they are.
pub type Options = BTreeMap<String, String>;
/// Options of a provider; each may be repeated.
pub type RepeatedOptions = BTreeMap<String, Vec<String>>;

/// `extra_hosts`: addresses by host name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostList(pub BTreeMap<String, Vec<String>>);

impl HostList {
    /// One `host<separator>address` each, sorted. The engine wants `:`, Compose prints `=`.
    pub fn entries(&self, separator: &str) -> Vec<String> {
        let mut entries: Vec<String> = self
            .0
            .iter()
            .flat_map(|(host, addresses)| {
                addresses.iter().map(move |address| format!("{host}{separator}{address}"))
            })
            .collect();
        entries.sort();
        entries
    }
}

impl Omit for HostList {
    fn omit(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for HostList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries("=").serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HostList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Hosts)
    }
}

/// Reads `extra_hosts` as a list of `host=address` (or `host:address`), or as a mapping.
struct Hosts;

impl Hosts {
    fn checked<E: Error>(hosts: BTreeMap<String, Vec<String>>) -> Result<HostList, E> {
        if let Some(host) = hosts.keys().find(|host| host.is_empty() || host.contains([':', '='])) {
            return Err(E::custom(format!("`{host}` is not a host name")));
        }
        let unbracketed =
            |address: String| match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(inner) if !inner.is_empty() => inner.to_owned(),
                _ => address,
            };
        let hosts = hosts.into_iter();
        Ok(HostList(
            hosts.map(|(host, addresses)| (host, addresses.into_iter().map(unbracketed).collect())).collect(),
        ))
    }
}

impl<'de> Visitor<'de> for Hosts {
    type Value = HostList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`host=address` entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<HostList, A::Error> {
        let mut hosts = BTreeMap::<String, Vec<String>>::new();
        while let Some(entry) = access.next_element::<String>()? {
            let Some((host, address)) = entry.split_once('=').or_else(|| entry.split_once(':')) else {
                return Err(A::Error::custom(format!(
                    "additional host `{entry}` has no address; write `{entry}=ADDRESS`"
                )));
            };
            hosts.entry(host.to_owned()).or_default().extend(address.split(',').map(str::to_owned));
        }
        Self::checked(hosts)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<HostList, A::Error> {
        let mut hosts = BTreeMap::new();
        while let Some((host, addresses)) = access.next_entry::<String, Value>()? {
            let addresses = match addresses {
                Value::Null => vec![String::new()],
                Value::String(address) => vec![address],
                Value::List(addresses) => addresses.iter().map(Value::to_text).collect(),
                _ => {
                    return Err(A::Error::custom(format!("the address of host `{host}` is no text")));
                }
            };
            hosts.insert(host, addresses);
        }
        Self::checked(hosts)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::String(value) => serializer.serialize_str(value),
            Value::List(values) if values.is_empty() => {
                serializer.serialize_newtype_struct(EMPTY_LIST, values)
            }
            Value::List(values) => values.serialize(serializer),
            Value::Map(values) => values.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            values.insert(key, value);
        }
        Ok(Value::Map(values))
    }
}
