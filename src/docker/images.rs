//! Fetches images before a plan is made: what the scope needs and the engine does not have is built or pulled, all at once,
//! before any container is stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::StreamExt;
use futures_util::stream;

use crate::compose::model::{Project, PullPolicy, Service};
use crate::engine::build::{self, BuildError, BuildEvent, BuildOptions, PreparedBuild};
use crate::engine::image::{Credentials, NotAReference, PullProgress, Reference, RegistryAuth};
use crate::engine::{Engine, EngineError, EngineStream};
use crate::plan::image_volumes;
use crate::plan::observed::Image;
use crate::plan::operation::{ImageFetch, ImageSource};
use crate::plan::policy::{Build, ImagePolicy, Pull};
use crate::ui::event::{Event, EventSender, Phase, Subject};

/// Why an image cannot be had.
#[derive(Debug)]
pub struct ImageError {
    /// The services that need it.
    pub services: Vec<String>,
    /// Its reference.
    pub image: String,
    /// What went wrong, with the last lines of a failed build.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the files are wrong, not the work.
    pub invalid: bool,
}

impl ImageError {
    fn of(need: &Need<'_>, reason: impl Into<String>) -> ImageError {
        ImageError {
            services: need.services.iter().map(|service| service.name.to_string()).collect(),
            image: need.image.clone(),
            reason: reason.into(),
            hint: None,
            invalid: false,
        }
    }
}

/// An image and the services that are created from it.
struct Need<'a> {
    image: String,
    services: Vec<&'a Service>,
    /// Whether these services only run or mount it beside their own image. They do not build or push it.
    beside: bool,
}

impl<'a> Need<'a> {
    /// The service whose `build:` makes the image.
    fn builder(&self) -> Option<&'a Service> {
        self.services.iter().copied().find(|service| service.build.is_some() && !self.beside)
    }
}

/// How an image is to be fetched, and why: built where there is a build, else pulled.
struct Fetch {
    reason: Reason,
    build: Option<PreparedBuild>,
}

/// Why an image is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The engine does not have it.
    Missing,
    /// It was built from something else.
    ContextChanged,
    /// The command line or the service asks for it; whether the image will change is not known.
    Asked,
}

impl Fetch {
    fn described(&self, need: &Need<'_>) -> ImageFetch {
        let cause = match self.reason {
            Reason::Missing => "not there yet",
            Reason::ContextChanged => "its build context changed",
            Reason::Asked => "asked for; whether it is another is not known before",
        };
        ImageFetch {
            image: need.image.clone(),
            source: if self.build.is_some() { ImageSource::Build } else { ImageSource::Pull },
            cause: cause.into(),
            services: need.services.iter().map(|service| service.name.to_string()).collect(),
            changes: self.reason != Reason::Asked,
        }
    }
}

/// What an image step works with.
pub struct Images<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The model.
    pub project: &'a Project,
    /// The policy of the command line.
    pub policy: ImagePolicy,
    /// The folder of docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// The version of docker compose that built images name.
    pub version: &'static str,
    /// Pulls and builds at once.
    pub parallel: usize,
    pub events: EventSender,
}

impl Images<'_> {
    /// Sees to it that every image of these services is on the engine. Returns how many were pulled or built.
    ///
    /// # Errors
    /// Every image that cannot be had; the others were fetched all the same.
    pub async fn ensure(
        &self,
        services: &[&Service],
        present: &BTreeMap<String, Image>,
    ) -> Result<usize, Vec<ImageError>> {
        let needs = self.needs(services);
        let steps = needs.iter().map(|need| self.one(need, present.get(&need.image)));
        let outcomes: Vec<Result<bool, ImageError>> =
            stream::iter(steps).buffer_unordered(self.parallel.max(1)).collect().await;
        let mut fetched = 0;
        let mut errors = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(changed) => fetched += usize::from(changed),
                Err(error) => errors.push(error),
            }
        }
        errors.sort_by(|one, other| one.image.cmp(&other.image));
        if errors.is_empty() { Ok(fetched) } else { Err(errors) }
    }

    /// What `ensure` would fetch, and why; fetches nothing.
    ///
    /// # Errors
    /// Every image that cannot be had, as far as that can be known.
    pub async fn foresee(
        &self,
        services: &[&Service],
        present: &BTreeMap<String, Image>,
    ) -> Result<Vec<ImageFetch>, Vec<ImageError>> {
        let mut fetches = Vec::new();
        let mut errors = Vec::new();
        for need in &self.needs(services) {
            match self.due(need, present.get(&need.image)).await {
                Ok(due) => fetches.extend(due.map(|due| due.described(need))),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(fetches) } else { Err(errors) }
    }

    /// Sends the images of these services to their registries, all at once.
    ///
    /// # Errors
    /// Every image that was not taken; the others were sent all the same.
    pub async fn push(&self, services: &[&Service]) -> Result<(), Vec<ImageError>> {
        let needs = self.needs(services);
        let steps = needs.iter().filter(|need| !need.beside).map(|need| self.push_one(need));
        let outcomes: Vec<Result<(), ImageError>> =
            stream::iter(steps).buffer_unordered(self.parallel.max(1)).collect().await;
        let mut errors: Vec<ImageError> = outcomes.into_iter().filter_map(Result::err).collect();
        errors.sort_by(|one, other| one.image.cmp(&other.image));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    async fn push_one(&self, need: &Need<'_>) -> Result<(), ImageError> {
        self.report(need, Phase::Pushing, None);
        let pushed = async {
            let (reference, auth) = self.registry_of(need).await?;
            self.follow(need, self.engine.push(&reference, auth.as_ref()).await?).await
        };
        match pushed.await {
            Ok(()) => {
                self.report(need, Phase::Done, Some("pushed".into()));
                Ok(())
            }
            Err(error) => {
                self.report(need, Phase::Failed, error.to_string().lines().next().map(String::from));
                Err(ImageError::of(need, error.to_string()))
            }
        }
    }

    /// The distinct images of the services; several services may share one.
    fn needs<'s>(&self, services: &[&'s Service]) -> Vec<Need<'s>> {
        let mut needs: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
        for service in services {
            needs.entry(self.project.image_reference(service)).or_default().push(service);
        }
        let mut others: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
        for service in services {
            let of_hooks = service.pre_start.iter().map(|hook| hook.image.clone());
            let images = of_hooks.chain(image_volumes::references(self.project, service));
            for image in images.filter(|image| !image.is_empty() && !needs.contains_key(image)) {
                others.entry(image).or_default().push(service);
            }
        }
        let need = |beside| move |(image, services)| Need { image, services, beside };
        let needs: Vec<Need<'_>> =
            needs.into_iter().map(need(false)).chain(others.into_iter().map(need(true))).collect();
        for need in &needs {
            let mut builds = need.services.iter().filter_map(|service| service.build.as_ref());
            let first = builds.next();
            if !need.beside && builds.any(|build| Some(build) != first) {
                let text =
                    format!("image `{}` is built in different ways; the first service's is used", need.image);
                let _ = self.events.send(Event::Warning(text));
            }
        }
        needs
    }

    /// Builds or pulls one image if needed. Returns whether it did.
    async fn one(&self, need: &Need<'_>, present: Option<&Image>) -> Result<bool, ImageError> {
        let fetched = async {
            match self.due(need, present).await? {
                Some(due) => self.fetch(need, due).await.map(|()| true),
                None => Ok(false),
            }
        };
        let outcome = fetched.await;
        if let Err(error) = &outcome {
            let detail = error.reason.lines().next().map(String::from);
            self.report(need, Phase::Failed, detail);
        }
        outcome
    }

    /// How an image is fetched; `None` if it stays as it is.
    async fn due(&self, need: &Need<'_>, present: Option<&Image>) -> Result<Option<Fetch>, ImageError> {
        match need.builder() {
            Some(service) if self.policy.build != Build::Never => {
                self.due_build(need, service, present).await
            }
            builder => self.due_pull(need, present, builder.is_some()),
        }
    }

    /// The build of an image that is missing, was built from something else, or is to be built in any case.
    async fn due_build(
        &self,
        need: &Need<'_>,
        service: &Service,
        present: Option<&Image>,
    ) -> Result<Option<Fetch>, ImageError> {
        let Some(build) = &service.build else {
            return Ok(None);
        };
        let options = BuildOptions {
            no_cache: self.policy.no_cache || build.no_cache,
            pull: build.pull || self.policy.pull == Some(Pull::Always),
            version: self.version.to_string(),
            ..BuildOptions::default()
        };
        let (project, owned) = (self.project.clone(), (service.clone(), build.clone(), options));
        // Reading a large context must not delay the other images.
        let prepared = tokio::task::spawn_blocking(move || {
            let (service, build, options) = owned;
            PreparedBuild::new(&project, &service, &build, &options)
        });
        let prepared = prepared
            .await
            .map_err(|error| ImageError::of(need, error.to_string()))?
            .map_err(|error| ImageError { invalid: true, ..ImageError::of(need, error.to_string()) })?;
        let forced = self.policy.build == Build::Always || service.pull_policy() == PullPolicy::Build;
        let reason = match present {
            None => Reason::Missing,
            Some(image) if !build::is_current(&image.labels, prepared.digest()) => Reason::ContextChanged,
            Some(_) if forced => Reason::Asked,
            Some(_) => return Ok(None),
        };
        Ok(Some(Fetch { reason, build: Some(prepared) }))
    }

    /// The pull of an image, if its policy says so.
    fn due_pull(
        &self,
        need: &Need<'_>,
        present: Option<&Image>,
        buildable: bool,
    ) -> Result<Option<Fetch>, ImageError> {
        if self.must_pull(need, present) {
            let reason = if present.is_none() { Reason::Missing } else { Reason::Asked };
            return Ok(Some(Fetch { reason, build: None }));
        }
        match present {
            Some(_) => Ok(None),
            None if buildable => {
                Err(ImageError::of(need, "image is missing, and `--no-build` forbids to build it"))
            }
            None => Err(ImageError::of(need, "image is missing, and its pull policy is `never`")),
        }
    }

    async fn fetch(&self, need: &Need<'_>, due: Fetch) -> Result<(), ImageError> {
        let Some(prepared) = due.build else {
            self.report(need, Phase::Pulling, None);
            self.pull(need).await.map_err(|error| pull_error(need, &error))?;
            self.report(need, Phase::Done, Some("pulled".into()));
            return Ok(());
        };
        self.report(need, Phase::Building, None);
        let subject = Subject::Image(need.image.clone());
        let events = self.events.clone();
        let built = self.engine.build(prepared, move |event| {
            if let BuildEvent::Line(line) = event {
                let _ = events.send(Event::BuildLine { subject: subject.clone(), line });
            }
        });
        built.await.map_err(|error| build_error(need, error))?;
        self.report(need, Phase::Done, Some("built".into()));
        Ok(())
    }

    fn must_pull(&self, need: &Need<'_>, present: Option<&Image>) -> bool {
        match self.policy.pull {
            Some(Pull::Always) => return true,
            Some(Pull::Never) => return false,
            Some(Pull::Missing) => return present.is_none(),
            None => {}
        }
        need.services.iter().any(|service| match service.pull_policy() {
            PullPolicy::Always => true,
            PullPolicy::Never | PullPolicy::Build => false,
            PullPolicy::Missing => present.is_none(),
            PullPolicy::Every(period) => present.is_none_or(|image| {
                let age = image.tagged.map(|tagged| jiff::Timestamp::now().as_second() - tagged);
                age.is_none_or(|age| u64::try_from(age).unwrap_or(0) >= period.as_secs())
            }),
        })
    }

    async fn pull(&self, need: &Need<'_>) -> Result<(), EngineError> {
        let (reference, auth) = self.registry_of(need).await?;
        let platform =
            need.services.iter().map(|service| service.platform.as_str()).find(|text| !text.is_empty());
        self.follow(need, self.engine.pull(&reference, platform, auth.as_ref()).await?).await
    }

    /// The image's name, and who may talk about it with its registry.
    async fn registry_of(&self, need: &Need<'_>) -> Result<(Reference, Option<RegistryAuth>), EngineError> {
        let reference: Reference = need.image.parse().map_err(|error: NotAReference| {
            EngineError::Unsupported { what: format!("image `{}`", need.image), needs: error.to_string() }
        })?;
        let credentials = Credentials::new(self.docker_config.clone());
        let auth = credentials.lookup(reference.registry()).await?;
        Ok((reference, auth))
    }

    /// Shows how far a pull or push is, until it ends.
    async fn follow(
        &self,
        need: &Need<'_>,
        mut steps: EngineStream<PullProgress>,
    ) -> Result<(), EngineError> {
        let mut layers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        while let Some(step) = steps.next().await {
            let step = step?;
            if let (Some(layer), true) = (step.layer, step.total > 0) {
                layers.insert(layer, (step.current, step.total));
                let (current, total) =
                    layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
                let subject = Subject::Image(need.image.clone());
                let what = step.status.to_lowercase();
                let _ = self.events.send(Event::Progress { subject, what, current, total: Some(total) });
            }
        }
        Ok(())
    }

    fn report(&self, need: &Need<'_>, phase: Phase, detail: Option<String>) {
        let subject = Subject::Image(need.image.clone());
        let _ = self.events.send(Event::Phase { subject, phase, detail });
    }
}

/// A failed pull: the registry, the answer, and what to do.
fn pull_error(need: &Need<'_>, error: &EngineError) -> ImageError {
    let said = error.reason();
    let registry = need.image.parse::<Reference>().map(|reference| reference.registry().to_owned());
    let registry = registry.unwrap_or_else(|_| "its registry".to_owned());
    let has = |words: &[&str]| words.iter().any(|word| said.to_lowercase().contains(word));
    let (what, remedy) = if has(&["denied", "unauthorized", "authentication required", "forbidden"]) {
        (
            format!("registry {registry} does not give it out"),
            format!("check the spelling, or log in: `docker login {registry}`"),
        )
    } else if has(&["manifest unknown", "not found", "no such image", "does not exist"]) {
        (format!("registry {registry} does not have it"), "check the name and the tag".to_owned())
    } else if has(&[
        "no such host",
        "connection refused",
        "dial tcp",
        "timeout",
        "deadline",
        "eof",
        "unreachable",
        "tls",
    ]) {
        (
            format!("registry {registry} did not answer"),
            "check the network of the engine's machine; `--pull never` uses only images that the engine has"
                .to_owned(),
        )
    } else {
        (
            format!("pull from registry {registry} failed"),
            "`--pull never` uses only images that the engine has".to_owned(),
        )
    };
    let remedy = match need.services.iter().any(|service| service.build.is_some()) {
        true => format!("{remedy}; `sofa build` builds it"),
        false => remedy,
    };
    ImageError { hint: Some(remedy), ..ImageError::of(need, format!("{what}: {said}")) }
}

/// A failed build, with the last lines of its output.
fn build_error(need: &Need<'_>, error: BuildError) -> ImageError {
    match error {
        BuildError::Failed { message, tail } => {
            let lines: String = tail.iter().map(|line| format!("\n    {line}")).collect();
            ImageError::of(need, format!("build failed: {message}\n  last lines of the build:{lines}"))
        }
        error => ImageError::of(need, error.to_string()),
    }
}
