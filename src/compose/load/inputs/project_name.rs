//! What the project is called (Compose spec, “name”): `--project-name`, `COMPOSE_PROJECT_NAME`, the last `name:` of the
//! files, the folder's name.

use std::borrow::Cow;
use std::path::Path;

use crate::compose::load::inputs::variables::{Environment, ScalarScope};
use crate::compose::load::request::Request;
use crate::compose::load::session::Session;
use crate::compose::load::tree::template::substitute;
use crate::compose::model::ProjectName;
use crate::diag::Diagnostic;
use crate::util::slug::slug;
use crate::yaml::Node;

/// Finds the name; problems are in the session.
pub(crate) fn project_name<'n>(
    request: &Request,
    documents: impl Iterator<Item = &'n Node>,
    folder: &Path,
    environment: &Environment,
    session: &mut Session<'_>,
) -> Option<ProjectName> {
    let by_hand = request.project_name.as_deref().filter(|name| !name.is_empty());
    if let Some(name) =
        by_hand.or_else(|| environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()))
    {
        return checked(name, session);
    }
    if let Some(name) = &request.fallback_name {
        return Some(ProjectName::new(name.clone()));
    }
    let written = documents
        .filter_map(|document| document.get("name"))
        .filter_map(|node| node.to_text().filter(|text| !text.is_empty()).map(|text| (text, node.span)))
        .last();
    let name = match &written {
        Some((text, _)) if request.options.no_interpolate => Cow::Borrowed(text.as_str()),
        Some((text, span)) => {
            let mut scope = ScalarScope {
                environment,
                uses: &mut session.uses,
                span: *span,
                unset: Vec::new(),
                asked: false,
            };
            // What is wrong with the text is said when its file is interpolated.
            substitute(text, &mut scope).ok()?
        }
        None => folder.file_name().unwrap_or_default().to_string_lossy(),
    };
    let name = slug(&name);
    if name.is_empty() {
        let error = Diagnostic::error("project name is empty");
        let error = match written {
            Some((_, span)) => error.at(span, "nothing of it may stand in a name"),
            None => error,
        };
        session.error(
            error.hint("a name holds lower-case letters, digits, `-` and `_`; write one after `name:`"),
        );
        return None;
    }
    Some(ProjectName::new(name))
}

/// A typed name must be valid as it is.
fn checked(name: &str, session: &mut Session<'_>) -> Option<ProjectName> {
    let good = slug(name);
    if good == name {
        return Some(ProjectName::new(good));
    }
    let error = Diagnostic::error(format!("project name `{name}` is not allowed"))
        .hint("a name begins with a lower-case letter or digit and holds these, `-` and `_`");
    session.error(if good.is_empty() { error } else { error.hint(format!("`{good}` would do")) });
    None
}
