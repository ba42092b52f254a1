//! Documents become one tree: variables, `extends`, `include`, merge.

pub(crate) mod assemble;
pub(crate) mod document;
pub(crate) mod extends;
pub(crate) mod include;
pub(crate) mod interpolate;
pub(crate) mod merge;
pub(crate) mod path;
pub(crate) mod tags;
pub(crate) mod template;
pub(crate) mod unique;
