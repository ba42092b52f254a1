//! From a `build:` section to the query of `POST /build`, and what the classic builder cannot do.

use std::collections::BTreeMap;

use serde_json::json;

use super::error::BuildError;
use super::source::Dockerfile;
use crate::compose::model::{Build, Project, Service};
use crate::engine::image::RegistryAuth;
use crate::engine::wire::query::Path as Query;

/// How a build is to be done beside what the Compose file says.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Ignore the cache.
    pub no_cache: bool,
    /// Fetch base images even where they are there.
    pub pull: bool,
    /// Build arguments that win over the file's.
    pub args: BTreeMap<String, String>,
    /// Credentials of registries by host, for base images.
    pub registries: Vec<(String, RegistryAuth)>,
    /// The version of docker compose to write into the label of that name.
    pub version: String,
}

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
