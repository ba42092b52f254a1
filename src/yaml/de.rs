//! Typed values from a tree. Every error knows the node that it is about.
//!
//! Conversions are docker compose's: text becomes a number or boolean where one is wanted, a scalar becomes text where text is
//! wanted, null the empty text. A struct sees the keys that begin with `x-` as one field, [`EXTENSIONS`].

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::scalar::timestamp_text;
use super::{Entry, Kind, Map, Node, Span};

/// The field under which a struct sees its keys that begin with `x-`.
pub const EXTENSIONS: &str = "#extensions";
/// How keys of extensions begin.
const EXTENSION_PREFIX: &str = "x-";

/// Why a node is not what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub message: String,
    /// The node that is wrong.
    pub span: Option<Span>,
    /// Whether that node stands as it was written; if not, its value may be a secret, and so the message is not for showing.
    pub literal: bool,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None, literal: true }
    }
}

impl Node {
    /// The node as a typed value.
    ///
    /// # Errors
    /// The first thing that does not fit, with its place.
    pub fn decode<'de, T: de::Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        T::deserialize(self)
    }

    fn at<T>(&self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        result.map_err(|error| match error.span {
            Some(_) => error,
            None => DecodeError { span: Some(self.span), literal: self.literal, ..error },
        })
    }

    fn text_for_scalar(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.kind {
            Kind::String(text) | Kind::Timestamp(text) => Some(text.as_ref().into()),
            Kind::Null => Some("".into()),
            _ => self.to_text().map(Into::into),
        }
    }
}

/// A number without its fraction, where 64 bits hold it.
fn whole(value: f64) -> Option<i64> {
    (value.abs() < 2f64.powi(63)).then_some(value as i64)
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = match &self.kind {
                Kind::Int(value) => <$type>::try_from(*value).ok(),
                Kind::Float(value) => whole(*value).and_then(|value| <$type>::try_from(value).ok()),
                Kind::String(text) => text.parse().ok(),
                _ => return self.deserialize_any(visitor),
            };
            self.at(match value {
                Some(value) => visitor.$visit(value),
                None => Err(de::Error::custom(format!("`{}` is no number that fits here", self.to_text().unwrap_or_default()))),
            })
        }
    )* };
}

macro_rules! floats {
    ($($method:ident $visit:ident $type:ty),*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.at(match &self.kind {
                Kind::Int(value) => visitor.$visit(*value as $type),
                Kind::Float(value) if value.is_finite() => visitor.$visit(*value as $type),
                Kind::Float(_) => Err(de::Error::custom("infinity is no number that fits here")),
                Kind::String(text) => match text.parse() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(de::Error::custom(format!("`{text}` is no number"))),
                },
                _ => return self.deserialize_any(visitor),
            })
        }
    )* };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.at(match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::String(text) => visitor.visit_borrowed_str(text),
            Kind::Timestamp(text) => visitor.visit_string(timestamp_text(text)),
            Kind::List(list) => visitor.visit_seq(Entries(list.iter())),
            Kind::Map(map) => visitor.visit_map(Fields::all(map)),
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Kind::String(text) = &self.kind else {
            return self.deserialize_any(visitor);
        };
        self.at(match text.to_ascii_lowercase().as_str() {
            "true" | "y" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "n" | "no" | "off" => visitor.visit_bool(false),
            _ => Err(de::Error::custom(format!("`{text}` is neither `true` nor `false`"))),
        })
    }

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );
    floats!(deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64);

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match (&self.kind, self.text_for_scalar()) {
            (Kind::String(text), _) => self.at(visitor.visit_borrowed_str(text)),
            (_, Some(text)) => self.at(visitor.visit_str(&text)),
            (_, None) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.at(if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.at(visitor.visit_newtype_struct(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.kind {
            Kind::Map(map) if fields.contains(&EXTENSIONS) => {
                self.at(visitor.visit_map(Fields::of_struct(map)))
            }
            // A section that is there but empty.
            Kind::Null => self.at(visitor.visit_map(Fields::none())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.kind {
            Kind::Null => self.at(visitor.visit_map(Fields::none())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.kind {
            Kind::Null => self.at(visitor.visit_seq(Entries([].iter()))),
            // One entry may stand without its list.
            Kind::String(_) | Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) => {
                self.at(visitor.visit_seq(Entries(std::slice::from_ref(self).iter())))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.as_str() {
            Some(text) => {
                let text: StrDeserializer<'_, DecodeError> = text.into_deserializer();
                self.at(visitor.visit_enum(text))
            }
            None => self.at(Err(de::Error::custom(format!("expected a word, found {}", self.kind.name())))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Entries<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        self.0.next().map(|node| node.at(seed.deserialize(node))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a mapping; for a struct those of its extensions come last, as one field.
struct Fields<'de> {
    map: Option<&'de Map>,
    entries: std::slice::Iter<'de, Entry>,
    collapse: bool,
    extensions_left: bool,
    value: Option<&'de Node>,
}

impl<'de> Fields<'de> {
    fn all(map: &'de Map) -> Self {
        Self { map: Some(map), entries: map.iter(), collapse: false, extensions_left: false, value: None }
    }

    fn of_struct(map: &'de Map) -> Self {
        let has_extensions = map.iter().any(|entry| entry.key.starts_with(EXTENSION_PREFIX));
        Self { collapse: true, extensions_left: has_extensions, ..Self::all(map) }
    }

    fn none() -> Self {
        Self { map: None, entries: [].iter(), collapse: false, extensions_left: false, value: None }
    }
}

fn key<'de, K: DeserializeSeed<'de>>(seed: K, key: &'de str) -> Result<Option<K::Value>, DecodeError> {
    seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let collapse = self.collapse;
        match self.entries.find(|entry| !(collapse && entry.key.starts_with(EXTENSION_PREFIX))) {
            Some(entry) => {
                self.value = Some(&entry.value);
                key(seed, &entry.key)
            }
            None if std::mem::take(&mut self.extensions_left) => {
                self.value = None;
                key(seed, EXTENSIONS)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        match (self.value, self.map) {
            (Some(node), _) => node.at(seed.deserialize(node)),
            (None, Some(map)) => seed.deserialize(Extensions(map)),
            (None, None) => Err(de::Error::custom("no value left")),
        }
    }
}

/// The extensions of a mapping, as a mapping.
struct Extensions<'de>(&'de Map);

impl<'de> Deserializer<'de> for Extensions<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(ExtensionEntries { entries: self.0.iter(), value: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct ExtensionEntries<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for ExtensionEntries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(entry) = self.entries.find(|entry| entry.key.starts_with(EXTENSION_PREFIX)) else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        key(seed, &entry.key)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        match self.value.take() {
            Some(node) => node.at(seed.deserialize(node)),
            None => Err(de::Error::custom("no value left")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::{SourceId, parse};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sample {
        text: String,
        number: i64,
        yes: bool,
        share: f32,
        list: Vec<String>,
        maybe: Option<String>,
        labels: BTreeMap<String, String>,
        #[serde(rename = "#extensions")]
        extensions: BTreeMap<String, i64>,
    }

    fn decode(text: &str) -> Result<Sample, super::DecodeError> {
        parse(SourceId(0), text).expect(text)[0].decode()
    }

    #[test]
    fn scalars_become_what_is_wanted() {
        let sample = decode(
            "{text: 1, number: '7', yes: 'on', share: 1, list: one, maybe: ~, labels: {a: ~, b: 1.50, x-c: y}, x-d: 4}",
        );
        let labels =
            [("a", ""), ("b", "1.5"), ("x-c", "y")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = Sample {
            text: "1".into(),
            number: 7,
            yes: true,
            share: 1.0,
            list: vec!["one".into()],
            maybe: None,
            labels: labels.into(),
            extensions: [("x-d".to_owned(), 4)].into(),
        };
        assert_eq!(sample, Ok(expected));
    }

    #[test]
    fn an_error_knows_its_node() {
        let error = decode("{text: a, yes: maybe}").expect_err("no boolean");
        assert_eq!(error.message, "`maybe` is neither `true` nor `false`");
        assert_eq!(error.span.map(|span| span.start), Some(15));
    }
}
