//! The images of a scope: fetched, previewed, pushed, and the failure for those that cannot be had.

use tokio::sync::mpsc::unbounded_channel;

use crate::compose::model::{Project, Service};
use crate::docker::images::{ImageError, Images};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::plan::observed::Observed;
use crate::plan::operation::ImageFetch;
use crate::plan::policy::ImagePolicy;
use crate::ui::event::EventSender;

/// Pulls and builds what these services need. Returns how many images changed.
///
/// # Errors
/// Every image that cannot be had; nothing else changed. Exit code 3 where the files are wrong, else 1.
pub async fn fetch(
    context: &Context,
    engine: &Engine,
    project: &Project,
    scope: &[&str],
    observed: &Observed,
    policy: ImagePolicy,
    events: EventSender,
) -> Result<usize, Failure> {
    let images = images(context, engine, project, policy, events);
    let ensured = images.ensure(&services(project, scope), &observed.images).await;
    ensured.map_err(|errors| failure(&errors, "nothing was changed: images come before containers"))
}

/// What would be fetched; fetches nothing.
///
/// # Errors
/// Every image that cannot be had, as far as that can be known. Exit code 3 where the files are wrong, else 1.
pub async fn preview(
    context: &Context,
    engine: &Engine,
    project: &Project,
    scope: &[&str],
    observed: &Observed,
    policy: ImagePolicy,
) -> Result<Vec<ImageFetch>, Failure> {
    // Nobody receives these events: a preview shows nothing.
    let (events, _) = unbounded_channel();
    let images = images(context, engine, project, policy, events);
    let fetches = images.foresee(&services(project, scope), &observed.images).await;
    fetches.map_err(|errors| failure(&errors, "nothing was changed"))
}

/// Pushes the images of these services to their registries.
///
/// # Errors
/// Every image that its registry refused; exit code 1.
pub async fn push(
    context: &Context,
    engine: &Engine,
    project: &Project,
    scope: &[&str],
    events: EventSender,
) -> Result<(), Failure> {
    let images = images(context, engine, project, ImagePolicy::default(), events);
    let sent = images.push(&services(project, scope)).await;
    sent.map_err(|errors| {
        failure(&errors, "the images are built and stay on the engine; `docker login` stores credentials")
    })
}

fn images<'a>(
    context: &Context,
    engine: &'a Engine,
    project: &'a Project,
    policy: ImagePolicy,
    events: EventSender,
) -> Images<'a> {
    Images {
        engine,
        project,
        policy,
        docker_config: context.settings.docker_config(),
        version: context.settings.dialect.version(),
        parallel: context.settings.parallel,
        events,
    }
}

fn services<'a>(project: &'a Project, scope: &[&str]) -> Vec<&'a Service> {
    scope.iter().filter_map(|name| project.service(name)).collect()
}

fn failure(errors: &[ImageError], hint: &str) -> Failure {
    let messages: Vec<String> = errors
        .iter()
        .map(|error| {
            let services: Vec<String> = error.services.iter().map(|name| format!("`{name}`")).collect();
            let plural = if services.len() == 1 { "" } else { "s" };
            format!("service{plural} {}: image `{}`: {}", services.join(", "), error.image, error.reason)
        })
        .collect();
    let kind = if errors.iter().all(|error| error.invalid) { Kind::Invalid } else { Kind::Failed };
    let full = messages.iter().any(|text| text.contains("no space left on device"));
    let mut failure = Failure::all(kind, messages);
    for remedy in errors.iter().filter_map(|error| error.hint.as_ref()) {
        failure = failure.hint(remedy);
    }
    let failure = failure.hint(hint);
    match full {
        true => failure.hint("`docker system df` shows what uses the engine's disk"),
        false => failure,
    }
}
