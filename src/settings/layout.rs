//! The standard layout: where a project with modes keeps its Compose files and env files.

use std::path::{Path, PathBuf};

/// The names that make a folder the home of modes.
const MODE_FILES: [&str; 2] = ["docker-compose-local.yml", "docker-compose-prod.yml"];

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    compose: Vec<PathBuf>,
    envs: Vec<PathBuf>,
}

impl Layout {
    /// The layout of a project's root.
    pub fn of(root: &Path) -> Layout {
        let both = |folder: &str| vec![root.join(folder), root.to_path_buf()];
        Layout { compose: both("compose"), envs: both("envs") }
    }

    /// Whether `compose/` or the root holds a mode's file.
    pub fn has_modes(&self) -> bool {
        MODE_FILES.iter().any(|name| self.compose_file(name).is_some())
    }

    /// A Compose file by name: in `compose/`, else in the root; none where neither has it.
    pub fn compose_file(&self, name: &str) -> Option<PathBuf> {
        self.compose.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// Where a Compose file should be that is nowhere.
    pub fn expected_compose_file(&self, name: &str) -> PathBuf {
        self.compose.first().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// An env file by name: in `envs/`, else in the root; where neither has it, the place in `envs/`.
    pub fn env_file(&self, name: &str) -> PathBuf {
        let mut places = self.envs.iter().map(|folder| folder.join(name));
        places
            .clone()
            .find(|path| path.is_file())
            .or_else(|| places.next())
            .unwrap_or_else(|| PathBuf::from(name))
    }
}
