//! The syntax of Compose files: what is allowed where, and short forms in their long form.

pub(crate) mod canonical;
pub(crate) mod schema;
pub(crate) mod shape;
pub(crate) mod short_syntax;
