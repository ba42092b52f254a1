//! `record!`: a model struct whose fields are not printed while they have Go's zero value (`omitempty`).

/// Whether a field is left out when printed, the rule of Go's `omitempty`: empty text, list and map, zero, `false`, absent.
pub(crate) trait Omit {
    /// True when the field is not printed.
    fn omit(&self) -> bool;
}

/// Declares a model struct: every field optional when read, omitted when zero, unknown keys refused by the loader beforehand.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(skip_serializing_if = "crate::compose::model::record::Omit::omit")] pub $field: $type,)*
        }
    };
}
pub(crate) use record;

/// Structs that Go stores by value are printed in JSON even when empty; those behind a pointer are wrapped in `Option` here.
macro_rules! never_omitted {
    ($($type:ty),*) => { $(impl $crate::compose::model::record::Omit for $type {
        fn omit(&self) -> bool {
            false
        }
    })* };
}
pub(crate) use never_omitted;

macro_rules! omitted_when_default {
    ($($type:ty),*) => { $(impl Omit for $type {
        fn omit(&self) -> bool {
            *self == <$type>::default()
        }
    })* };
}
omitted_when_default!(bool, u16, u32, u64, i32, i64, f32, String);

impl<T> Omit for Option<T> {
    fn omit(&self) -> bool {
        self.is_none()
    }
}

impl<T> Omit for Vec<T> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Omit for std::collections::BTreeMap<K, V> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for std::path::PathBuf {
    fn omit(&self) -> bool {
        self.as_os_str().is_empty()
    }
}
