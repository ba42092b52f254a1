//! The execution of one plan on the engine, and how it ended.

use std::time::{Duration, Instant};

use crate::apply::executor::{self, End};
use crate::apply::failure::FailedLog;
use crate::apply::fence::Fence;
use crate::apply::options::{RecordStart, RunOptions, is_recorded};
use crate::apply::report;
use crate::docker::failure::{LOG_LINES, LOG_LINES_IN_CI};
use crate::docker::state::StateError;
use crate::docker::{Docker, RunFacts};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::{engine_failure, state_failure};
use crate::ops::session::Session;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::head::{Outcome, RunEntry};
use crate::state::{self, ContainerLog, RunLogs, Starts, UsualTimes};
use crate::ui::event::{Event, Phase, Subject};

/// A plan and everything that its execution needs.
pub struct Execution<'a> {
    pub engine: &'a Engine,
    pub plan: &'a Plan,
    pub observed: &'a Observed,
    /// The desired state, where files were read.
    pub desired: Option<&'a Desired<'a>>,
    /// The fence of the project's lock, where the run holds the lock.
    pub fence: Option<state::Fence>,
    /// The run's number, where it has a record.
    pub number: Option<u64>,
    /// Fires when the start of the run is recorded, where it has a record.
    pub recorded: Option<RecordStart>,
    /// How long the phases of starts took in earlier releases.
    pub usual: UsualTimes,
    /// How long all waits together may take.
    pub wait: Duration,
    pub started: Instant,
}

/// How an execution ended.
pub struct RunOutcome {
    /// One line, or the failure.
    pub result: Result<String, Failure>,
    /// For the run record.
    pub outcome: Outcome,
    pub logs: RunLogs,
    /// How long the phases of the starts took.
    pub starts: Starts,
    pub notes: Vec<String>,
    /// An earlier run that is still unfinished.
    pub unfinished: Option<RunEntry>,
}

impl RunOutcome {
    fn of(plan: &Plan, result: Result<String, Failure>, outcome: Outcome) -> RunOutcome {
        let (logs, starts) = (RunLogs::default(), Starts::new());
        RunOutcome { result, outcome, logs, starts, notes: plan.notes.clone(), unfinished: None }
    }

    /// Adds something else that failed.
    #[must_use]
    pub fn and(self, failure: Failure) -> RunOutcome {
        let failure = match self.result {
            Ok(_) => failure,
            Err(mut earlier) => {
                if failure.kind == Kind::Incomplete {
                    earlier.kind = failure.kind;
                }
                earlier.messages.extend(failure.messages);
                let new = |hint: &String| !earlier.hints.contains(hint);
                let hints: Vec<String> = failure.hints.into_iter().filter(new).collect();
                earlier.hints.extend(hints);
                earlier
            }
        };
        RunOutcome { result: Err(failure), ..self }
    }

    /// Adds that the start of the run could not be recorded. Such a run ends before it changes anything that is in use.
    #[must_use]
    pub fn and_unwritten(self, error: StateError) -> RunOutcome {
        let mut failure = state_failure(error);
        if let Err(earlier) = self.result {
            failure.messages.extend(earlier.messages);
            failure.hints.extend(earlier.hints);
            if earlier.kind == Kind::Incomplete {
                failure.kind = earlier.kind;
            }
        }
        RunOutcome { result: Err(failure), ..self }
    }

    /// Reports success as the last event.
    ///
    /// # Errors
    /// The run's failure, which the end of the program shows.
    pub fn report(self, started: Instant, session: &Session) -> Result<(), Failure> {
        let text = self.result?;
        for note in self.notes {
            session.note(note);
        }
        let _ = session.events.send(Event::Outcome { text, elapsed: started.elapsed() });
        Ok(())
    }
}

/// How a run ended, for its record.
fn outcome(end: End) -> Outcome {
    match end {
        End::Done => Outcome::Settled,
        End::Undone => Outcome::Undone,
        End::UndoIncomplete => Outcome::UndoIncomplete,
        End::Failed | End::Unsettled | End::Paused => Outcome::Kept,
        End::Aborted => Outcome::Interrupted,
    }
}

impl<'a> Execution<'a> {
    pub fn new(
        engine: &'a Engine,
        plan: &'a Plan,
        observed: &'a Observed,
        wait: Duration,
        started: Instant,
    ) -> Execution<'a> {
        let (desired, fence, number, recorded) = (None, None, None, None);
        let usual = UsualTimes::default();
        Execution { engine, plan, observed, desired, fence, number, recorded, usual, wait, started }
    }

    #[must_use]
    pub fn with_desired(self, desired: &'a Desired<'a>) -> Execution<'a> {
        Execution { desired: Some(desired), ..self }
    }

    /// Executes the plan.
    pub async fn run(&self, context: &Context, session: &Session) -> RunOutcome {
        for service in &self.plan.unchanged {
            let subject = Subject::Container { service: service.clone(), number: 1 };
            let _ = session.events.send(Event::Phase { subject, phase: Phase::Unchanged, detail: None });
        }
        match self.execute(context, session).await {
            Ok(outcome) => outcome,
            // No operation was started.
            Err(failure) => RunOutcome::of(self.plan, Err(failure), Outcome::Undone),
        }
    }

    /// Waits until the start of the run is recorded; false where it cannot be.
    pub async fn is_recorded(&self) -> bool {
        match &self.recorded {
            Some(recorded) => is_recorded(recorded).await,
            None => false,
        }
    }

    /// Executes the operations; a plan without any needs no engine.
    async fn execute(&self, context: &Context, session: &Session) -> Result<RunOutcome, Failure> {
        let Execution { engine, plan, observed, desired, .. } = *self;
        if plan.operations.is_empty() {
            let result = Ok(report::summary(plan, self.started.elapsed()));
            return Ok(RunOutcome::of(plan, result, Outcome::Settled));
        }
        let facts = RunFacts {
            number: self.number,
            log_lines: if context.ui.is_ci() { LOG_LINES_IN_CI } else { LOG_LINES },
            usual: self.usual.clone(),
        };
        let target = Docker::begin(engine, plan, desired, observed, session.events.clone(), facts)
            .await
            .map_err(engine_failure)?;
        let options = RunOptions {
            parallel: context.settings.parallel,
            wait: self.wait,
            fence: self.fence.as_ref().map(|fence| fence as &dyn Fence),
            record: self.recorded.clone(),
            events: session.events.clone(),
        };
        let report = executor::execute(plan, &target, options, &session.interrupt).await;
        let result = report::conclude(plan, &report, self.started.elapsed(), self.number);
        let containers = report::logs(&report)
            .into_iter()
            .map(|FailedLog { service, container, lines }| ContainerLog { service, container, lines });
        let logs = RunLogs { failure: report::failures(plan, &report), containers: containers.collect() };
        let starts = target.take_starts();
        Ok(RunOutcome { logs, starts, ..RunOutcome::of(plan, result, outcome(report.end)) })
    }
}
