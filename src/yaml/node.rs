//! The tree: every node knows where it was written.

use std::collections::HashMap;

use super::Span;

/// A value and its place.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it was written.
    pub span: Span,
    /// The tag, with its `!`, where one is written that YAML itself does not know.
    pub tag: Option<Box<str>>,
    /// Whether it stands as it was written; false once a variable or an env file had a part in it.
    pub literal: bool,
}

/// What a node holds.
#[derive(Debug, Clone, Default)]
pub enum Kind {
    /// `null`, `~`, or nothing.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is no integer.
    Float(f64),
    /// A date or time that was not quoted.
    Timestamp(Box<str>),
    /// Text.
    String(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

impl Kind {
    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Timestamp(_) => "a date",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Equal are two nodes that hold the same, wherever they were written; the order of a mapping does not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::String(a) | Self::Timestamp(a), Self::String(b) | Self::Timestamp(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|entry| b.get(&entry.key).is_some_and(|value| *value == entry.value))
            }
            _ => false,
        }
    }
}

impl Node {
    /// A value with its place.
    pub fn new(kind: Kind, span: Span) -> Self {
        Self { kind, span, tag: None, literal: true }
    }

    /// Text with its place.
    pub fn string(text: impl Into<Box<str>>, span: Span) -> Self {
        Self::new(Kind::String(text.into()), span)
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        }
    }

    /// The entries, if it is a list.
    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under a key, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value under a key, if it is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// A scalar as docker compose turns it into text; `None` for null, lists and mappings.
    pub fn to_text(&self) -> Option<String> {
        Some(match &self.kind {
            Kind::Bool(value) => value.to_string(),
            Kind::Int(value) => value.to_string(),
            Kind::Float(value) => crate::compat::float::format(*value),
            Kind::String(text) | Kind::Timestamp(text) => text.to_string(),
            Kind::Null | Kind::List(_) | Kind::Map(_) => return None,
        })
    }
}

/// A mapping in the order in which it was written.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<Entry>,
    /// Positions by key, kept only where a linear search would hurt.
    #[expect(
        clippy::box_collection,
        reason = "most mappings are small, and there are many: one word instead of six"
    )]
    index: Option<Box<HashMap<Box<str>, usize>>>,
}

/// A key, its place, and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// Up to so many entries a linear search is faster than a hash map, and much smaller.
const LINEAR: usize = 24;

impl Map {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries in order; keys must stay as they are.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.entries.iter_mut()
    }

    /// The entry under a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.position(key).map(|position| &self.entries[position])
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value under a key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.position(key).map(|position| &mut self.entries[position].value)
    }

    /// Whether a key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Puts a value under a key, in place of the one that was there.
    pub fn insert(&mut self, key: impl Into<Box<str>>, key_span: Span, value: Node) -> Option<Node> {
        let key = key.into();
        if let Some(position) = self.position(&key) {
            let entry = &mut self.entries[position];
            entry.key_span = key_span;
            return Some(std::mem::replace(&mut entry.value, value));
        }
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.entries.len());
        }
        self.entries.push(Entry { key, key_span, value });
        if self.index.is_none() && self.entries.len() > LINEAR {
            self.reindex();
        }
        None
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let position = self.position(key)?;
        let entry = self.entries.remove(position);
        if self.index.is_some() {
            self.reindex();
        }
        Some(entry.value)
    }

    /// Keeps the entries for which the condition holds.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        let before = self.entries.len();
        self.entries.retain(keep);
        if self.index.is_some() && self.entries.len() != before {
            self.reindex();
        }
    }

    fn reindex(&mut self) {
        let positions = self.entries.iter().enumerate();
        let index = positions.map(|(position, entry)| (entry.key.clone(), position)).collect();
        self.index = Some(Box::new(index));
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|entry| *entry.key == *key),
        }
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = &'a mut Entry;
    type IntoIter = std::slice::IterMut<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_map_finds_replaces_and_removes_like_a_short_one() {
        let mut map = Map::default();
        for number in 0..100i64 {
            map.insert(format!("k{number}"), Span::default(), Node::new(Kind::Int(number), Span::default()));
        }
        assert_eq!(
            map.insert("k7", Span::default(), Node::default()),
            Some(Node::new(Kind::Int(7), Span::default()))
        );
        assert!(map.remove("k3").is_some());
        assert_eq!(map.get("k99"), Some(&Node::new(Kind::Int(99), Span::default())));
        assert_eq!(map.get("k3"), None);
        assert_eq!(map.len(), 99);
    }
}
