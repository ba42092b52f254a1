//! Builds an image with the engine's classic builder: streams the context, and reports the output as events.

use std::collections::BTreeMap;
use std::io;

use futures_util::StreamExt;
use http::Method;
use sha2::{Digest, Sha256};

use super::call::Call;
use super::chunks;
use super::client::Engine;
use super::convert::built_image_labels;
use super::error::EngineError;
use super::image::RegistryAuth;
use super::wire::json_lines;
use super::wire::query::Path as Query;
use crate::compose::model::{Build, Project, Service};
use crate::labels;
use crate::plan::observed::ImageId;

mod context;
mod error;
pub mod ignore;
mod output;
mod prepare;
mod source;

pub use error::BuildError;
pub use output::BuildEvent;
pub use prepare::BuildOptions;

use output::Output;
use source::Source;

/// How many last lines of the output an error contains.
const TAIL: usize = 40;

/// An image to build: everything is read and checked, and nothing is sent yet.
#[derive(Debug)]
pub struct PreparedBuild {
    names: Vec<String>,
    query: Query,
    source: Source,
    registries: Vec<(String, RegistryAuth)>,
    digest: String,
}

impl PreparedBuild {
    /// The digest of all input of the image (`sha256:…`): the files that `.dockerignore` does not exclude, the
    /// Dockerfile, arguments, target, network, hosts and platform. It is stored in the image's label `sofa.context`.
    /// For a remote context, its address is used instead of its content.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The first one is the service's image.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the context of a service's `build:` and checks its keys. It reads every file, so it must not run on a thread
    /// that other tasks wait for.
    ///
    /// # Errors
    /// `NeedsBuildKit`, `Invalid` and `File`.
    pub fn new(
        project: &Project,
        service: &Service,
        build: &Build,
        options: &BuildOptions,
    ) -> Result<PreparedBuild, BuildError> {
        prepare::refuse_buildkit(build)?;
        let platform = prepare::platform(service, build)?;
        let (source, dockerfile) = source::source(build)?;
        let mut hash = Sha256::new();
        match &source {
            Source::Folder(context) => context.digest(&mut hash)?,
            Source::Remote => context::field(&mut hash, b"remote", build.context.as_bytes(), b""),
        }
        let query = prepare::query(build, options, &dockerfile, platform);
        context::field(&mut hash, b"options", b"", prepare::lasting(&query).as_bytes());
        let digest = format!("sha256:{:x}", HexBytes(&hash.finalize()));
        let mut names = vec![prepare::image_name(project, service)];
        names.extend(build.tags.iter().cloned());
        let mut all_labels = build.labels.clone();
        all_labels.extend(built_image_labels(&project.name, &service.name, &options.version, &digest));
        let query = names.iter().fold(query, |query, name| query.with("t", name));
        let query = query.with("labels", serde_json::json!(all_labels).to_string());
        let query = match &source {
            Source::Folder(_) => query,
            Source::Remote => query.with("remote", &build.context),
        };
        Ok(PreparedBuild { names, query, source, registries: options.registries.clone(), digest })
    }
}

/// Prints bytes as hexadecimal digits.
struct HexBytes<'a>(&'a [u8]);

impl std::fmt::LowerHex for HexBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Engine {
    /// Builds an image and returns its id. `on_event` is called for output. There is no time limit: dropping the future
    /// ends the build.
    ///
    /// # Errors
    /// `Failed` with the last lines where a step failed, `File` where a file was removed during the build, and `Engine`.
    pub async fn build(
        &self,
        build: PreparedBuild,
        mut on_event: impl FnMut(BuildEvent) + Send,
    ) -> Result<ImageId, BuildError> {
        let call = Call::new(format!("build of image `{}`", build.names.join("`, `")));
        let mut headers = vec![("content-type", "application/x-tar".to_owned())];
        if !build.registries.is_empty() {
            headers.push(("x-registry-config", RegistryAuth::config_header(&build.registries)));
        }
        let unread = UnreadFile::default();
        let body = match build.source {
            Source::Folder(context) => {
                let unread = unread.clone();
                chunks::body(context.into_stream(), move |error| unread.remember(error))
            }
            Source::Remote => bollard::body_full(bytes::Bytes::new()),
        };
        let sent = self.wire().upload(&call, Method::POST, build.query.as_str(), &headers, body).await;
        let response = sent.map_err(|error| unread.or(error))?;
        let mut values = json_lines::values(call.clone(), response.into_body()).boxed();
        let mut output = Output::new(TAIL);
        while let Some(value) = values.next().await {
            let value = value.map_err(|error| unread.or(error))?;
            output.take(value, &mut on_event)?;
        }
        output.finish(&call, &mut on_event)
    }
}

/// Why the context could not be sent completely: hyper reports only that it was not.
#[derive(Debug, Clone, Default)]
struct UnreadFile(std::sync::Arc<std::sync::Mutex<Option<String>>>);

impl UnreadFile {
    fn remember(&self, error: &io::Error) {
        if let Ok(mut reason) = self.0.lock() {
            *reason = Some(error.to_string());
        }
    }

    fn or(&self, error: EngineError) -> BuildError {
        match self.0.lock().ok().and_then(|mut reason| reason.take()) {
            Some(reason) => BuildError::invalid("context", reason),
            None => BuildError::Engine(error),
        }
    }
}

/// Whether an image was built from the same context. An image without the label is current.
pub fn is_current(image_labels: &BTreeMap<String, String>, digest: &str) -> bool {
    image_labels.get(labels::sofa::CONTEXT).is_none_or(|recorded| recorded == digest)
}
