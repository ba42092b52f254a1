//! What verbs that read no files share: the scope among a project's containers, by mode and words, from labels.

use crate::commands::Context;
use crate::error::{Failure, Kind};
use crate::plan::labelled::{self, Scope};
use crate::plan::observed::Observed;
use crate::settings::BACKEND;
use crate::util::spelling;

/// The services that a command acts on: those named, else everything with `all`, else the mode's.
///
/// # Errors
/// A name that neither a container nor a label knows, with the nearest spelling; exit code 2. A project without
/// containers knows no names and refuses none.
pub fn scope(context: &Context, project: &str, observed: &Observed) -> Result<Scope, Failure> {
    let named = &context.settings.words.services;
    let known = labelled::known(&observed.containers);
    let is_known = |name: &String| known.contains(name.as_str()) || BACKEND.contains(&name.as_str());
    if let Some(unknown) = named.iter().find(|name| !is_known(name))
        && !known.is_empty()
    {
        let modes = crate::settings::Mode::builtin_names();
        let with_modes = context.settings.mode.is_some();
        let candidates = known.iter().copied().chain(modes.iter().map(String::as_str).filter(|_| with_modes));
        let failure = Failure::new(
            Kind::Usage,
            format!("project `{project}` has no service `{unknown}`; nothing was done"),
        );
        return Err(match spelling::nearest(unknown, candidates) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => {
                failure.hint(format!("services: {}", known.iter().copied().collect::<Vec<_>>().join(", ")))
            }
        });
    }
    Ok(Scope::of(&context.named_or_mode(), &observed.containers))
}
