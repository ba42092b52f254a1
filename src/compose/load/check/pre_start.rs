//! The complete containers of `pre_start` hooks: what the hook does not set is as in its service (docker compose 5.6).

use std::collections::BTreeMap;

use crate::compose::model::{Extensions, Hook, Service};

/// Completes each hook of a service, whose env and label files are not read yet: docker compose hashes their names here.
pub(crate) fn complete(service: &mut Service) {
    if service.pre_start.is_empty() {
        return;
    }
    let shared = shared(service);
    for hook in &mut service.pre_start {
        hook.container = Some(Box::new(container(hook, &shared)));
    }
}

/// What of a service its hooks share: what makes a container, except for mounts, which come with the service's own container.
fn shared(service: &Service) -> Service {
    Service {
        profiles: Vec::new(),
        attach: None,
        build: None,
        container_name: String::new(),
        depends_on: BTreeMap::new(),
        deploy: None,
        develop: None,
        dockerfile: String::new(),
        expose: Vec::new(),
        extends: None,
        external_links: Vec::new(),
        healthcheck: None,
        links: Vec::new(),
        net: String::new(),
        ports: Vec::new(),
        provider: None,
        restart: String::new(),
        scale: None,
        stdin_open: false,
        tty: false,
        volumes: Vec::new(),
        pre_start: Vec::new(),
        post_start: Vec::new(),
        pre_stop: Vec::new(),
        sofa: None,
        extensions: Extensions::default(),
        ..service.clone()
    }
}

fn container(hook: &Hook, shared: &Service) -> Service {
    let mut container = Service { command: hook.command.clone(), ..shared.clone() };
    let words = [
        (&hook.image, &mut container.image),
        (&hook.user, &mut container.user),
        (&hook.working_dir, &mut container.working_dir),
    ];
    for (own, word) in words.into_iter().filter(|(own, _)| !own.is_empty()) {
        word.clone_from(own);
    }
    container.privileged |= hook.privileged;
    container.environment.extend(hook.environment.clone());
    container
}
