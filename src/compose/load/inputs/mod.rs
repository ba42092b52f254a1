//! What is read: Compose files, env files and variables, and the name of the project.

pub(crate) mod discover;
pub(crate) mod dotenv;
pub(crate) mod env_files;
pub(crate) mod env_name;
pub(crate) mod project_name;
pub(crate) mod variables;
