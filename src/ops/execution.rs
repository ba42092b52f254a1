//! Runs a plan with its progress on the terminal: what every verb that changes something ends in.

use std::time::{Duration, Instant};

use crate::apply::executor::Interrupt;
use crate::apply::{executor, report};
use crate::docker::state::StateError;
use crate::docker::{self, Docker, Limits, Written};
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::context::{Context, engine_failure, state_failure};
use crate::ops::interrupt;
use crate::ops::lock::Stage;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::Fence;
use crate::state::head::{Outcome, RunEntry};
use crate::ui::event::{Event, EventSender, Phase, Subject};

/// A plan and what it was made from.
pub struct Run<'a> {
    /// The engine it changes.
    pub engine: &'a Engine,
    /// The plan.
    pub plan: &'a Plan,
    /// The model behind it, where files were read.
    pub desired: Option<&'a Desired<'a>>,
    /// What the engine had when it was made.
    pub observed: &'a Observed,
    /// What every change is checked against, where the project is locked.
    pub fence: Option<Fence>,
    /// The run's number, where it has a record.
    pub number: Option<u64>,
    /// When the begin of the run is written down, where it has a record.
    pub written: Option<Written>,
    /// How long its waits may take in all.
    pub wait: Duration,
    /// When the command began, for the last line.
    pub begun: Instant,
}

/// How a run ended.
pub struct Ended {
    /// One line, or what failed.
    pub result: Result<String, Failure>,
    /// For the record of the run.
    pub outcome: Outcome,
    /// The logs of what failed.
    pub logs: String,
    /// What a person should know, whatever happened.
    pub notes: Vec<String>,
    /// A run before it that still is unfinished.
    pub open: Option<RunEntry>,
}

impl Ended {
    /// A run without a record of its own.
    fn of(plan: &Plan, result: Result<String, Failure>, outcome: Outcome, logs: String) -> Ended {
        Ended { result, outcome, logs, notes: plan.notes.clone(), open: None }
    }

    /// The same with one more thing that went wrong.
    #[must_use]
    pub fn but(self, failure: Failure) -> Ended {
        let failure = match self.result {
            Ok(_) => failure,
            Err(mut ended) => {
                if failure.kind == Kind::Incomplete {
                    ended.kind = failure.kind;
                }
                ended.messages.extend(failure.messages);
                let new = |hint: &String| !ended.hints.contains(hint);
                let hints: Vec<String> = failure.hints.into_iter().filter(new).collect();
                ended.hints.extend(hints);
                ended
            }
        };
        Ended { result: Err(failure), ..self }
    }

    /// Tells how it ended: the last event of a run that succeeded.
    ///
    /// # Errors
    /// The run's failure, with what became of what was done.
    pub fn tell(self, begun: Instant, events: &EventSender) -> Result<(), Failure> {
        let text = self.result?;
        for note in self.notes {
            let _ = events.send(Event::Note(note));
        }
        let _ = events.send(Event::Outcome { text, elapsed: begun.elapsed() });
        Ok(())
    }

    /// The same for a run whose begin could not be written down: it ended before anybody noticed anything.
    #[must_use]
    pub fn but_unwritten(self, error: StateError) -> Ended {
        let mut failure = state_failure(error);
        if let Err(ended) = self.result {
            failure.messages.extend(ended.messages);
            failure.hints.extend(ended.hints);
            if ended.kind == Kind::Incomplete {
                failure.kind = ended.kind;
            }
        }
        Ended { result: Err(failure), ..self }
    }
}

/// Does something with its progress on the terminal, listening to signals; whatever way it ends, the display is closed. A failure is told later,
/// by whoever ends the program.
///
/// # Errors
/// Those of the work.
pub async fn shown<T>(
    context: &Context,
    work: impl AsyncFnOnce(&EventSender, &Interrupt) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let progress = context.ui.progress();
    let events = progress.sender();
    let outcome = work(&events, &interrupt::listen()).await;
    drop(events);
    progress.finish().await;
    outcome
}

impl Run<'_> {
    /// Runs the plan. How it ended is to be told last, after whatever is still to be done.
    pub async fn execute(&self, context: &Context, stage: Stage<'_>) -> Ended {
        let Stage { events, interrupt } = stage;
        for service in &self.plan.unchanged {
            let subject = Subject::Container { service: service.clone(), number: 1 };
            let _ = events.send(Event::Phase { subject, phase: Phase::Unchanged, detail: None });
        }
        match self.carry_out(context, events.clone(), interrupt).await {
            Ok(ended) => ended,
            // Nothing was begun.
            Err(failure) => Ended::of(self.plan, Err(failure), Outcome::Undone, String::new()),
        }
    }

    /// Waits until the begin of the run is written down, or cannot be.
    pub async fn is_written(&self) -> bool {
        match &self.written {
            Some(written) => docker::is_written(written).await,
            None => false,
        }
    }

    /// Runs the operations; a plan without any needs no engine.
    async fn carry_out(
        &self,
        context: &Context,
        events: EventSender,
        interrupt: &Interrupt,
    ) -> Result<Ended, Failure> {
        if self.plan.operations.is_empty() {
            let result = Ok(report::summary(self.plan, self.begun.elapsed()));
            return Ok(Ended::of(self.plan, result, Outcome::Settled, String::new()));
        }
        let fence = self.fence.clone();
        let limits = Limits {
            parallel: context.settings.parallel,
            wait: self.wait,
            fence,
            run: self.number,
            written: self.written.clone(),
        };
        let target = Docker::begin(self.engine, self.plan, self.desired, self.observed, events, limits)
            .await
            .map_err(engine_failure)?;
        let report = executor::execute(self.plan, &target, interrupt).await.but_paused(target.paused());
        let result = report::conclude(self.plan, &report, self.begun.elapsed());
        let logs = report::logs(self.plan, &report);
        Ok(Ended::of(self.plan, result, report::outcome(&report), logs))
    }
}
