//! The source of a build: its context and its Dockerfile.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::context::Context;
use super::error::BuildError;
use super::ignore::Ignore;
use crate::compose::model::Build;

/// The name of a Dockerfile from outside the context.
const EXTRA_DOCKERFILE: &str = ".dockerfile.sofa";

#[derive(Debug)]
pub(super) enum Source {
    /// A local folder.
    Folder(Context),
    /// A Git or HTTP address that the engine reads.
    Remote,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dockerfile {
    /// A path in the context.
    Within(String),
    /// Added to the context with a name of its own.
    Extra(String, Vec<u8>),
}

impl Dockerfile {
    pub(super) fn name(&self) -> &str {
        match self {
            Dockerfile::Within(name) | Dockerfile::Extra(name, _) => name,
        }
    }
}

/// The folder of a local context; none for a remote one.
fn folder(build: &Build) -> Option<PathBuf> {
    let remote = build.context.contains("://") || build.context.starts_with("git@");
    (!remote && !build.context.starts_with("github.com/")).then(|| PathBuf::from(&build.context))
}

/// Reads the context and finds the Dockerfile.
pub(super) fn source(build: &Build) -> Result<(Source, Dockerfile), BuildError> {
    let Some(root) = folder(build) else {
        if !build.dockerfile_inline.is_empty() {
            return Err(BuildError::NeedsBuildKit {
                key: "dockerfile_inline (with a remote context)".to_owned(),
            });
        }
        return Ok((Source::Remote, Dockerfile::Within(file_name(build).to_owned())));
    };
    if !root.is_dir() {
        let what = if root.exists() { "is not a folder" } else { "does not exist" };
        return Err(BuildError::invalid("context", format!("`{}` {what}", root.display())));
    }
    let dockerfile = dockerfile(build, &root)?;
    let mut ignore = read_ignore(build, &root)?;
    if let Dockerfile::Within(name) = &dockerfile {
        ignore.keep(name);
    }
    let mut context = Context::walk(&root, &ignore)?;
    if let Dockerfile::Extra(name, content) = &dockerfile {
        context.add(name, content.clone());
    }
    Ok((Source::Folder(context), dockerfile))
}

fn file_name(build: &Build) -> &str {
    if build.dockerfile.is_empty() { "Dockerfile" } else { &build.dockerfile }
}

fn dockerfile(build: &Build, root: &Path) -> Result<Dockerfile, BuildError> {
    if !build.dockerfile_inline.is_empty() {
        return Ok(Dockerfile::Extra(
            EXTRA_DOCKERFILE.to_owned(),
            build.dockerfile_inline.clone().into_bytes(),
        ));
    }
    let path = flat(&root.join(file_name(build)));
    if !path.is_file() {
        return Err(BuildError::invalid("dockerfile", format!("`{}` does not exist", path.display())));
    }
    match path.strip_prefix(flat(root)) {
        Ok(within) => Ok(Dockerfile::Within(within.to_string_lossy().into_owned())),
        Err(_) => {
            let content = fs::read(&path).map_err(|error| BuildError::file(&path, error))?;
            Ok(Dockerfile::Extra(EXTRA_DOCKERFILE.to_owned(), content))
        }
    }
}

/// Removes `.` and `..` without resolving links.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(flat.pop()),
            part => flat.push(part),
        }
    }
    flat
}

/// Reads `DOCKERFILE.dockerignore` beside the Dockerfile if it exists, otherwise the context's `.dockerignore`.
fn read_ignore(build: &Build, root: &Path) -> Result<Ignore, BuildError> {
    let own = root.join(format!("{}.dockerignore", file_name(build)));
    for path in [own, root.join(".dockerignore")] {
        match fs::read_to_string(&path) {
            Ok(text) => {
                return Ignore::parse(&text).map_err(|error| {
                    BuildError::invalid("context", format!("`{}`: {error}", path.display()))
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BuildError::file(&path, error)),
        }
    }
    Ok(Ignore::default())
}
