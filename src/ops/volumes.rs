//! The volumes that `volume rm` names: refuses those that the project does not have, and those that a container uses.

use crate::error::{Failure, Kind};
use crate::ops::project::LiveProject;
use crate::plan::volumes::{find, own, users};
use crate::util::spelling;

/// # Errors
/// No name, a name that no volume of the project has (exit code 2), a volume in use (1). Nothing was changed.
pub fn refuse_to_remove(live: &LiveProject, names: &[String]) -> Result<(), Failure> {
    let LiveProject { project, observed, .. } = live;
    let known: Vec<&str> = own(observed).map(|volume| volume.name.as_str()).collect();
    let listed = match known.as_slice() {
        [] => format!("project `{project}` has no volumes"),
        known => format!("volumes: {}", known.join(", ")),
    };
    if names.is_empty() {
        return Err(Failure::new(Kind::Usage, "`volume rm` needs the names of volumes").hint(listed));
    }
    for name in names {
        let Some(volume) = find(observed, name) else {
            let failure = Failure::new(Kind::Usage, format!("project `{project}` has no volume `{name}`"));
            return Err(match spelling::nearest(name, known.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(listed),
            });
        };
        let users = users(observed, volume);
        if !users.is_empty() {
            let text = format!("volume {} is used by {}", volume.name, users.join(", "));
            return Err(Failure::new(Kind::Failed, text).hint("`sofa down` removes the project's containers"));
        }
    }
    Ok(())
}
