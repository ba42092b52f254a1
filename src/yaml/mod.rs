//! YAML as Compose reads it: a tree of nodes that know their place. Knows YAML, not Compose.

mod de;
mod node;
mod parse;
mod scalar;
mod span;

pub use de::{DecodeError, EXTENSIONS};
pub use node::{Entry, Kind, Map, Node};
pub use parse::{YamlError, parse};
pub use scalar::is_typed;
pub use span::{SourceId, Span, Spanned};
