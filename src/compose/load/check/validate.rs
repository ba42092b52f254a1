//! Rules between the parts of a project: references exist, exclusive keys are not combined, duplicates agree, and no service
//! waits for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::load::inputs::discover::FILES;
use crate::compose::load::request::Origins;
use crate::compose::load::session::Session;
use crate::compose::model::{Build, Deploy, MountKind, NamespaceMode, Project, Service};
use crate::diag::Diagnostic;
use crate::util::spelling;
use crate::yaml::Span;

/// Checks a project; problems are in the session.
pub(crate) fn check(project: &Project, origins: &Origins, session: &mut Session<'_>) {
    let mut checker = Checker { project, origins, session };
    for service in project.services.values() {
        checker.source(service);
        checker.build(service);
        checker.networks(service);
        checker.health(service);
        checker.dependencies(service);
        checker.resources(service);
        checker.scale(service);
        checker.limits(service);
        checker.watch(service);
        checker.targets(service);
    }
    checker.container_names();
    checker.secrets();
    checker.circles();
}

struct Checker<'a, 's> {
    project: &'a Project,
    origins: &'a Origins,
    session: &'a mut Session<'s>,
}

impl Checker<'_, '_> {
    /// An error about a place below a service.
    fn error(&mut self, service: &Service, below: &str, message: String, label: &str, hint: Option<String>) {
        let path = match below {
            "" => format!("services.{}", service.name),
            below => format!("services.{}.{below}", service.name),
        };
        let mut error = Diagnostic::error(format!("service `{}`{message}", service.name)).path(path.as_str());
        if let Some(span) = self.place(&path) {
            error = error.at(span, label);
        }
        error.hints.extend(hint);
        self.session.error(error);
    }

    /// An error about a key below a service.
    fn error_at_key(
        &mut self,
        service: &Service,
        below: &str,
        message: &str,
        label: &str,
        hints: Vec<String>,
    ) {
        let path = match below {
            "" => format!("services.{}", service.name),
            below => format!("services.{}.{below}", service.name),
        };
        let mut error = Diagnostic::error(format!("service `{}`{message}", service.name)).path(path.as_str());
        if let Some(span) = self.origins.key(&path) {
            error = error.at(span, label);
        }
        error.hints.extend(hints);
        self.session.error(error);
    }

    /// An error about two places below a service that do not go together.
    fn conflict(
        &mut self,
        service: &Service,
        [below, other]: [&str; 2],
        message: String,
        label: &str,
        hint: &str,
    ) {
        let path = format!("services.{}.{below}", service.name);
        let mut error = Diagnostic::error(format!("service `{}`{message}", service.name)).path(path.as_str());
        if let Some(span) = self.place(&path) {
            error = error.at(span, "");
        }
        if let Some(span) = self.place(&format!("services.{}.{other}", service.name)) {
            error = error.at(span, label);
        }
        self.session.error(error.hint(hint));
    }

    fn place(&self, path: &str) -> Option<Span> {
        self.origins.of(path).map(|origin| origin.span)
    }

    /// A reference to something that is nowhere defined.
    fn undefined<'n>(
        &mut self,
        service: &Service,
        below: &str,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) {
        let known: Vec<&str> = known.collect();
        let label = match spelling::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "not defined".to_owned(),
        };
        let section = if what.ends_with("secret") { "secrets".to_owned() } else { format!("{what}s") };
        let hint = match what {
            "service" => None,
            "volume" if name.contains('/') => {
                Some(format!("a folder beside the Compose file begins with `./`: `./{name}`"))
            }
            _ => Some(format!("define it under `{section}:`")),
        };
        self.error(service, below, format!(" uses {what} `{name}`, which is not defined"), &label, hint);
    }

    fn source(&mut self, service: &Service) {
        if service.build.is_none() && service.image.is_empty() && service.provider.is_none() {
            let mut hints = vec!["write `image:` or `build:`".to_owned()];
            hints.extend(self.missing_base_file());
            self.error_at_key(service, "", " has neither an image nor a build context", "", hints);
        }
    }

    /// An override file that is read alone lacks the content of the file that it overrides.
    fn missing_base_file(&self) -> Option<String> {
        let [only] = self.project.compose_files.as_slice() else { return None };
        let name = only.file_name()?.to_str()?;
        let is_override = !FILES.contains(&name);
        is_override.then(|| {
            format!("an override file comes after the file that it overrides: `-f {} -f {name}`", FILES[0])
        })
    }

    fn build(&mut self, service: &Service) {
        let Some(build) = &service.build else { return };
        if !build.dockerfile_inline.is_empty() && !build.dockerfile.is_empty() {
            let message = ": `build` has both `dockerfile` and `dockerfile_inline`".to_owned();
            let places = ["build.dockerfile_inline", "build.dockerfile"];
            self.conflict(service, places, message, "", "keep one of them");
        }
        for (name, context) in &build.additional_contexts {
            let Some(target) = context.strip_prefix("service:") else {
                continue;
            };
            let below = format!("build.additional_contexts.{name}");
            match self.project.services.get(target).or_else(|| self.project.disabled_services.get(target)) {
                None => {
                    let names: Vec<_> = self.project.services.keys().map(|name| name.to_string()).collect();
                    self.undefined(service, &below, "service", target, names.iter().map(String::as_str));
                }
                Some(other) if other.build.is_none() => {
                    let message = format!(" builds upon service `{target}`, which is not built itself");
                    let hint = format!("give `{target}` a `build:`, or name its image: `docker-image://…`");
                    self.error(service, &below, message, "", Some(hint));
                }
                Some(_) => {}
            }
        }
        self.platform(service, build);
        for (index, secret) in build.secrets.iter().enumerate() {
            if !self.project.secrets.contains_key(&secret.source) {
                let known = self.project.secrets.keys().map(|name| name.as_str());
                self.undefined(
                    service,
                    &format!("build.secrets[{index}]"),
                    "build secret",
                    &secret.source,
                    known,
                );
            }
        }
    }

    fn platform(&mut self, service: &Service, build: &Build) {
        if !build.platforms.is_empty()
            && !service.platform.is_empty()
            && !build.platforms.contains(&service.platform)
        {
            let message = format!(" runs on `{}`, which `build.platforms` does not list", service.platform);
            self.error(service, "platform", message, "", Some("add it to `build.platforms`".to_owned()));
        }
    }

    fn networks(&mut self, service: &Service) {
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            let message = " has both `network_mode` and `networks`".to_owned();
            self.conflict(service, ["network_mode", "networks"], message, "", "keep one of them");
        }
        for network in service.networks.keys().filter(|name| !self.project.networks.contains_key(*name)) {
            let known = self.project.networks.keys().map(|name| name.as_str());
            self.undefined(service, &format!("networks.{network}"), "network", network, known);
        }
        if let Some(NamespaceMode::Service(other)) = NamespaceMode::read(&service.network_mode)
            && !self.project.services.contains_key(other)
            && !service.depends_on.contains_key(other)
        {
            let known = self.project.services.keys().map(|name| name.as_str());
            self.undefined(service, "network_mode", "service", other, known);
        }
    }

    fn health(&mut self, service: &Service) {
        let Some(first) = service.healthcheck.as_ref().and_then(|check| check.test.0.first()) else {
            return;
        };
        if !matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE") {
            let message = ": `healthcheck.test` begins with a word that is no kind of test".to_owned();
            let hint = "a list begins with `CMD`, `CMD-SHELL` or `NONE`; one line needs no list".to_owned();
            self.error(service, "healthcheck.test", message, "", Some(hint));
        }
    }

    fn dependencies(&mut self, service: &Service) {
        for (name, dependency) in &service.depends_on {
            if self.project.services.contains_key(name) {
                continue;
            }
            let below = format!("depends_on.{name}");
            match self.project.disabled_services.get(name) {
                Some(_) if !dependency.required => {}
                Some(disabled) => {
                    let message = format!(" depends on `{name}`, which no active profile enables");
                    let profiles = disabled.profiles.join("`, `");
                    let hint = format!("enable profile `{profiles}`, or write `required: false` there");
                    self.error(service, &below, message, "", Some(hint));
                }
                None => {
                    let known = self.project.services.keys().map(|name| name.as_str());
                    let message = format!(" depends on `{name}`, which is not defined");
                    let label = match spelling::nearest(name, known) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "not defined".to_owned(),
                    };
                    let hints = vec!["define it under `services:`".to_owned()];
                    self.error_at_key(service, &below, &message, &label, hints);
                }
            }
        }
    }

    fn resources(&mut self, service: &Service) {
        for (index, mount) in service.volumes.iter().enumerate() {
            let named = mount.kind == MountKind::Volume && !mount.source.is_empty();
            if named && !self.project.volumes.contains_key(mount.source.as_str()) {
                let known = self.project.volumes.keys().map(|name| name.as_str());
                self.undefined(service, &format!("volumes[{index}]"), "volume", &mount.source, known);
            }
        }
        for (index, config) in service.configs.iter().enumerate() {
            if !self.project.configs.contains_key(&config.source) {
                let known = self.project.configs.keys().map(|name| name.as_str());
                self.undefined(service, &format!("configs[{index}]"), "config", &config.source, known);
            }
        }
        for (index, secret) in service.secrets.iter().enumerate() {
            if !self.project.secrets.contains_key(&secret.source) {
                let known = self.project.secrets.keys().map(|name| name.as_str());
                self.undefined(service, &format!("secrets[{index}]"), "secret", &secret.source, known);
            }
        }
        for model in service.models.keys().filter(|name| !self.project.models.contains_key(*name)) {
            let known = self.project.models.keys().map(|name| name.as_str());
            self.undefined(service, &format!("models.{model}"), "model", model, known);
        }
    }

    fn scale(&mut self, service: &Service) {
        let replicas = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
        if let (Some(scale), Some(replicas)) = (service.scale, replicas)
            && scale != replicas
        {
            let message = format!(": `scale` is {scale}, `deploy.replicas` is {replicas}");
            let places = ["scale", "deploy.replicas"];
            self.conflict(service, places, message, "", "keep one of them, or make them equal");
        }
        for (below, count) in [("scale", service.scale), ("deploy.replicas", replicas)] {
            if count.is_some_and(|count| count < 0) {
                self.error(service, below, format!(": `{below}` is less than 0"), "", None);
            }
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let below = if service.scale.is_some() { "scale" } else { "deploy.replicas" };
            let message = format!(" has a `container_name` and {} replicas", service.replicas());
            let hint = "a container's name is unique; remove `container_name`";
            self.conflict(service, [below, "container_name"], message, "one name for all", hint);
        }
    }

    /// The old keys and `deploy.resources` must agree, even if the latter is empty.
    fn limits(&mut self, service: &Service) {
        let Some(Deploy { resources, .. }) = &service.deploy else {
            return;
        };
        let mut differing = Vec::new();
        if let Some(limits) = &resources.limits {
            if service.cpus != 0.0 && limits.cpus.0 != service.cpus {
                differing.push(("cpus", "deploy.resources.limits.cpus"));
            }
            if service.mem_limit.0 != 0 && limits.memory != service.mem_limit {
                differing.push(("mem_limit", "deploy.resources.limits.memory"));
            }
            if service.pids_limit != 0 && limits.pids != service.pids_limit {
                differing.push(("pids_limit", "deploy.resources.limits.pids"));
            }
        }
        if let Some(reservations) = &resources.reservations
            && service.mem_reservation.0 != 0
            && reservations.memory != service.mem_reservation
        {
            differing.push(("mem_reservation", "deploy.resources.reservations.memory"));
        }
        for (old, new) in differing {
            // The nearest place around the missing new key. A missing key does not agree either.
            let path = format!("services.{}.{new}", service.name);
            let label = if self.origins.has(&path) { "" } else { "says nothing of it" };
            let message = format!(": `{old}` and `{new}` differ");
            self.conflict(service, [old, new], message, label, &format!("keep `{new}` alone"));
        }
    }

    fn watch(&mut self, service: &Service) {
        for (index, trigger) in service.develop.iter().flat_map(|develop| &develop.watch).enumerate() {
            if trigger.target.is_empty() && !matches!(trigger.action.as_str(), "rebuild" | "restart") {
                let message = format!(": action `{}` needs a target", trigger.action);
                self.error(service, &format!("develop.watch[{index}]"), message, "", None);
            }
        }
    }

    fn targets(&mut self, service: &Service) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        let tmpfs = service
            .tmpfs
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.split(':').next().unwrap_or(entry), format!("tmpfs[{index}]")));
        let mounts = service.volumes.iter().enumerate();
        let mounts = mounts.map(|(index, mount)| (mount.target.as_str(), format!("volumes[{index}]")));
        let all: Vec<_> = tmpfs.chain(mounts).collect();
        for (target, below) in all {
            if let Some(first) = seen.get(target) {
                let message = format!(" mounts two things at `{target}`: `{first}` and `{below}`");
                self.conflict(service, [&below, first], message, "first here", "remove one of the two");
            }
            seen.insert(target, below);
        }
    }

    fn container_names(&mut self) {
        let mut seen: BTreeMap<&str, &Service> = BTreeMap::new();
        for service in self.project.services.values().filter(|service| !service.container_name.is_empty()) {
            if let Some(first) = seen.insert(&service.container_name, service) {
                let message = format!(
                    " has the container name of service `{}`, `{}`",
                    first.name, service.container_name
                );
                let first_name = first.name.clone();
                let path = format!("services.{}.container_name", service.name);
                let mut error =
                    Diagnostic::error(format!("service `{}`{message}", service.name)).path(path.as_str());
                let first = format!("services.{}.container_name", first.name);
                for (path, label) in [(path, ""), (first, "first here")] {
                    if let Some(span) = self.place(&path) {
                        error = error.at(span, label);
                    }
                }
                let both = [&first_name, &service.name];
                self.session.service_error(&both, error.hint("a container's name is unique on its engine"));
            }
        }
    }

    fn secrets(&mut self) {
        for (name, secret) in &self.project.secrets {
            if !secret.external && secret.file.is_empty() && secret.environment.is_empty() {
                let path = format!("secrets.{name}");
                let error = Diagnostic::error(format!("secret `{name}` has no source")).path(path.as_str());
                let error = error.hint("write `file:` or `environment:`");
                let place = self.place(&path);
                self.session.error(match place {
                    Some(span) => error.at(span, ""),
                    None => error,
                });
            }
        }
    }

    /// Services that wait for themselves, through others.
    fn circles(&mut self) {
        let mut finished = BTreeSet::new();
        for start in self.project.services.values() {
            let Some(circle) = circle_from(self.project, start, &mut finished) else {
                continue;
            };
            let steps = circle.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(" → ");
            let mut error = Diagnostic::error(format!("services depend on each other: {steps}"));
            for pair in circle.windows(2) {
                let path = format!("services.{}.depends_on.{}", pair[0].name, pair[1].name);
                if let Some(span) = self.place(&path) {
                    error = error.at(span, format!("`{}` waits for `{}`", pair[0].name, pair[1].name));
                }
            }
            self.session.error(error.hint("one of them must start without the other"));
            return;
        }
    }
}

/// The first circle that can be reached from a service: its members, the first one again at the end.
fn circle_from<'p>(
    project: &'p Project,
    start: &'p Service,
    finished: &mut BTreeSet<&'p str>,
) -> Option<Vec<&'p Service>> {
    // Each level of the way down, with the dependencies that are left to look at.
    let dependencies =
        |service: &'p Service| service.depends_on.keys().filter_map(|name| project.services.get(name));
    if finished.contains(start.name.as_str()) {
        return None;
    }
    let mut way: Vec<(&Service, Vec<&Service>)> = vec![(start, dependencies(start).collect())];
    while let Some((service, left)) = way.last_mut() {
        let Some(next) = left.pop() else {
            finished.insert(service.name.as_str());
            way.pop();
            continue;
        };
        if let Some(first) = way.iter().position(|(service, _)| service.name == next.name) {
            let mut circle: Vec<&Service> = way[first..].iter().map(|(service, _)| *service).collect();
            circle.push(next);
            return Some(circle);
        }
        if !finished.contains(next.name.as_str()) {
            way.push((next, dependencies(next).collect()));
        }
    }
    None
}
