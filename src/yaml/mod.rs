//! YAML as Compose reads it: a tree of nodes that know their place. Knows YAML, not Compose.

mod span;

pub use span::{SourceId, Span};
