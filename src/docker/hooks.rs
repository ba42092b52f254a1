//! Runs hooks: `post_start` and `pre_stop` by exec in their container, `pre_start` in a separate container.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::Docker;
use super::failure::{HookFailure, HookReason, OperationError};
use super::secrets;
use crate::apply::announce::subject;
use crate::apply::control::Control;
use crate::apply::failure::Stopped;
use crate::compose::model::{Healthcheck, Hook, Service};
use crate::engine::container::{GRACE, Removal, WaitFor};
use crate::engine::convert::{self, Instance, hook_labels};
use crate::engine::exec::ExecCommand;
use crate::engine::logs::LogQuery;
use crate::engine::{EngineError, ignore_missing};
use crate::plan::action::{ContainerRef, Replica};
use crate::plan::hook::{HookCall, HookPoint};
use crate::plan::hooks;
use crate::plan::kind::IGNORED_BEFORE_STOP;
use crate::plan::observed::{ContainerId, State};
use crate::ui::event::Event;

/// A hook gets at least this long, even where the grace period is shorter.
const SHORTEST: Duration = Duration::from_secs(1);

/// A hook that was run.
struct HookRun {
    /// `None` where it did not end in time.
    code: Option<i64>,
    tail: Vec<String>,
}

impl Docker<'_> {
    /// Runs one hook. [`Control::deadline`] limits it; where there is none, the container's grace period does. A cancelled run ends
    /// it, and the container of a `pre_start` hook is removed first.
    pub(super) async fn hook(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        call: HookCall,
        control: &Control<'_>,
    ) -> Result<(), Stopped<OperationError>> {
        tokio::select! {
            biased;
            () = control.cancelled(), if call.point != HookPoint::PreStart => Err(Stopped::Cancelled),
            outcome = self.hook_to_end(replica, container, call, control) => outcome,
        }
    }

    /// Runs all hooks of a container at a point for an undo, which is not part of a plan. A failure before a stop is a warning,
    /// since the container is removed anyway.
    pub(super) async fn hooks_for_undo(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        point: HookPoint,
        control: &Control<'_>,
    ) -> Result<(), OperationError> {
        let of = self.hooks_of(replica, container, point).len();
        let required = point == HookPoint::PostStart;
        for number in 1..=of {
            let call = HookCall { point, number, of, required, grace: None };
            let _permit = control.permit().await?;
            let outcome = match point.is_bounded() {
                true => self.hook(replica, container, call, &control.waiting()).await,
                false => self.hook(replica, container, call, control).await,
            };
            match outcome {
                Err(Stopped::Failed(error)) if required => return Err(error),
                Err(Stopped::Failed(error)) => self.warn(format!("{error}\n  {IGNORED_BEFORE_STOP}")),
                Ok(()) | Err(Stopped::Cancelled) => {}
            }
        }
        Ok(())
    }

    fn hooks_of(&self, replica: &Replica, container: &ContainerRef, point: HookPoint) -> Vec<Hook> {
        hooks::hooks(container, &replica.service, point, self.desired, self.observed)
    }

    async fn hook_to_end(
        &self,
        replica: &Replica,
        container: &ContainerRef,
        call: HookCall,
        control: &Control<'_>,
    ) -> Result<(), Stopped<OperationError>> {
        let mut known = self.hooks_of(replica, container, call.point);
        if call.number > known.len() {
            let missing = format!("hook `{call}` of `{}` is not known", replica.service);
            return Err(OperationError::Impossible(missing).into());
        }
        let hook = known.swap_remove(call.number - 1);
        let id = self.id(container)?;
        let limit = match control.deadline() {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.grace(&id, call.grace).await?,
        };
        let outcome = match call.point {
            HookPoint::PreStart => self.beside(replica, &id, &hook, call, limit, control).await?,
            HookPoint::PostStart | HookPoint::PreStop => self.within(replica, &id, &hook, call, limit).await,
        };
        let (reason, tail) = match outcome {
            Ok(HookRun { code: Some(0), .. }) => return Ok(()),
            Ok(HookRun { code: Some(code), tail }) => (HookReason::Exited(code), tail),
            Ok(HookRun { code: None, tail }) => (HookReason::TimedOut(limit), tail),
            Err(_) if call.point == HookPoint::PreStop && self.has_ended(&id).await => return Ok(()),
            Err(error) => (HookReason::Engine(error), Vec::new()),
        };
        let details = self.engine.inspect(id.as_str()).await.ok();
        let own =
            hook.environment.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)));
        let secrets =
            secrets::of(self.desired().ok(), &replica.service, details.as_ref()).with_environment(own);
        let tail = tail.iter().map(|line| secrets.scrub(line)).collect();
        let failure = HookFailure { service: replica.service.clone(), hook: call, reason, tail };
        Err(OperationError::Hook(Box::new(failure)).into())
    }

    /// A hook before a stop may take as long as the stop itself.
    async fn grace(&self, id: &ContainerId, said: Option<Duration>) -> Result<Duration, OperationError> {
        let grace = match said {
            Some(grace) => grace,
            None => match self.engine.inspect(id.as_str()).await {
                Err(error) if error.is_not_found() => GRACE,
                details => details?.stop_timeout.unwrap_or(GRACE),
            },
        };
        Ok(grace.max(SHORTEST))
    }

    /// Whether a container has ended. A hook before its stop is then not needed.
    async fn has_ended(&self, id: &ContainerId) -> bool {
        match self.engine.inspect(id.as_str()).await {
            Ok(details) => !matches!(details.state, State::Running | State::Paused | State::Restarting),
            Err(error) => error.is_not_found(),
        }
    }

    /// Runs a hook in its service's container.
    async fn within(
        &self,
        replica: &Replica,
        id: &ContainerId,
        hook: &Hook,
        call: HookCall,
        limit: Duration,
    ) -> Result<HookRun, EngineError> {
        let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let command = ExecCommand {
            argv: hook.command.0.clone().unwrap_or_default(),
            user: said(&hook.user),
            working_dir: said(&hook.working_dir),
            env: assignments(hook),
            privileged: hook.privileged,
        };
        let mut tail = Tail { lines: VecDeque::new(), kept: self.log_lines };
        let outcome = self.engine.exec_watched(id, &command, limit, |line| {
            self.show_line(replica, call, &line.text);
            tail.push(line.text);
        });
        let code = outcome.await?.exit_code;
        Ok(HookRun { code, tail: tail.lines.into() })
    }

    /// Runs a hook in a separate container that has the mounts and networks of its service's container. The separate container is
    /// always removed.
    async fn beside(
        &self,
        replica: &Replica,
        id: &ContainerId,
        hook: &Hook,
        call: HookCall,
        limit: Duration,
        control: &Control<'_>,
    ) -> Result<Result<HookRun, EngineError>, Stopped<OperationError>> {
        let new = self.hook_container(replica, id, hook, call)?;
        let own = match self.engine.create(&new).await {
            Ok(created) => created.id,
            Err(error) => return Ok(Err(error)),
        };
        let run = async {
            control.check_fence().await?;
            Ok::<_, OperationError>(self.to_its_end(replica, &own, call, limit).await)
        };
        let outcome = tokio::select! {
            biased;
            () = control.cancelled() => None,
            outcome = run => Some(outcome),
        };
        control.check_fence().await.map_err(OperationError::from)?;
        let all = Removal { force: true, anonymous_volumes: true };
        ignore_missing(self.engine.remove(&own, all).await).map_err(OperationError::Engine)?;
        Ok(outcome.ok_or(Stopped::Cancelled)??)
    }

    async fn to_its_end(
        &self,
        replica: &Replica,
        id: &ContainerId,
        call: HookCall,
        limit: Duration,
    ) -> Result<HookRun, EngineError> {
        self.engine.start(id).await?;
        let show = async {
            let query = LogQuery { follow: true, ..LogQuery::default() };
            if let Ok(mut lines) = self.engine.log_lines(id, &query).await {
                while let Some(Ok(line)) = lines.next().await {
                    self.show_line(replica, call, &line.text);
                }
            }
        };
        let ended = async { tokio::join!(self.engine.wait(id, WaitFor::NotRunning), show).0 };
        let code = tokio::time::timeout(limit, ended).await.ok().transpose()?;
        let tail = match self.engine.log_tail(id, self.log_lines as u64).await {
            Ok(lines) => lines.into_iter().map(|line| line.text).collect(),
            Err(error) => vec![format!("(its log cannot be read: {})", error.reason())],
        };
        Ok(HookRun { code, tail })
    }

    /// The container of a `pre_start` hook: as the service's, without what only one container can have.
    fn hook_container(
        &self,
        replica: &Replica,
        id: &ContainerId,
        hook: &Hook,
        call: HookCall,
    ) -> Result<convert::NewContainer, OperationError> {
        let desired = self.desired()?;
        let unknown =
            || OperationError::Impossible(format!("service `{}` is not in the files", replica.service));
        let service = desired.service(&replica.service).ok_or_else(unknown)?;
        let project = desired.project;
        let instance = Instance {
            name: hook_container_name(&project.name, &replica.service, call),
            image: service.hook_image(&hook.image),
            labels: hook_labels(project, service.service, desired.dialect.version())
                .into_iter()
                .chain(self.run_label())
                .collect(),
            parents: self.parents(service.service)?,
            ..Instance::default()
        };
        let instance = Instance { final_name: instance.name.clone(), ..instance };
        convert::container(project, &beside(service.service, hook, id), &instance, self.engine.target())
            .map_err(|error| OperationError::Impossible(error.to_string()))
    }

    /// Removes the container that a `pre_start` hook may have left where the answer to its creation was lost.
    pub(super) async fn remove_hook_container(
        &self,
        replica: &Replica,
        call: HookCall,
    ) -> Result<(), OperationError> {
        let name = hook_container_name(&self.desired()?.project.name, &replica.service, call);
        let found = match self.engine.inspect(&name).await {
            Err(error) if error.is_not_found() => return Ok(()),
            found => found?,
        };
        if self.is_of_this_run(&found.labels)? {
            let all = Removal { force: true, anonymous_volumes: true };
            ignore_missing(self.engine.remove(&found.id, all).await)?;
        }
        Ok(())
    }

    fn show_line(&self, replica: &Replica, call: HookCall, line: &str) {
        let event =
            Event::HookLine { subject: subject(replica), hook: call.to_string(), line: line.to_owned() };
        let _ = self.events.send(event);
    }
}

fn hook_container_name(project: &str, service: &str, call: HookCall) -> String {
    format!("{project}-{service}-pre_start-{}", call.number)
}

/// `NAME=value` each. A name without a value has the container's value.
fn assignments(hook: &Hook) -> Vec<String> {
    hook.environment.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect()
}

/// The service as a `pre_start` hook runs it: once, with the hook's command, and without ports, addresses, a healthcheck and mounts.
fn beside(service: &Service, hook: &Hook, id: &ContainerId) -> Service {
    let mut one_shot = Service {
        command: hook.command.clone(),
        container_name: String::new(),
        healthcheck: Some(Healthcheck { disable: true, ..Healthcheck::default() }),
        restart: String::new(),
        ports: Vec::new(),
        mac_address: String::new(),
        volumes: Vec::new(),
        volumes_from: vec![format!("container:{}", id.as_str())],
        networks: service.networks.keys().map(|name| (name.clone(), None)).collect(),
        links: Vec::new(),
        external_links: Vec::new(),
        privileged: service.privileged || hook.privileged,
        tty: false,
        stdin_open: false,
        depends_on: BTreeMap::new(),
        ..service.clone()
    };
    if !hook.user.is_empty() {
        one_shot.user.clone_from(&hook.user);
    }
    if !hook.working_dir.is_empty() {
        one_shot.working_dir.clone_from(&hook.working_dir);
    }
    let own = hook.environment.iter().filter(|(_, value)| value.is_some());
    one_shot.environment.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    if let Some(deploy) = &mut one_shot.deploy {
        deploy.restart_policy = None;
    }
    one_shot
}

/// The last lines of a hook's output.
struct Tail {
    lines: VecDeque<String>,
    kept: usize,
}

impl Tail {
    fn push(&mut self, line: String) {
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
