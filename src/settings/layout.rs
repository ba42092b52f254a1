//! The standard layout of a project with modes: the folders of its Compose files and env files.

use std::path::{Path, PathBuf};

/// A project with one of these files has modes.
const MODE_FILES: [&str; 2] = ["docker-compose-local.yml", "docker-compose-prod.yml"];

/// Folders to search, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    compose: Vec<PathBuf>,
    envs: Vec<PathBuf>,
}

impl Layout {
    pub fn of(root: &Path) -> Layout {
        let both = |folder: &str| vec![root.join(folder), root.to_path_buf()];
        Layout { compose: both("compose"), envs: both("envs") }
    }

    /// Whether `compose/` or the root contains a mode's file.
    pub fn has_modes(&self) -> bool {
        MODE_FILES.iter().any(|name| self.compose_file(name).is_some())
    }

    /// A Compose file in `compose/`, else in the root; none where it is in neither.
    pub fn compose_file(&self, name: &str) -> Option<PathBuf> {
        self.compose.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// Where a missing Compose file should be.
    pub fn expected_compose_file(&self, name: &str) -> PathBuf {
        self.compose.first().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// An env file in `envs/`, else in the root; where it is in neither, its path in `envs/`.
    pub fn env_file(&self, name: &str) -> PathBuf {
        let mut places = self.envs.iter().map(|folder| folder.join(name));
        places
            .clone()
            .find(|path| path.is_file())
            .or_else(|| places.next())
            .unwrap_or_else(|| PathBuf::from(name))
    }
}
