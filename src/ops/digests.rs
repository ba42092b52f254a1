//! `config --resolve-image-digests`: replaces every image reference by the digest that its registry has for it now.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use crate::compose::model::{Project, Service};
use crate::engine::Engine;
use crate::engine::image::{Credentials, NotAReference, Reference};
use crate::error::{Failure, Kind};
use crate::ops::Context;

/// Writes `registry/name:tag@digest` for every image reference without a digest. An image that is only built stays as it is.
///
/// # Errors
/// Every image whose digest cannot be had, with the reason; no engine (6).
pub async fn resolve(project: &mut Project, context: &Context) -> Result<(), Failure> {
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    for service in project.services.values().filter(|service| !service.image.is_empty()) {
        images.entry(service.image.clone()).or_default();
    }
    let engine = context.engine().await?;
    let credentials = Credentials::new(context.settings.docker_config());
    let asked = images.keys().map(|image| async {
        let pinned = pinned(image, &engine, &credentials).await;
        (image.clone(), pinned)
    });
    let answers: Vec<_> =
        futures_util::stream::iter(asked).buffered(context.settings.parallel).collect().await;
    let mut failures = Vec::new();
    for (image, answer) in answers {
        match answer {
            Ok(pinned) => drop(images.insert(image, pinned)),
            Err(reason) => failures.push(format!("image `{image}`: {reason}")),
        }
    }
    if !failures.is_empty() {
        let failure = Failure::all(Kind::Failed, failures);
        return Err(failure.hint("the engine asks the registry for digests"));
    }
    for service in project.services.values_mut() {
        if let Some(pinned) = images.get(&service.image) {
            service.image.clone_from(pinned);
        }
    }
    Ok(())
}

async fn pinned(image: &str, engine: &Engine, credentials: &Credentials) -> Result<String, String> {
    let reference: Reference = image.parse().map_err(|error: NotAReference| error.to_string())?;
    if reference.digest().is_some() {
        return Ok(reference.canonical());
    }
    let auth = credentials.lookup(reference.registry()).await.map_err(|error| error.to_string())?;
    let digest = engine.registry_digest(&reference, auth.as_ref()).await;
    digest.map(|digest| format!("{}@{digest}", reference.canonical())).map_err(|error| error.to_string())
}

/// Keeps only the services and their images: an override file that pins them.
pub fn keep_images(project: &mut Project) {
    let pinned = std::mem::take(project).services;
    project.services = pinned
        .into_iter()
        .map(|(name, service)| {
            let image = Service { name: service.name, image: service.image, ..Service::default() };
            (name, image)
        })
        .collect();
}
