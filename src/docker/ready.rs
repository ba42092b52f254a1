//! Waits for gates. It looks at a container after each event, and runs the gate's test itself: the healthcheck's command through
//! exec, or a request to the container's address.

use std::time::{Duration, Instant};

use super::failure::{OperationError, Reason, SHUTDOWN};
use super::probe::{self, Answer};
use super::wait::{Candidate, Seen, Waiter};
use super::watch::Ended;
use crate::apply::announce::subject;
use crate::engine::RestartPolicy;
use crate::engine::{ContainerDetails, Healthcheck};
use crate::labels::sofa;
use crate::plan::action::Replica;
use crate::plan::gate::Gate;
use crate::plan::observed::{ContainerId, Health, State};

/// A container that its restart policy restarts this often is in a crash loop.
const RESTARTS_ALLOWED: u64 = 3;
/// The shortest pause between two tests of a gate. Pauses grow with the time waited.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What an inspection of a container says about its gate.
#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Pending,
    Failed(Reason),
}

impl Waiter<'_> {
    /// Waits until a container passes its gate, at most until its own deadline and that of the run. Returns how long the phases of
    /// its start took.
    ///
    /// # Errors
    /// A [`GateFailure`](super::failure::GateFailure).
    pub(super) async fn wait(
        &self,
        replica: &Replica,
        id: &ContainerId,
        gate: &Gate,
        deadline: Option<Duration>,
    ) -> Result<Vec<(String, Duration)>, OperationError> {
        let subject = subject(replica);
        let gate = &match gate {
            Gate::Unknown => Gate::Healthy { probe: true },
            gate => gate.clone(),
        };
        let seen = Seen::default();
        let candidate = &Candidate { id, service: &replica.service, subject: &subject, gate, deadline, seen };
        let begun = Instant::now();
        let left = self.control.deadline().map(|end| end.saturating_duration_since(begun.into()));
        let outcome = tokio::select! {
            biased;
            outcome = self.judge(candidate) => outcome?,
            never = self.follow_log(candidate) => match never {},
            () = sleep_until(deadline.map(|deadline| begun + deadline)) => self.late(candidate, deadline).await,
            () = self.control.expired() => self.late(candidate, None).await,
        };
        match outcome {
            Ok(()) => {
                self.passed.borrow_mut().insert(id.clone());
                Ok(candidate.seen.times())
            }
            Err(reason) => {
                let is_late = matches!(reason, Reason::Deadline { .. });
                let limit = deadline.into_iter().chain(left.filter(|_| is_late)).min();
                Err(self.explain(candidate, reason, begun.elapsed(), limit).await)
            }
        }
    }

    /// What a container is at the end of its own deadline, or of that of the run. Other waits may have used up the run's time
    /// before this one began.
    async fn late(&self, candidate: &Candidate<'_>, own: Option<Duration>) -> Result<(), Reason> {
        match self.engine.inspect(candidate.id.as_str()).await {
            Ok(details) if readiness(candidate.gate, &details) == Readiness::Ready => Ok(()),
            Ok(details) => Err(Reason::Deadline { own, state: state(&details) }),
            Err(_) => Err(Reason::Deadline { own, state: "without an answer of the engine".into() }),
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
            if let Some(reason) = restarts.look(&details, self.watch.ended(candidate.id)) {
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
                        answer => {
                            tests.failed(candidate.gate, &answer, took);
                            candidate.seen.answer.replace(answer.failure());
                        }
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
                probe::http(self.engine, details, candidate.service, *port, request, *timeout).await
            }
            (Gate::Tcp { port, timeout, .. }, _) => probe::tcp(self.engine, details, *port, *timeout).await,
            (_, Some(check)) => {
                probe::command(self.engine, candidate.id, &check.command, check.timeout).await
            }
            (_, None) => return std::future::pending().await,
        };
        (answer, begun.elapsed())
    }
}

/// Counts how often its policy restarts a container during a wait.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    first: Option<u64>,
    last: Ended,
}

impl Restarts {
    /// Counts an inspection. `ended` is how the container ended last by the events: of one that runs an inspection does not say it.
    /// Returns the reason to give up where the container is in a crash loop.
    pub(super) fn look(&mut self, details: &ContainerDetails, ended: Option<Ended>) -> Option<Reason> {
        if details.state != State::Running {
            self.last = Ended { code: details.exit_code, oom: details.oom_killed };
        } else if let Some(ended) = ended {
            self.last = ended;
        }
        let Ended { code, oom } = self.last;
        // A worker that ends well after a number of tasks makes room for a new process.
        if code == 0 && details.labels.contains_key(sofa::HANDOVER) {
            self.first = Some(details.restarts);
        }
        let first = *self.first.get_or_insert(details.restarts);
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
        if matches!(answer, Answer::TimedOut(_))
            && matches!(gate, Gate::Healthy { .. } | Gate::Command { .. })
        {
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
