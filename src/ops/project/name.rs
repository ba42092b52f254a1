//! The project's name: `-p`, COMPOSE_PROJECT_NAME of the environment, the mode's env file, `sofa.yaml`, `<project>-<mode>`. Two
//! different names for one mode, and one name for two modes, are refused: a mode would act on another's containers.

use crate::compose::load::{self, EnvName, Options, Request};
use crate::diag::{Diagnostic, Sources};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::settings::Mode;
use crate::yaml::Span;

/// A project's name, for verbs that read no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    /// Whether an env file that may name the project otherwise could not be read.
    pub uncertain: bool,
}

/// The project name of a mode, and where it is written, if anywhere.
struct ModeName {
    name: String,
    place: Option<Span>,
    uncertain: bool,
}

impl Context {
    /// The project's name for verbs that read no files: missing or broken files and env files do not stop them.
    ///
    /// # Errors
    /// There is no name; two different names are written; another mode has the same name.
    pub fn project_name(&self) -> Result<Name, Failure> {
        self.project_name_of(&self.request(Options::default())?)
    }

    /// The same, for a request that was made before: standard input can be read only once.
    pub(super) fn project_name_of(&self, request: &Request) -> Result<Name, Failure> {
        let mut uncertain = false;
        if !self.named_by_hand()
            && let Some(mode) = &self.settings.mode
        {
            let named = self.check_name(mode)?;
            if named.place.is_some() {
                return Ok(Name { text: named.name, uncertain: false });
            }
            uncertain = named.uncertain;
        }
        let name = load::project_name(request)
            .ok_or_else(|| Failure::new(Kind::Usage, "project has no name").hint("name it: -p NAME"))?;
        Ok(Name { text: name.to_string(), uncertain })
    }

    /// Checks that the mode has one name, and that no other mode has it.
    ///
    /// # Errors
    /// Both places; exit code 3.
    pub fn check_names(&self) -> Result<(), Failure> {
        match &self.settings.mode {
            Some(mode) if !self.named_by_hand() => self.check_name(mode).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether the command line or the environment names the project, which counts for every mode.
    pub fn named_by_hand(&self) -> bool {
        self.settings.project_name.is_some()
            || self
                .settings
                .environment
                .process()
                .get("COMPOSE_PROJECT_NAME")
                .is_some_and(|name| !name.is_empty())
    }

    /// Whether the mode's name is written anywhere, and so is what the operator wants.
    pub fn name_is_written(&self, mode: &Mode) -> bool {
        let own = self.with_typed_env_files(mode);
        self.named_by_hand()
            || self.name_of(&own, &mut Sources::default()).is_ok_and(|named| named.place.is_some())
    }

    /// The names of the project's other modes.
    pub fn other_names(&self, mode: &Mode) -> Vec<String> {
        let others = self.settings.modes.iter().filter(|other| other.name != mode.name);
        others.filter_map(|other| Some(self.name_of(other, &mut Sources::default()).ok()?.name)).collect()
    }

    /// The mode with the env files of this command: `--env-file` replaces the mode's own.
    fn with_typed_env_files(&self, mode: &Mode) -> Mode {
        Mode { env_files: self.settings.env_files.clone(), ..mode.clone() }
    }

    fn check_name(&self, mode: &Mode) -> Result<ModeName, Failure> {
        let mut sources = self.settings.sources.clone();
        let named = self.name_of(&self.with_typed_env_files(mode), &mut sources)?;
        for other in self.settings.modes.iter().filter(|other| other.name != mode.name) {
            let Ok(theirs) = self.name_of(other, &mut sources) else { continue };
            if theirs.name == named.name {
                let error = Diagnostic::error(format!(
                    "modes `{}` and `{}` have the same project name: `{}`",
                    mode.name, other.name, named.name
                ));
                let places = [(&mode.name, named.place), (&other.name, theirs.place)];
                let error = places.into_iter().fold(error, |error, (name, place)| match place {
                    Some(span) => error.at(span, format!("the name of `{name}`")),
                    None => error,
                });
                return Err(refusal(
                    error.hint("each mode is a project of its own: give one of them another name"),
                    &sources,
                ));
            }
        }
        Ok(named)
    }

    /// A mode's project name by its env files and `sofa.yaml`.
    fn name_of(&self, mode: &Mode, sources: &mut Sources) -> Result<ModeName, Failure> {
        let settings = &self.settings;
        let environment = settings.environment.process();
        let found = load::name_in_env_files(&mode.env_files, environment, &settings.directory, sources);
        Ok(match (found, mode.name_span) {
            (EnvName::Named { name, place }, Some(written)) if name != mode.project_name => {
                let message = format!("mode `{}` has two project names", mode.name);
                let error = Diagnostic::error(message)
                    .at(written, format!("`{}` here", mode.project_name))
                    .at(place, format!("`{name}` here"));
                return Err(refusal(error.hint("write the name in only one of them"), sources));
            }
            (EnvName::Named { name, place }, _) => ModeName { name, place: Some(place), uncertain: false },
            (found, place) => ModeName {
                name: mode.project_name.clone(),
                place,
                uncertain: place.is_none() && found == EnvName::Unknown,
            },
        })
    }
}

fn refusal(error: Diagnostic, sources: &Sources) -> Failure {
    Failure::rendered(Kind::Invalid, error.render(sources, true))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::ops::build_info::BuildInfo;
    use crate::settings::{Environment, Settings, Typed};
    use crate::ui::Ui;

    /// A project of the standard layout with these files, in a mode.
    fn project(files: &[(&str, &str)], mode: &str, environment: Environment) -> (tempfile::TempDir, Context) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("docker-compose-local.yml", ""), ("docker-compose-prod.yml", "")].iter().chain(files)
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let typed = Typed { words: vec![mode.to_owned()], lenient: true, ..Typed::default() };
        let settings = Settings::resolve(typed, environment, folder.path().to_owned()).unwrap();
        (folder, Context { settings, ui: Ui::plain(), build: BuildInfo::default() })
    }

    fn name(files: &[(&str, &str)], mode: &str) -> Name {
        project(files, mode, Environment::default()).1.project_name().unwrap()
    }

    fn refused(files: &[(&str, &str)], mode: &str) -> String {
        let (_folder, context) = project(files, mode, Environment::default());
        let failure = context.check_names().unwrap_err();
        assert_eq!(failure.kind, Kind::Invalid);
        assert_eq!(context.project_name().unwrap_err().to_string(), failure.to_string());
        anstream::adapter::strip_str(&failure.to_string()).to_string()
    }

    #[test]
    fn an_env_file_wins_over_settings_and_settings_over_the_default() {
        let settings = ("sofa.yaml", "project: app\nmodes: { production: { project_name: prod } }\n");
        let certain = |text: &str| Name { text: text.into(), uncertain: false };
        assert_eq!(name(&[settings], "production"), certain("prod"));
        assert_eq!(name(&[("sofa.yaml", "project: app\n"), (".dev.env", "")], "dev"), certain("app-dev"));
        let named = (".dev.env", "A=1\nCOMPOSE_PROJECT_NAME=mine\n");
        assert_eq!(name(&[settings, named], "dev"), certain("mine"));
        // Errors in other lines do not matter.
        assert_eq!(name(&[settings, (".dev.env", "'\nCOMPOSE_PROJECT_NAME=mine\n")], "dev"), certain("mine"));
    }

    #[test]
    fn the_environment_names_the_project_in_every_mode() {
        let environment = Environment::from([("COMPOSE_PROJECT_NAME", "mine")]);
        let named = [(".local.env", "COMPOSE_PROJECT_NAME=other\n")];
        let (_folder, context) = project(&named, "local", environment);
        assert_eq!(context.project_name().unwrap().text, "mine");
        context.check_names().unwrap();
    }

    #[test]
    fn a_missing_env_file_leaves_the_name_uncertain() {
        assert!(name(&[("sofa.yaml", "project: app\n")], "dev").uncertain);
        let written = [("sofa.yaml", "modes: { dev: { project_name: mine } }\n")];
        assert_eq!(name(&written, "dev"), Name { text: "mine".into(), uncertain: false });
    }

    #[test]
    fn two_names_for_one_mode_are_refused_with_both_places() {
        let files = [
            ("sofa.yaml", "modes:\n  production:\n    project_name: one\n"),
            (".production.env", "DATABASE_URL=x\nCOMPOSE_PROJECT_NAME=two\n"),
        ];
        assert_snapshot!(refused(&files, "production"), @"
        error: mode `production` has two project names
         --> sofa.yaml:3:19
          |
        3 |     project_name: one
          |                   ^^^ `one` here
          |
         ::: .production.env:2:1
          |
        2 | COMPOSE_PROJECT_NAME=two
          | ------------------------ `two` here
        hint: write the name in only one of them
        ");
        // The same name twice is accepted.
        let files = [files[0], (".production.env", "COMPOSE_PROJECT_NAME=one\n")];
        assert_eq!(name(&files, "production").text, "one");
        // A contradiction in another mode does not matter here.
        assert!(name(&[files[0], (".production.env", "COMPOSE_PROJECT_NAME=two\n")], "local").uncertain);
    }

    #[test]
    fn one_name_for_two_modes_is_refused_with_both_places() {
        let files = [
            (
                "sofa.yaml",
                "project: app\nmodes:\n  production: { project_name: app-live }\n  staging: { extends: production }\n",
            ),
            (".dev.env", "COMPOSE_PROJECT_NAME=app-live\n"),
        ];
        assert_snapshot!(refused(&files, "production"), @"
        error: modes `production` and `dev` have the same project name: `app-live`
         --> sofa.yaml:3:31
          |
        3 |   production: { project_name: app-live }
          |                               ^^^^^^^^ the name of `production`
          |
         ::: .dev.env:1:1
          |
        1 | COMPOSE_PROJECT_NAME=app-live
          | ----------------------------- the name of `dev`
        hint: each mode is a project of its own: give one of them another name
        ");
        assert_snapshot!(refused(&[("sofa.yaml", "project: app\nmodes: { dev: { project_name: app-local } }\n")], "local"), @"
        error: modes `local` and `dev` have the same project name: `app-local`
         --> sofa.yaml:2:31
          |
        2 | modes: { dev: { project_name: app-local } }
          |                               ^^^^^^^^^ the name of `dev`
        hint: each mode is a project of its own: give one of them another name
        ");
    }
}
