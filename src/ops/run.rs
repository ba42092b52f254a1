//! Runs a command once, in a container of its own made from a service.

use serde_json::Value;

use crate::compat::argv;
use crate::compose::model::Service;
use crate::docker::one_off::{self, Attended, OneOff};
use crate::engine::container::{Removal, WaitFor};
use crate::engine::exec::Attach;
use crate::engine::{Engine, ignore_missing};
use crate::error::{Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::deploy::Deploy;
use crate::ops::deployment::Options as DeployOptions;
use crate::ops::failure::engine_failure;
use crate::ops::streams::{self, End, Process};
use crate::plan::observed::ContainerId;
use crate::state;

/// How the command runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How its image is had, and how the services that it depends on are brought up.
    pub deploy: DeployOptions,
    pub detach: bool,
    /// Whether the container is removed afterwards.
    pub remove: bool,
    pub no_tty: bool,
    pub no_input: bool,
    pub entrypoint: Option<String>,
    /// `NAME=value`, or `NAME` for the value of the environment.
    pub env: Vec<String>,
    pub labels: Vec<String>,
    /// The container's name; none for one with a random part.
    pub name: Option<String>,
    pub publish: Vec<String>,
    /// Whether the service's own ports are published.
    pub service_ports: bool,
    /// Whether the service's names on its networks are the container's too.
    pub aliases: bool,
    pub user: Option<String>,
    pub volumes: Vec<String>,
    pub working_dir: Option<String>,
}

/// Runs the command of the command line, once everything that its service depends on is ready. Returns its exit code; 0 for one that
/// runs on.
///
/// # Errors
/// Errors in the files or the options; a dependency that does not get ready; those of the engine.
pub async fn run(context: &Context, options: Options) -> Result<Exit, Failure> {
    let words = &context.settings.words;
    let name = streams::service_of(words, "run")?;
    let typed = typed(name, &options, context);
    let mut deploy = Deploy::of_dependencies(context, name, options.deploy.clone(), typed).await?;
    let tty = !options.detach && streams::wants_terminal(options.no_tty);
    let input = !options.detach && !options.no_input;
    if let Some(service) = deploy.model_mut().services.get_mut(name) {
        as_one_off(service, &options, &words.command, tty, input);
    }
    deploy.bring_up_dependencies().await?;
    let attach = Attach { input, tty, size: streams::size(), detach_keys: None };
    let (engine, created) = create(context, &deploy, name, &options, &attach).await?;
    if options.detach {
        engine.start(&created.id).await.map_err(engine_failure)?;
        // A reader that is gone wanted no name.
        let _ = context.ui.print(&format!("{}\n", created.name));
        return Ok(Exit::Success);
    }
    let outcome = attended(context, &engine, &created.id, &attach).await;
    if options.remove && !matches!(outcome, Ok(Outcome::Detached)) {
        let all = Removal { force: true, anonymous_volumes: true };
        ignore_missing(engine.remove(&created.id, all).await).map_err(engine_failure)?;
    }
    match outcome? {
        Outcome::Detached if options.remove => {
            context.ui.note(&format!("{} runs on; `docker rm -f {}` removes it", created.name, created.name));
            Ok(Exit::Success)
        }
        Outcome::Ended(code) => Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX))),
        Outcome::Detached => Ok(Exit::Success),
    }
}

struct Created {
    id: ContainerId,
    name: String,
}

/// How a container that was attended to ended.
enum Outcome {
    Ended(i64),
    /// It runs on.
    Detached,
}

/// Removes what killed runs left, and creates the container.
async fn create(
    context: &Context,
    deploy: &Deploy<'_>,
    service: &str,
    options: &Options,
    attach: &Attach,
) -> Result<(Engine, Created), Failure> {
    let deployment = deploy.deployment();
    let engine = deployment.engine.clone();
    let observed = deployment.observe().await?;
    let all = Removal { force: true, anonymous_volumes: true };
    for container in one_off::abandoned(&observed) {
        context
            .ui
            .note(&format!("{}: removed; the `sofa run` that it belongs to was killed", container.name));
        ignore_missing(engine.remove(&container.id, all).await).map_err(engine_failure)?;
    }
    let desired = deployment.desired_with_one_off(&observed);
    let Some(wanted) = desired.service(service) else {
        return Err(Failure::new(Kind::Usage, format!("service `{service}` is not enabled")));
    };
    let slug = slug();
    let name = match &options.name {
        Some(name) => name.clone(),
        None => format!("{}-{service}-run-{slug}", desired.project.name),
    };
    let process = (options.remove && !options.detach).then(state::Process::own).flatten();
    let attended = process.map(|process| Attended { process, terminal: attach.tty });
    let one_off =
        OneOff { name: &name, slug: &slug, aliases: options.aliases, input: attach.input, attended };
    let (id, ignored) = one_off::create(&engine, &desired, &observed, wanted, &one_off)
        .await
        .map_err(|error| engine_failure(error).hint("nothing runs that was not there before"))?;
    for what in ignored {
        context.ui.warning(&format!("service `{service}`: ignored: {what}"));
    }
    Ok((engine, Created { id, name }))
}

/// Attaches, starts the container, and passes its streams on until it ends.
async fn attended(
    context: &Context,
    engine: &Engine,
    id: &ContainerId,
    attach: &Attach,
) -> Result<Outcome, Failure> {
    let streams = engine.attach(id, attach.tty, attach.input, None).await.map_err(engine_failure)?;
    engine.start(id).await.map_err(engine_failure)?;
    if let Some(size) = attach.size.filter(|_| attach.tty) {
        engine.resize(id, size).await;
    }
    match streams::pass_on(&context.ui, engine, Process::Container(id), streams, attach).await? {
        End::Detached => Ok(Outcome::Detached),
        End::Output => {
            Ok(Outcome::Ended(engine.wait(id, WaitFor::NotRunning).await.map_err(engine_failure)?))
        }
        End::Signal(signal) => Ok(Outcome::Ended(128 + i64::from(signal))),
    }
}

/// The options of the command line as a Compose file. `$` in it means itself.
fn typed(service: &str, options: &Options, context: &Context) -> String {
    let literal = |text: &str| Value::from(text.replace('$', "$$"));
    let pairs = |entries: &[String]| -> Value {
        let pair = |entry: &String| match entry.split_once('=') {
            Some((name, value)) => (name.to_owned(), literal(value)),
            None => (entry.clone(), Value::Null),
        };
        Value::Object(entries.iter().map(pair).collect())
    };
    // A relative path is one of the folder that the command is typed in, not of the project.
    let here = context.settings.directory.display();
    let volume = |volume: &String| match volume.starts_with("./") || volume.starts_with("../") {
        true => literal(&format!("{here}/{volume}")),
        false => literal(volume),
    };
    let volumes: Value = options.volumes.iter().map(volume).collect();
    let ports: Value = options.publish.iter().map(|port| literal(port)).collect();
    let without_own = if options.service_ports { "" } else { "!override " };
    format!(
        "services:\n  {}:\n    environment: {}\n    labels: {}\n    volumes: {volumes}\n    ports: {without_own}{ports}\n",
        Value::from(service),
        pairs(&options.env),
        pairs(&options.labels),
    )
}

/// Changes a service into one for a single command. It never restarts, and nothing else waits for it or is sent to it.
fn as_one_off(service: &mut Service, options: &Options, command: &[String], tty: bool, input: bool) {
    if let Some(entrypoint) = &options.entrypoint {
        service.entrypoint.0 = argv::split(entrypoint).ok();
        service.command.0 = Some(Vec::new());
    }
    if !command.is_empty() {
        service.command.0 = Some(command.to_vec());
    }
    service.user = options.user.clone().unwrap_or_else(|| std::mem::take(&mut service.user));
    service.working_dir =
        options.working_dir.clone().unwrap_or_else(|| std::mem::take(&mut service.working_dir));
    service.tty = tty;
    service.stdin_open = input;
    service.restart = "no".to_owned();
    service.container_name = String::new();
    service.sofa = None;
    if let Some(deploy) = &mut service.deploy {
        deploy.restart_policy = None;
    }
}

/// Twelve random hex digits.
fn slug() -> String {
    let mut random = [0; 6];
    // Without random numbers the time is different enough.
    if getrandom::fill(&mut random).is_err() {
        let now = jiff::Timestamp::now().as_microsecond().to_be_bytes();
        random.copy_from_slice(&now[2..]);
    }
    state::hex(&random)
}
