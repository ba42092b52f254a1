//! Queue workers for the planner: which service is one, what its command line runs, and why two of its containers cannot run at once.

use std::collections::BTreeMap;

use super::gate::uses_gpu;
use super::observed::Image;
use crate::compose::model::Service;
use crate::worker::Unreadable;
use crate::worker::celery::{self, Command};

/// Whether a service says that it is a Celery worker.
pub fn is_celery(service: &Service) -> bool {
    service.sofa.as_ref().is_some_and(|sofa| sofa.worker.as_deref() == Some("celery"))
}

/// The program of a Celery service, by the command line of the file, else of its image.
///
/// # Errors
/// In words, where it cannot be read.
pub fn command(service: &Service, image: Option<&Image>) -> Result<Command, Unreadable> {
    celery::read(&argv(service, image), &environment(service))
}

/// The variables with values of a service's containers.
pub fn environment(service: &Service) -> BTreeMap<String, String> {
    service.environment.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
}

/// The command line of a container, as far as the file or the image has it. An entrypoint in the file discards the command of the
/// image (docker).
pub fn argv(service: &Service, image: Option<&Image>) -> Vec<String> {
    let of_image = |words: fn(&Image) -> &Vec<String>| image.map(words).cloned().unwrap_or_default();
    let (entrypoint, command) = (&service.entrypoint.0, &service.command.0);
    let arguments = match command {
        Some(command) => command.clone(),
        None if entrypoint.is_some() => Vec::new(),
        None => of_image(|image| &image.command),
    };
    let start = entrypoint.clone().unwrap_or_else(|| of_image(|image| &image.entrypoint));
    [start, arguments].concat()
}

/// Whether a service runs a scheduler, of which there may be one only.
fn is_scheduler(service: &Service, image: Option<&Image>) -> bool {
    match command(service, image) {
        Ok(Command::Beat) => true,
        Ok(Command::Worker(worker)) => worker.beat,
        Ok(Command::Other(_)) | Err(_) => false,
    }
}

/// Why two containers of a worker cannot run at once.
pub(super) fn obstacle(service: &Service, image: Option<&Image>) -> Option<String> {
    if !is_celery(service) {
        return None;
    }
    match command(service, image) {
        Err(why) => Some(format!("it may be a scheduler: {why}")),
        Ok(Command::Beat) => Some("it is a scheduler, and every task would be sent twice".into()),
        Ok(Command::Worker(worker)) if worker.beat => {
            Some("it runs a scheduler (`--beat`), and every task would be sent twice".into())
        }
        Ok(Command::Worker(worker)) => {
            let fixed = worker.hostname.as_deref().map_or(!service.hostname.is_empty(), |name| {
                // `%h` is the host's name, `%d` its domain; without `@` the host's name is added.
                let host = name.rsplit_once('@').map_or("%h", |(_, host)| host);
                !host.contains("%h") && !host.contains("%n") || !service.hostname.is_empty()
            });
            fixed.then(|| "both would have one node name, by which Celery talks to a worker".into())
        }
        Ok(Command::Other(_)) => None,
    }
}

/// Whether workers of this kind are replaced one after the other, over all services: the rest of them goes on meanwhile.
pub(super) fn replaced_in_turn(service: &Service, image: Option<&Image>) -> bool {
    hands_over(service) && (uses_gpu(service) || is_celery(service) && is_scheduler(service, image))
}

/// Whether a service says how its containers give up their work.
pub(super) fn hands_over(service: &Service) -> bool {
    let says = |sofa: &crate::compose::model::Sofa| sofa.handover.is_some() || sofa.worker.is_some();
    service.sofa.as_ref().is_some_and(says)
}
