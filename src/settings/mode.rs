//! Modes: named ways to deploy a project, each a Compose project of its own.

use std::path::PathBuf;
use std::time::Duration;

use super::file::Written;
use super::layout::Layout;
use crate::util::slug::slug;
use crate::yaml::Span;

/// A way to deploy the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// Its name.
    pub name: String,
    /// Its Compose files, in order, absolute.
    pub files: Vec<PathBuf>,
    /// Its env files, in order, absolute.
    pub env_files: Vec<PathBuf>,
    /// Its profiles.
    pub profiles: Vec<String>,
    /// The services it stands for where none are named.
    pub services: Services,
    /// What happens to dependencies outside the scope.
    pub deps: Deps,
    /// Whether destructive verbs ask first.
    pub protected: bool,
    /// Whether `down` removes volumes.
    pub down_volumes: bool,
    /// The Compose project's name, where the env file does not name it (COMPOSE_PROJECT_NAME).
    pub project_name: String,
    /// Where `sofa.yaml` writes that name; none for `<project>-<mode>`.
    pub name_place: Option<Span>,
    /// The engine that it lives on.
    pub host: Option<String>,
    /// How long a deploy's waits may take.
    pub wait_timeout: Option<Duration>,
}

/// The services that a mode stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// All that no profile disables.
    All,
    /// What the backend stands on.
    Infra,
    /// What is deployed often.
    Backend,
    /// These.
    Named(Vec<Written<String>>),
}

/// What happens to dependencies outside the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Deps {
    /// A missing one is started; one that runs is never touched.
    Auto,
    /// It must be up already.
    None,
    /// It joins the scope.
    All,
}

/// A row of the table of built-in modes (cli.md §2).
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
    /// The names of the built-in modes.
    pub fn builtin_names() -> Vec<String> {
        BUILTIN.iter().map(|row| row.name.to_string()).collect()
    }

    /// A built-in mode for a project laid out this way; none where the name is none of them.
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
            ..Mode::bare(name, project)
        })
    }

    /// A mode of which nothing is said: it has no files.
    pub(super) fn bare(name: &str, project: &str) -> Mode {
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
            name_place: None,
            host: None,
            wait_timeout: None,
        }
    }

    /// The same under another name: a project of its own.
    pub(super) fn renamed(self, name: &str, project: &str) -> Mode {
        let bare = Mode::bare(name, project);
        Mode { name: bare.name, project_name: bare.project_name, name_place: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with the standard layout; `files` beside the two Compose files.
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
    fn each_mode_has_its_files_profile_and_services() {
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
    fn the_base_file_is_optional_and_env_files_may_lie_in_the_root() {
        let (folder, layout) = project(&[".local.env"]);
        let local = Mode::builtin("local", &layout, "p").unwrap();
        assert_eq!(names(&local, &folder), ["compose/docker-compose-local.yml", ".local.env"]);
    }
}
