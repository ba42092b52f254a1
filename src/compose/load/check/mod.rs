//! The tree becomes the typed model, which is then checked.

pub(crate) mod decode;
pub(crate) mod dropped;
pub(crate) mod hooks;
pub(crate) mod http;
pub(crate) mod pre_start;
pub(crate) mod profiles;
pub(crate) mod validate;
pub(crate) mod x_sofa;
