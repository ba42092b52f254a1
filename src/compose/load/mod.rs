//! From files to the resolved model, one file per stage, in this order: discover, dotenv, parse, include, extends, merge,
//! tags, interpolate, decode, validate, normalize, profiles.

mod request;

pub use request::{Input, Loaded, Options, Origin, Origins, Request, Variable};

use crate::diag::{Diagnostic, Diagnostics, Sources};

/// Loads a project. Every file that is read is added to `sources`, so that problems (and [`Loaded::warnings`]) can be shown.
///
/// # Errors
/// Everything that is wrong with the files, the env files or the request, each with its place; warnings are among them.
pub fn load(request: &Request, sources: &mut Sources) -> Result<Loaded, Diagnostics> {
    let _ = (request, sources);
    Err(Diagnostic::error("the loader is not written yet").into())
}

/// temp
pub fn project_name(request: &Request) -> Option<String> {
    request
        .project_name
        .clone()
        .or_else(|| request.fallback_name.clone())
}
