//! From a `build:` section to the query of `POST /build`. Refuses what the classic builder does not support.

use std::collections::BTreeMap;

use serde_json::json;

use super::error::BuildError;
use super::source::Dockerfile;
use crate::compose::model::{Build, Project, Service};
use crate::engine::image::RegistryAuth;
use crate::engine::wire::query::Path as Query;

/// Options of a build beside the Compose file.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Ignore the cache.
    pub no_cache: bool,
    /// Pull base images also where they exist.
    pub pull: bool,
    /// Arguments that replace those of the file.
    pub args: BTreeMap<String, String>,
    /// Credentials for base images, by registry.
    pub registries: Vec<(String, RegistryAuth)>,
    /// The docker compose version for the label.
    pub version: String,
}

/// Refuses keys that only BuildKit supports.
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

/// The platform of the build. The service's platform must be one of the build's (Compose spec, “platforms”).
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

/// The name of the image: the service's, otherwise `project-service` as in docker compose.
pub(super) fn image_name(project: &Project, service: &Service) -> String {
    match service.image.as_str() {
        "" => format!("{}-{}", project.name, service.name),
        image => image.to_owned(),
    }
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

/// The part of a query that decides about the image: without the use of the cache and the pull of base images.
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
