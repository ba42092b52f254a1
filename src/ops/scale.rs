//! The number of containers of a service that the command line asks for, in place of the files' number.

use std::str::FromStr;

use crate::compose::model::Project;
use crate::error::{Failure, Kind};
use crate::util::spelling;

/// `SERVICE=N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    pub service: String,
    pub count: u32,
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Scale, String> {
        let (service, count) = text.split_once('=').ok_or("it takes SERVICE=NUMBER")?;
        let count = count.parse().map_err(|_| format!("`{count}` is not a number of containers"))?;
        if service.is_empty() {
            return Err("it takes SERVICE=NUMBER".into());
        }
        Ok(Scale { service: service.to_string(), count })
    }
}

/// Whether a word is SERVICE=N; `SERVICES=` is a selection.
fn is_scale(word: &str) -> bool {
    word.contains('=') && !word.starts_with("SERVICES=")
}

/// The SERVICE=N words among words.
///
/// # Errors
/// A word with `=` and no number; exit code 2.
pub fn among(words: &[String]) -> Result<Vec<Scale>, Failure> {
    let scales = words.iter().filter(|word| is_scale(word));
    scales
        .map(|word| word.parse().map_err(|error| Failure::new(Kind::Usage, format!("`{word}`: {error}"))))
        .collect()
}

/// The words that select services and modes; SERVICE=N selects its service.
pub fn scope_words(words: &[String]) -> Vec<String> {
    let selected = |word: &String| match word.split_once('=') {
        Some((service, _)) if is_scale(word) => format!("SERVICES={service}"),
        _ => word.clone(),
    };
    words.iter().map(selected).collect()
}

/// Refuses numbers for services outside the scope: they would have no effect.
///
/// # Errors
/// Each of them; exit code 2.
pub fn refuse_outside(scales: &[Scale], scope: &[String]) -> Result<(), Failure> {
    let outside = scales.iter().filter(|scale| !scope.contains(&scale.service));
    let messages: Vec<String> = outside
        .map(|scale| {
            format!("cannot scale `{}`: it is not among the services of this command", scale.service)
        })
        .collect();
    if messages.is_empty() { Ok(()) } else { Err(Failure::all(Kind::Usage, messages)) }
}

/// Writes the numbers into the model. They are not part of the config hash.
///
/// # Errors
/// A service that the project does not have; several containers with one name. Exit code 2.
pub fn apply(project: &mut Project, scales: &[Scale]) -> Result<(), Failure> {
    for Scale { service: name, count } in scales {
        let Some(service) = project.services.get_mut(name.as_str()) else {
            let failure =
                Failure::new(Kind::Usage, format!("cannot scale `{name}`: the project has no such service"));
            let near = spelling::nearest(name, project.services.keys().map(|known| known.as_str()));
            return Err(match near {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            });
        };
        if *count > 1 && !service.container_name.is_empty() {
            let text = format!("service `{name}` has a `container_name` and cannot have {count} containers");
            return Err(
                Failure::new(Kind::Usage, text).hint("a container's name is unique; remove `container_name`")
            );
        }
        service.scale = Some(i64::from(*count));
        if let Some(deploy) = &mut service.deploy {
            deploy.replicas = service.scale;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::{Deploy, Service};

    fn project() -> Project {
        let mut project = Project::default();
        let web = Service { name: "web".into(), deploy: Some(Deploy::default()), ..Service::default() };
        let db = Service { name: "db".into(), container_name: "the-db".into(), ..Service::default() };
        project.services.extend([("web".into(), web), ("db".into(), db)]);
        project
    }

    fn scaled(text: &str) -> Result<i64, String> {
        let scale: Scale = text.parse()?;
        let mut project = project();
        apply(&mut project, std::slice::from_ref(&scale)).map_err(|failure| failure.to_string())?;
        let service = project.service(&scale.service).map(Service::replicas);
        service.ok_or_else(|| "gone".to_string())
    }

    #[test]
    fn the_command_line_wins_over_the_files() {
        assert_eq!(scaled("web=3"), Ok(3));
        assert_eq!(scaled("web=0"), Ok(0));
        assert_eq!(scaled("db=1"), Ok(1));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (text, said) in [
            ("web", "it takes SERVICE=NUMBER"),
            ("=2", "it takes SERVICE=NUMBER"),
            ("web=-1", "`-1` is not a number of containers"),
            ("wob=2", "no such service"),
            ("db=2", "`container_name`"),
        ] {
            let error = scaled(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
