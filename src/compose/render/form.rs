//! A value as the tree that is printed: which fields appear, under which names, in which order.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use crate::compat::Dialect;
use crate::compat::{float, natural};
use crate::compose::model::{EMPTY_LIST, HOOK_CONTAINER};
use crate::yaml::{EXTENSIONS, Kind, Node};

/// What is printed, and for whom. Extensions appear in YAML alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON of `config`.
    Json(Dialect),
    /// JSON of the config hash.
    Hash(Dialect),
    /// YAML of `config`.
    Yaml(Dialect),
}

/// A value ready to be printed.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is printed.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping in the order in which it is printed.
    Map(Vec<(Key, Tree)>),
}

/// A key. Those of the specification are not copied.
pub type Key = Cow<'static, str>;

impl Tree {
    /// A value in a form.
    pub fn of<T: Serialize + ?Sized>(value: &T, form: Form) -> Self {
        // The model serializes nothing that this serializer refuses.
        value.serialize(Builder { form }).unwrap_or(Self::Null)
    }

    /// A node without changes, keys in order.
    pub fn of_node(node: &Node, order: fn(&str, &str) -> Ordering) -> Self {
        match &node.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Int(value) => Self::Number(value.to_string()),
            Kind::Float(value) => Self::Number(float::format_json(*value)),
            Kind::String(text) | Kind::Timestamp(text) => Self::Text(text.to_string()),
            Kind::List(list) => Self::List(list.iter().map(|node| Self::of_node(node, order)).collect()),
            Kind::Map(map) => {
                let entries = map.iter().filter(|entry| !entry.key.starts_with('#'));
                let mut entries: Vec<_> = entries
                    .map(|entry| (Key::from(entry.key.to_string()), Self::of_node(&entry.value, order)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| order(a, b));
                Self::Map(entries)
            }
        }
    }

    /// Whether it is an empty mapping or list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            _ => false,
        }
    }
}

/// Never raised: [`serde`] wants an error type.
#[derive(Debug)]
pub(crate) struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value cannot be printed")
    }
}

impl std::error::Error for Unprintable {}

impl ser::Error for Unprintable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[derive(Clone, Copy)]
struct Builder {
    form: Form,
}

impl Builder {
    fn dialect(self) -> Dialect {
        match self.form {
            Form::Json(dialect) | Form::Hash(dialect) | Form::Yaml(dialect) => dialect,
        }
    }

    fn is_yaml(self) -> bool {
        matches!(self.form, Form::Yaml(_))
    }
}

macro_rules! numbers {
    ($($method:ident $type:ty),*) => { $(
        fn $method(self, value: $type) -> Result<Tree, Unprintable> {
            Ok(Tree::Number(value.to_string()))
        }
    )* };
}

type Done = Result<Tree, Unprintable>;

impl Serializer for Builder {
    type Ok = Tree;
    type Error = Unprintable;
    type SerializeSeq = ListBuilder;
    type SerializeTuple = Impossible<Tree, Unprintable>;
    type SerializeTupleStruct = Impossible<Tree, Unprintable>;
    type SerializeTupleVariant = Impossible<Tree, Unprintable>;
    type SerializeMap = MapBuilder;
    type SerializeStruct = StructBuilder;
    type SerializeStructVariant = Impossible<Tree, Unprintable>;

    numbers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
             serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Done {
        Ok(Tree::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Done {
        Ok(Tree::Number(float::format_json32(value)))
    }

    fn serialize_f64(self, value: f64) -> Done {
        Ok(Tree::Number(float::format_json(value)))
    }

    fn serialize_char(self, value: char) -> Done {
        Ok(Tree::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Done {
        Ok(Tree::Text(value.to_owned()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Done {
        Err(Unprintable)
    }

    fn serialize_none(self) -> Done {
        Ok(Tree::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        Ok(Tree::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Ok(Tree::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        Ok(Tree::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        if name == EMPTY_LIST && self.form == Form::Json(Dialect::V2) {
            return Ok(Tree::Null);
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        Ok(Tree::Map(vec![(variant.into(), value.serialize(self)?)]))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<ListBuilder, Unprintable> {
        Ok(ListBuilder { builder: self, list: Vec::with_capacity(len.unwrap_or(0)) })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unprintable> {
        Err(Unprintable)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unprintable> {
        Err(Unprintable)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unprintable> {
        Err(Unprintable)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<MapBuilder, Unprintable> {
        Ok(MapBuilder { builder: self, entries: Vec::with_capacity(len.unwrap_or(0)), key: String::new() })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<StructBuilder, Unprintable> {
        Ok(StructBuilder { builder: self, name, entries: Vec::with_capacity(len) })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unprintable> {
        Err(Unprintable)
    }
}

struct ListBuilder {
    builder: Builder,
    list: Vec<Tree>,
}

impl SerializeSeq for ListBuilder {
    type Ok = Tree;
    type Error = Unprintable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unprintable> {
        self.list.push(value.serialize(self.builder)?);
        Ok(())
    }

    fn end(self) -> Done {
        Ok(Tree::List(self.list))
    }
}

struct MapBuilder {
    builder: Builder,
    entries: Vec<(Key, Tree)>,
    key: String,
}

impl SerializeMap for MapBuilder {
    type Ok = Tree;
    type Error = Unprintable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unprintable> {
        if let Tree::Text(text) = key.serialize(self.builder)? {
            self.key = text;
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unprintable> {
        let value = value.serialize(self.builder)?;
        self.entries.push((std::mem::take(&mut self.key).into(), value));
        Ok(())
    }

    fn end(mut self) -> Done {
        if self.builder.is_yaml() {
            self.entries.sort_by(|(a, _), (b, _)| natural::compare(a, b));
        }
        Ok(Tree::Map(self.entries))
    }
}

struct StructBuilder {
    builder: Builder,
    name: &'static str,
    entries: Vec<(Key, Tree)>,
}

impl StructBuilder {
    /// Whether a field of this struct is printed with this value.
    fn shows(&self, field: &str, value: &Tree) -> bool {
        let (is_yaml, dialect) = (self.builder.is_yaml(), self.builder.dialect());
        match (self.name, field) {
            ("BindOptions", "create_host_path") => *value == Tree::Bool(dialect == Dialect::V2),
            // `config` has read them; docker compose hashes their names all the same.
            ("Service", "label_file") => dialect != Dialect::V2 || matches!(self.builder.form, Form::Hash(_)),
            ("Service", "pull_refresh_after") => dialect == Dialect::V5,
            ("Service", "pre_start") => dialect != Dialect::V2,
            ("Ipam", "options") => dialect != Dialect::V2,
            ("EnvFile", "required") => *value == Tree::Bool(false),
            ("UlimitBounds", _) => is_yaml || *value != Tree::Number("0".to_owned()),
            // Go stores these by value, so JSON shows them even when empty.
            ("Deploy", "resources" | "placement") | ("Network", "ipam") | ("Trigger", "exec") => {
                !(is_yaml && value.is_empty())
            }
            _ => !(is_yaml && *value == Tree::Null),
        }
    }
}

impl SerializeStruct for StructBuilder {
    type Ok = Tree;
    type Error = Unprintable;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), Unprintable> {
        if field == EXTENSIONS {
            if let (true, Tree::Map(extensions)) = (self.builder.is_yaml(), value.serialize(self.builder)?) {
                self.entries.extend(extensions);
            }
            return Ok(());
        }
        if field == HOOK_CONTAINER {
            if let (Form::Hash(Dialect::V5), Tree::Map(container)) =
                (self.builder.form, value.serialize(self.builder)?)
            {
                let own = std::mem::replace(&mut self.entries, container);
                self.entries.extend(own.into_iter().filter(|(name, _)| name == "per_replica"));
            }
            return Ok(());
        }
        if field.starts_with('#') {
            return Ok(());
        }
        let tree = value.serialize(self.builder)?;
        if self.shows(field, &tree) {
            let is_small = !field.bytes().any(|byte| byte.is_ascii_uppercase());
            let name = if is_small || !self.builder.is_yaml() {
                field.into()
            } else {
                field.to_ascii_lowercase().into()
            };
            self.entries.push((name, tree));
        }
        Ok(())
    }

    fn end(self) -> Done {
        Ok(Tree::Map(self.entries))
    }
}
