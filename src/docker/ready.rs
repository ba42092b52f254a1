//! Waits for gates. It looks at a container after each event, and runs the gate's test itself: the healthcheck's command through
//! exec, or a request to the container's address.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::failure::{GateFailure, LOG_KEPT, OperationError, Reason, SHUTDOWN};
use super::probe::{self, Answer};
use super::secrets;
use super::watch::Watch;
use crate::apply::announce::subject;
use crate::apply::control::Control;
use crate::engine::RestartPolicy;
use crate::engine::logs::LogQuery;
use crate::engine::{ContainerDetails, Engine, Healthcheck};
use crate::plan::action::Replica;
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;
use crate::plan::observed::{ContainerId, Health, State};
use crate::ui::event::{Event, EventSender, Subject};
use futures_util::StreamExt;

/// A container that its restart policy restarts this often is in a crash loop.
const RESTARTS_ALLOWED: u64 = 3;
/// The shortest pause between two tests of a gate. Pauses grow with the time waited.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A wait that takes longer than this shows the container's log beside it.
const LOG_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Waiter<'a> {
    pub(super) engine: &'a Engine,
    pub(super) watch: &'a Watch,
    pub(super) events: &'a EventSender,
    pub(super) control: &'a Control<'a>,
    /// The desired state, where files were read.
    pub(super) desired: Option<&'a Desired<'a>>,
}

/// A container and its gate.
pub(super) struct Candidate<'a> {
    pub(super) id: &'a ContainerId,
    pub(super) service: &'a str,
    pub(super) subject: &'a Subject,
    pub(super) gate: &'a Gate,
}

/// What an inspection of a container says about its gate.
#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Pending,
    Failed(Reason),
}

impl Waiter<'_> {
    /// Waits until a container passes its gate.
    ///
    /// # Errors
    /// A [`GateFailure`] with the container's log tail.
    pub(super) async fn wait(
        &self,
        replica: &Replica,
        id: &ContainerId,
        gate: &Gate,
    ) -> Result<(), OperationError> {
        let subject = subject(replica);
        let gate = &match gate {
            Gate::Unknown => Gate::Healthy { probe: true },
            gate => gate.clone(),
        };
        let candidate = &Candidate { id, service: &replica.service, subject: &subject, gate };
        let begun = Instant::now();
        let outcome = tokio::select! {
            biased;
            outcome = self.judge(candidate) => outcome?,
            never = self.show_log(candidate) => match never {},
            () = self.control.expired() => {
                match self.engine.inspect(candidate.id.as_str()).await {
                    // Other waits may have used up the time before this one began.
                    Ok(details) if readiness(candidate.gate, &details) == Readiness::Ready => Ok(()),
                    Ok(details) => Err(Reason::Deadline(state(&details))),
                    Err(_) => Err(Reason::Deadline("without an answer of the engine".into())),
                }
            }
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.explain(candidate, reason, begun.elapsed()).await),
        }
    }

    /// Inspects the container at once, then after each event.
    async fn judge(&self, candidate: &Candidate<'_>) -> Result<Result<(), Reason>, OperationError> {
        let changed = self.watch.of(candidate.id);
        let mut tests = Tests { begun: Instant::now(), last: None, allowed: true };
        let mut restarts = Restarts::default();
        let mut unhealthy_since: Option<Instant> = None;
        let mut doubt = ExitDoubt::default();
        loop {
            let details = match self.details(candidate.id).await {
                Err(error) if error.is_not_found() => return Ok(Err(Reason::Gone)),
                details => details?,
            };
            if let Some(reason) = restarts.look(&details) {
                return Ok(Err(reason));
            }
            match readiness(candidate.gate, &details) {
                Readiness::Ready => return Ok(Ok(())),
                Readiness::Failed(_) if doubt.of(&details) => {
                    tokio::time::sleep(SHUTDOWN).await;
                    continue;
                }
                Readiness::Failed(reason) => return Ok(Err(reason)),
                Readiness::Pending => {}
            }
            if details.health == Health::Unhealthy {
                let since = *unhealthy_since.get_or_insert_with(Instant::now);
                let patience = details.healthcheck.as_ref().map_or(Duration::ZERO, second_round);
                if since.elapsed() >= patience {
                    return Ok(Err(Reason::Unhealthy));
                }
            } else {
                unhealthy_since = None;
            }
            let recheck = unhealthy_since
                .zip(details.healthcheck.as_ref())
                .map(|(since, check)| since + second_round(check));
            // An event reports each change of the container's state, so a test that did not pass needs no new inspection.
            loop {
                tokio::select! {
                    () = changed.notified() => break,
                    () = sleep_until(recheck) => break,
                    (answer, took) = self.probe(candidate, &details, &tests) => match answer {
                        Answer::Passed => return Ok(Ok(())),
                        Answer::Impossible(why) => return Ok(Err(Reason::Unreachable(why))),
                        Answer::NotRun => {
                            tests.failed(candidate.gate, &Answer::NotRun, took);
                            break;
                        }
                        answer => tests.failed(candidate.gate, &answer, took),
                    },
                }
            }
        }
    }

    /// Inspects a container; after a broken connection, as soon as the engine answers again.
    pub(super) async fn details(&self, id: &ContainerId) -> Result<ContainerDetails, OperationError> {
        loop {
            match self.engine.inspect(id.as_str()).await.map_err(OperationError::from) {
                Err(error) if self.control.reconnected(&error).await => {}
                details => return details,
            }
        }
    }

    /// Pauses, then runs the gate's test once. Returns its answer and how long it took; never ends where there is no test to run
    /// now.
    async fn probe(
        &self,
        candidate: &Candidate<'_>,
        details: &ContainerDetails,
        tests: &Tests,
    ) -> (Answer, Duration) {
        if !tests.allowed || details.state != State::Running {
            return std::future::pending().await;
        }
        let interval = match candidate.gate {
            Gate::Healthy { probe: true } if !details.has_gpu => {
                details.healthcheck.as_ref().map(|check| check.interval)
            }
            Gate::Command { interval, .. } | Gate::Http { interval, .. } | Gate::Tcp { interval, .. } => {
                Some(*interval)
            }
            _ => None,
        };
        let Some(interval) = interval else { return std::future::pending().await };
        tokio::time::sleep(tests.pause(interval)).await;
        let begun = Instant::now();
        let answer = match (candidate.gate, &details.healthcheck) {
            (Gate::Command { command, timeout, .. }, _) => {
                probe::command(self.engine, candidate.id, command, *timeout).await
            }
            (Gate::Http { port, request, timeout, .. }, _) => {
                probe::http(self.engine, details, *port, request, *timeout).await
            }
            (Gate::Tcp { port, timeout, .. }, _) => probe::tcp(self.engine, details, *port, *timeout).await,
            (_, Some(check)) => {
                probe::command(self.engine, candidate.id, &check.command, check.timeout).await
            }
            (_, None) => return std::future::pending().await,
        };
        (answer, begun.elapsed())
    }

    /// Shows the container's last log line as long as the wait takes.
    async fn show_log(&self, candidate: &Candidate<'_>) -> Infallible {
        tokio::time::sleep(LOG_AFTER).await;
        let query = LogQuery { follow: true, tail: Some(1), ..LogQuery::default() };
        if let Ok(mut lines) = self.engine.log_lines(candidate.id, &query).await {
            while let Some(Ok(line)) = lines.next().await {
                let _ =
                    self.events.send(Event::LogLine { subject: candidate.subject.clone(), line: line.text });
            }
        }
        std::future::pending().await
    }

    /// Collects what an operator needs to know about a failed container, before an undo removes it.
    pub(super) async fn explain(
        &self,
        candidate: &Candidate<'_>,
        reason: Reason,
        waited: Duration,
    ) -> OperationError {
        let details = self.engine.inspect(candidate.id.as_str()).await.ok();
        let (tail, log_error) = match self.engine.log_tail(candidate.id, LOG_KEPT).await {
            Ok(lines) => (lines, None),
            Err(error) => (Vec::new(), Some(error.reason())),
        };
        let failed_test = details
            .as_ref()
            .and_then(|details| details.probes.iter().rev().find(|probe| probe.exit_code != 0))
            .map(|probe| probe.output.clone())
            .filter(|output| !output.is_empty());
        let secrets = secrets::of(self.desired, candidate.service, details.as_ref());
        OperationError::Gate(Box::new(GateFailure {
            service: candidate.service.to_string(),
            container: details
                .as_ref()
                .map_or_else(|| candidate.id.to_string(), |details| details.name.clone()),
            gate: candidate.gate.clone(),
            reason,
            waited,
            restarts: details.map_or(0, |details| details.restarts),
            health_output: failed_test.map(|output| secrets.scrub(&output)),
            log_error,
            log: tail.into_iter().map(|line| secrets.scrub(&line.text)).collect(),
        }))
    }
}

/// Counts how often its policy restarts a container during a wait.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    first: Option<u64>,
    /// The last exit code, and whether the kernel killed it for memory. While a container runs the engine says 0.
    last: (i64, bool),
}

impl Restarts {
    /// Counts an inspection. Returns the reason to give up where the container is in a crash loop.
    pub(super) fn look(&mut self, details: &ContainerDetails) -> Option<Reason> {
        if details.state != State::Running {
            self.last = (details.exit_code, details.oom_killed);
        }
        let first = *self.first.get_or_insert(details.restarts);
        let (code, oom) = self.last;
        (details.restarts.saturating_sub(first) >= RESTARTS_ALLOWED)
            .then_some(Reason::Restarting { code, oom })
    }
}

/// A container that stays exited although its policy would restart it was stopped by a person, or by an engine that shuts down
/// and will stop answering. The next inspection shows which.
#[derive(Debug, Default)]
pub(super) struct ExitDoubt {
    had: bool,
}

impl ExitDoubt {
    /// Whether to inspect the container once more before it counts as exited.
    pub(super) fn of(&mut self, details: &ContainerDetails) -> bool {
        let restarts = matches!(details.restart_policy, RestartPolicy::Always | RestartPolicy::UnlessStopped);
        let ended = matches!(details.state, State::Exited(_));
        self.had = ended && restarts && !self.had;
        self.had
    }
}

/// What the engine alone says about a gate.
fn readiness(gate: &Gate, details: &ContainerDetails) -> Readiness {
    match (&details.state, gate) {
        (State::Exited(0), Gate::Completed) => Readiness::Ready,
        // A program that ended well and has no healthcheck counts as a job, although no file declares it.
        (State::Exited(0), Gate::Running | Gate::Healthy { .. }) if details.is_completed() => {
            Readiness::Ready
        }
        (State::Exited(code), _) => {
            Readiness::Failed(Reason::Exited { code: *code, oom: details.oom_killed })
        }
        (State::Dead | State::Removing, _) => Readiness::Failed(Reason::Gone),
        (State::Paused, _) => Readiness::Failed(Reason::Paused),
        (State::Running, Gate::Running) => Readiness::Ready,
        (State::Running, Gate::Healthy { .. }) => match details.health {
            Health::Healthy => Readiness::Ready,
            // The healthcheck was switched off after the plan was made: only «running» can be known.
            Health::None if details.healthcheck.is_none() => Readiness::Ready,
            _ => Readiness::Pending,
        },
        _ => Readiness::Pending,
    }
}

/// How long an unhealthy container may take to recover: another full round of tests.
fn second_round(check: &Healthcheck) -> Duration {
    check.interval * check.retries.max(1)
}

/// The tests of one wait.
struct Tests {
    begun: Instant,
    /// How long the last one took.
    last: Option<Duration>,
    allowed: bool,
}

impl Tests {
    /// Counts a test that did not pass. After one that timed out only events count: the engine cannot kill an exec, so a second
    /// test would run beside the first.
    fn failed(&mut self, gate: &Gate, answer: &Answer, took: Duration) {
        self.last = Some(took);
        if *answer == Answer::TimedOut && matches!(gate, Gate::Healthy { .. } | Gate::Command { .. }) {
            self.allowed = false;
        }
    }

    /// The pause before the next test. There is none before the first. Then it is an eighth of the time waited, so that tests
    /// cost a fraction of the wait, but at least half the time of the last test, so that many services do not overload an engine.
    /// It is never longer than the healthcheck's interval.
    fn pause(&self, interval: Duration) -> Duration {
        let Some(last) = self.last else { return Duration::ZERO };
        let pause = (self.begun.elapsed() / 8).max(last / 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        pause.min(interval.max(SHORTEST_PAUSE))
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

fn state(details: &ContainerDetails) -> String {
    match details.health {
        Health::None => details.state.to_string(),
        health => format!("{} ({health})", details.state),
    }
}
