//! From a `build:` section to the query of `POST /build`, and what the classic builder cannot do.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use super::context::Context;
use super::ignore::Ignore;
use super::{BuildError, BuildOptions, Dockerfile, Source, folder};
use crate::compose::model::{Build, Project, Service};
use crate::engine::wire::query::Path as Query;

/// The name under which a Dockerfile from outside the context is sent.
const EXTRA_DOCKERFILE: &str = ".dockerfile.sofa";

/// Keys that only BuildKit knows.
pub(super) fn refuse_buildkit(build: &Build) -> Result<(), BuildError> {
    let used = [
        ("secrets", !build.secrets.is_empty()),
        ("ssh", !build.ssh.is_empty()),
        ("additional_contexts", !build.additional_contexts.is_empty()),
        ("entitlements", !build.entitlements.is_empty()),
        ("privileged", build.privileged),
        ("cache_to", !build.cache_to.is_empty()),
        ("no_cache_filter", !build.no_cache_filter.is_empty()),
        ("platforms", build.platforms.len() > 1),
        ("context", build.context.starts_with("service:")),
        ("provenance", !matches!(build.provenance.as_str(), "" | "false")),
        ("sbom", !matches!(build.sbom.as_str(), "" | "false")),
    ];
    match used.into_iter().find(|(_, used)| *used) {
        Some((key, _)) => Err(BuildError::NeedsBuildKit { key: key.to_owned() }),
        None => Ok(()),
    }
}

/// The one platform to build for. The service's must be among the build's (Compose spec, “platforms”).
pub(super) fn platform<'a>(service: &'a Service, build: &'a Build) -> Result<Option<&'a str>, BuildError> {
    match (build.platforms.first(), service.platform.as_str()) {
        (Some(own), "") => Ok(Some(own)),
        (Some(own), wanted) if own != wanted => Err(BuildError::invalid(
            "platforms",
            format!("platform `{wanted}` of the service is not among them"),
        )),
        (_, "") => Ok(None),
        (_, wanted) => Ok(Some(wanted)),
    }
}

/// The image's name: the service's, else `project-service` as docker compose has it.
pub(super) fn image_name(project: &Project, service: &Service) -> String {
    match service.image.as_str() {
        "" => format!("{}-{}", project.name, service.name),
        image => image.to_owned(),
    }
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
        let what = if root.exists() { "is no folder" } else { "does not exist" };
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

/// Without `.` and `..`, links left as they are.
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

/// `DOCKERFILE.dockerignore` beside the Dockerfile where there is one, else the context's `.dockerignore`.
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

/// The query without names and labels.
pub(super) fn query(
    build: &Build,
    options: &BuildOptions,
    dockerfile: &Dockerfile,
    platform: Option<&str>,
) -> Query {
    let mut args = build.args.clone();
    args.extend(options.args.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
    let query = Query::new("/build?version=1&rm=1&forcerm=1")
        .with("dockerfile", dockerfile.name())
        .with("buildargs", json!(args).to_string())
        .with_some("target", some(&build.target))
        .with_some("networkmode", some(&build.network))
        .with_some("shmsize", (build.shm_size.0 != 0).then(|| build.shm_size.0.to_string()))
        .with_some("platform", platform)
        .with_some("ulimits", ulimits(build))
        .with_some("cachefrom", (!build.cache_from.is_empty()).then(|| json!(build.cache_from).to_string()))
        .with_flag("nocache", build.no_cache || options.no_cache)
        .with_flag("pull", build.pull || options.pull);
    build.extra_hosts.entries(":").iter().fold(query, |query, host| query.with("extrahosts", host))
}

/// What of a query decides on the image: not whether the cache is used or base images are fetched again.
pub(super) fn lasting(query: &Query) -> String {
    query.as_str().replace("&nocache=1", "").replace("&pull=1", "")
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn ulimits(build: &Build) -> Option<String> {
    let entry = |(name, limit): (&String, &crate::compose::model::Ulimit)| {
        let (soft, hard) = limit.bounds();
        json!({ "Name": name, "Soft": soft, "Hard": hard })
    };
    let entries: Vec<_> = build.ulimits.iter().map(entry).collect();
    (!entries.is_empty()).then(|| json!(entries).to_string())
}
