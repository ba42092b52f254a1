//! Judges gates: waits for a container by events, by its own healthcheck run through exec, or by asking it.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::failure::{GateFailure, LOG_KEPT, OperationError, Reason};
use super::probe::{self, Answer};
use super::reconnect::{CLOSING, Phase};
use super::secrets;
use super::watch::Watch;
use crate::apply::executor::Stopped;
use crate::engine::RestartPolicy;
use crate::engine::logs::LogQuery;
use crate::engine::{ContainerDetails, Engine, EngineError, Healthcheck};
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;
use crate::plan::observed::{ContainerId, Health, State};
use crate::ui::event::{Event, EventSender, Subject};

/// Restarts by its own policy after which a container counts as crash-looping.
const RESTARTS_ALLOWED: u64 = 3;
/// The shortest pause between two own health tests; pauses grow with the time waited.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two own health tests.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a wait lasts before the container's log is shown beside it: most are over by then.
const LOG_AFTER: Duration = Duration::from_secs(1);

/// What a wait works with.
pub(super) struct Waiter<'a> {
    pub(super) engine: &'a Engine,
    pub(super) watch: &'a Watch,
    pub(super) events: &'a EventSender,
    /// Whose patience it is when the engine does not answer.
    pub(super) phase: &'a Phase,
    /// When waits end.
    pub(super) deadline: Instant,
    /// The model behind the run, where files were read.
    pub(super) desired: Option<&'a Desired<'a>>,
}

/// Who is waited for, and what for.
pub(super) struct Candidate<'a> {
    pub(super) id: &'a ContainerId,
    pub(super) service: &'a str,
    pub(super) subject: &'a Subject,
    pub(super) gate: &'a Gate,
}

/// What one look at a container tells.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ready,
    Pending,
    Failed(Reason),
}

impl Waiter<'_> {
    /// Waits until a container passes its gate.
    ///
    /// # Errors
    /// A [`GateFailure`] with the container's log tail; cancelled when `cancel` fires.
    pub(super) async fn wait(
        &self,
        candidate: &Candidate<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), Stopped<OperationError>> {
        let begun = Instant::now();
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Stopped::Cancelled),
            outcome = self.judge(candidate) => outcome?,
            never = self.show_log(candidate) => match never {},
            () = tokio::time::sleep_until(self.deadline.into()) => {
                match self.engine.inspect(candidate.id.as_str()).await {
                    // Others may have used up the time before this wait began.
                    Ok(details) if verdict(candidate.gate, &details) == Verdict::Ready => Ok(()),
                    Ok(details) => Err(Reason::Deadline(standing(&details))),
                    Err(_) => Err(Reason::Deadline("without an answer of the engine".into())),
                }
            }
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(reason) => Err(Stopped::Failed(self.explain(candidate, reason, begun.elapsed()).await)),
        }
    }

    /// Looks at the container at once, then after every event and every own test.
    async fn judge(&self, candidate: &Candidate<'_>) -> Result<Result<(), Reason>, OperationError> {
        let changed = self.watch.of(candidate.id);
        let mut tests = Tests { begun: Instant::now(), last: None, allowed: true };
        let mut restarts = Restarts::default();
        let mut unhealthy_since: Option<Instant> = None;
        let mut doubt = Doubt::default();
        loop {
            let details = match self.details(candidate.id).await {
                Err(error) if error.is_not_found() => return Ok(Err(Reason::Gone)),
                details => details?,
            };
            if let Some(reason) = restarts.look(&details) {
                return Ok(Err(reason));
            }
            match verdict(candidate.gate, &details) {
                Verdict::Ready => return Ok(Ok(())),
                Verdict::Failed(_) if doubt.of(&details) => {
                    tokio::time::sleep(CLOSING).await;
                    continue;
                }
                Verdict::Failed(reason) => return Ok(Err(reason)),
                Verdict::Pending => {}
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
            // What changes a container's state is told by an event: a test that did not pass is no reason to look again.
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

    /// Looks at a container; where the connection broke, once the engine answers again.
    pub(super) async fn details(&self, id: &ContainerId) -> Result<ContainerDetails, EngineError> {
        loop {
            match self.engine.inspect(id.as_str()).await {
                Err(error) if self.phase.reconnected(self.engine, self.events, &error).await => {}
                details => return details,
            }
        }
    }

    /// Pauses, then runs the gate's own test once; returns how long it took too. Never ends where there is none to run now.
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
            (Gate::Http { path, port, expect, timeout, .. }, _) => {
                probe::http(self.engine, details, *port, path, *expect, *timeout).await
            }
            (Gate::Tcp { port, timeout, .. }, _) => probe::tcp(self.engine, details, *port, *timeout).await,
            (_, Some(check)) => {
                probe::command(self.engine, candidate.id, &check.command, check.timeout).await
            }
            (_, None) => return std::future::pending().await,
        };
        (answer, begun.elapsed())
    }

    /// Passes the container's last log line on to whoever watches, as long as the wait lasts.
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

    /// Gathers what a person needs to know about a failed container, before an undo removes it.
    pub(super) async fn explain(
        &self,
        candidate: &Candidate<'_>,
        reason: Reason,
        waited: Duration,
    ) -> OperationError {
        let details = self.engine.inspect(candidate.id.as_str()).await.ok();
        let tail = self.engine.log_tail(candidate.id, LOG_KEPT).await.unwrap_or_default();
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
            log: tail.into_iter().map(|line| secrets.scrub(&line.text)).collect(),
        }))
    }
}

/// Counts how often a container was started again by its own policy while it is looked at.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    first: Option<u64>,
    /// The last exit code and whether the kernel was what ended it: while the container runs, the engine says 0.
    last: (i64, bool),
}

impl Restarts {
    /// Takes in one look; the reason to give up where it is crash-looping.
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

/// A container that lies still although its policy would have started it again was stopped by hand, or by an engine that
/// shuts down and is about to go away: one look later it is known which.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    had: bool,
}

impl Doubt {
    /// Whether to look once more before the container counts as ended.
    pub(super) fn of(&mut self, details: &ContainerDetails) -> bool {
        let restarts = matches!(details.restart_policy, RestartPolicy::Always | RestartPolicy::UnlessStopped);
        let ended = matches!(details.state, State::Exited(_));
        self.had = ended && restarts && !self.had;
        self.had
    }
}

/// Whether the container has passed its gate by what the engine says of it alone.
fn verdict(gate: &Gate, details: &ContainerDetails) -> Verdict {
    match (&details.state, gate) {
        (State::Exited(0), Gate::Completed) => Verdict::Ready,
        (State::Exited(code), _) => Verdict::Failed(Reason::Exited { code: *code, oom: details.oom_killed }),
        (State::Dead | State::Removing, _) => Verdict::Failed(Reason::Gone),
        (State::Paused, _) => Verdict::Failed(Reason::Paused),
        (State::Running, Gate::Running) => Verdict::Ready,
        (State::Running, Gate::Healthy { .. }) => match details.health {
            Health::Healthy => Verdict::Ready,
            // The healthcheck was switched off behind the plan's back: running is all that can be known.
            Health::None if details.healthcheck.is_none() => Verdict::Ready,
            _ => Verdict::Pending,
        },
        _ => Verdict::Pending,
    }
}

/// How long an unhealthy container gets to recover: another full round of tests.
fn second_round(check: &Healthcheck) -> Duration {
    check.interval * check.retries.max(1)
}

/// The own tests of one wait.
struct Tests {
    begun: Instant,
    /// How long the last one took.
    last: Option<Duration>,
    allowed: bool,
}

impl Tests {
    /// Takes in a test that did not pass. One that hangs goes on in the container (an exec cannot be killed), and
    /// another one beside it would be one too many: from then on only events count.
    fn failed(&mut self, gate: &Gate, answer: &Answer, took: Duration) {
        self.last = Some(took);
        if *answer == Answer::TimedOut && matches!(gate, Gate::Healthy { .. } | Gate::Command { .. }) {
            self.allowed = false;
        }
    }

    /// The pause before the next test: none before the first, then an eighth of the time waited, so that testing
    /// costs a fraction of the wait, and half the time of the last test, so that many at once leave an engine its time; never
    /// longer than the healthcheck's own interval.
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

/// The container's state in words.
fn standing(details: &ContainerDetails) -> String {
    match details.health {
        Health::None => details.state.to_string(),
        health => format!("{} ({health})", details.state),
    }
}
