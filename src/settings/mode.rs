//! Modes: named ways to deploy a project. Each mode is its own Compose project.

use std::path::PathBuf;
use std::time::Duration;

use super::layout::Layout;
use crate::util::slug::slug;
use crate::yaml::Span;
use crate::yaml::Spanned;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    pub name: String,
    /// In order, absolute.
    pub files: Vec<PathBuf>,
    /// In order, absolute.
    pub env_files: Vec<PathBuf>,
    pub profiles: Vec<String>,
    /// The services of a command that names none.
    pub services: Services,
    pub deps: Deps,
    /// Whether destructive verbs ask for confirmation.
    pub protected: bool,
    pub down_volumes: bool,
    /// The Compose project's name. COMPOSE_PROJECT_NAME in an env file of the mode overrides it.
    pub project_name: String,
    /// The name's span in `sofa.yaml`; none for the default name `<project>-<mode>`.
    pub name_span: Option<Span>,
    /// The engine's address; none for the default.
    pub host: Option<String>,
    /// The total deadline for the waits of a deploy.
    pub wait_timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// All services, except those of inactive profiles.
    All,
    /// The services that the backend needs.
    Infra,
    /// The services that are deployed often.
    Backend,
    Named(Vec<Spanned<String>>),
}

/// What happens to dependencies outside the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Deps {
    /// A missing dependency is started. A running one is not changed.
    Auto,
    /// Dependencies must already be up.
    None,
    /// Dependencies are deployed too.
    All,
    /// `--no-deps`: the services are deployed as if they had none.
    #[value(skip)]
    Ignored,
}

/// A built-in mode.
struct Builtin {
    name: &'static str,
    file: &'static str,
    env_file: &'static str,
    profile: Option<&'static str>,
    services: Services,
    production: bool,
}

const BUILTIN: [Builtin; 3] = [
    Builtin {
        name: "local",
        file: "docker-compose-local.yml",
        env_file: ".local.env",
        profile: None,
        services: Services::All,
        production: false,
    },
    Builtin {
        name: "dev",
        file: "docker-compose-local.yml",
        env_file: ".dev.env",
        profile: None,
        services: Services::Infra,
        production: false,
    },
    Builtin {
        name: "production",
        file: "docker-compose-prod.yml",
        env_file: ".production.env",
        profile: Some("production"),
        services: Services::Backend,
        production: true,
    },
];

impl Mode {
    pub fn builtin_names() -> Vec<String> {
        BUILTIN.iter().map(|row| row.name.to_string()).collect()
    }

    /// The built-in mode of this name, if there is one, for a project with this layout.
    pub(super) fn builtin(name: &str, layout: &Layout, project: &str) -> Option<Mode> {
        let row = BUILTIN.iter().find(|row| row.name == name)?;
        let own = layout.compose_file(row.file).unwrap_or_else(|| layout.expected_compose_file(row.file));
        Some(Mode {
            files: layout.compose_file("docker-compose.yml").into_iter().chain([own]).collect(),
            env_files: vec![layout.env_file(row.env_file)],
            profiles: row.profile.map(String::from).into_iter().collect(),
            services: row.services.clone(),
            deps: if row.production { Deps::None } else { Deps::Auto },
            protected: row.production,
            down_volumes: !row.production,
            ..Mode::empty(name, project)
        })
    }

    /// A mode with the default of every setting. It has no files.
    pub(super) fn empty(name: &str, project: &str) -> Mode {
        Mode {
            name: name.to_string(),
            files: Vec::new(),
            env_files: Vec::new(),
            profiles: Vec::new(),
            services: Services::All,
            deps: Deps::Auto,
            protected: false,
            down_volumes: false,
            project_name: slug(&format!("{project}-{name}")),
            name_span: None,
            host: None,
            wait_timeout: None,
        }
    }

    /// A copy with another name, and so with its own default project name.
    pub(super) fn renamed(self, name: &str, project: &str) -> Mode {
        let empty = Mode::empty(name, project);
        Mode { name: empty.name, project_name: empty.project_name, name_span: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with the standard layout: the two Compose files and `files`.
    fn project(files: &[&str]) -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("compose")).unwrap();
        std::fs::create_dir_all(folder.path().join("envs")).unwrap();
        for name in
            ["compose/docker-compose-local.yml", "compose/docker-compose-prod.yml"].iter().chain(files)
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let layout = Layout::of(folder.path());
        (folder, layout)
    }

    fn names(mode: &Mode, folder: &tempfile::TempDir) -> Vec<String> {
        let shown = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        mode.files.iter().chain(&mode.env_files).map(shown).collect()
    }

    #[test]
    fn each_built_in_mode_has_its_files_profile_and_services() {
        let (folder, layout) = project(&["compose/docker-compose.yml"]);
        let local = Mode::builtin("local", &layout, "p").unwrap();
        assert_eq!(
            names(&local, &folder),
            ["compose/docker-compose.yml", "compose/docker-compose-local.yml", "envs/.local.env"]
        );
        assert_eq!((local.services, local.protected), (Services::All, false));
        let dev = Mode::builtin("dev", &layout, "p").unwrap();
        assert_eq!(names(&dev, &folder)[1..], ["compose/docker-compose-local.yml", "envs/.dev.env"]);
        assert_eq!(dev.services, Services::Infra);
        let production = Mode::builtin("production", &layout, "p").unwrap();
        assert_eq!(
            names(&production, &folder)[1..],
            ["compose/docker-compose-prod.yml", "envs/.production.env"]
        );
        assert_eq!(production.profiles, ["production"]);
        assert_eq!(
            (production.services, production.protected, production.down_volumes),
            (Services::Backend, true, false)
        );
    }

    #[test]
    fn the_base_file_is_optional_and_env_files_may_be_in_the_root() {
        let (folder, layout) = project(&[".local.env"]);
        let local = Mode::builtin("local", &layout, "p").unwrap();
        assert_eq!(names(&local, &folder), ["compose/docker-compose-local.yml", ".local.env"]);
    }
}
