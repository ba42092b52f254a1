//! Runs a plan with its progress on the terminal: what every verb that changes something ends in.

use std::time::{Duration, Instant};

use crate::apply::docker::{Docker, Limits};
use crate::apply::executor::Interrupt;
use crate::apply::{executor, report};
use crate::commands::context::{Context, engine_failure};
use crate::commands::interrupt;
use crate::engine::Engine;
use crate::error::Failure;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::Fence;
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
    /// How long its waits may take in all.
    pub wait: Duration,
    /// When the command began, for the last line.
    pub begun: Instant,
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
    /// Runs the plan and tells of it.
    ///
    /// # Errors
    /// The run's failure, with what became of what was done.
    pub async fn execute(
        self,
        context: &Context,
        events: &EventSender,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        for service in &self.plan.unchanged {
            let subject = Subject::Container { service: service.clone(), number: 1 };
            let _ = events.send(Event::Phase { subject, phase: Phase::Unchanged, detail: None });
        }
        let text = self.carry_out(context, events.clone(), interrupt).await?;
        for note in &self.plan.notes {
            let _ = events.send(Event::Note(note.clone()));
        }
        let _ = events.send(Event::Outcome { text, elapsed: self.begun.elapsed() });
        Ok(())
    }

    /// Runs the operations; a plan without any needs no engine.
    async fn carry_out(
        &self,
        context: &Context,
        events: EventSender,
        interrupt: &Interrupt,
    ) -> Result<String, Failure> {
        if self.plan.operations.is_empty() {
            return Ok(report::summary(self.plan, self.begun.elapsed()));
        }
        let fence = self.fence.clone();
        let limits = Limits { parallel: context.settings.parallel, wait: self.wait, fence };
        let target = Docker::begin(self.engine, self.plan, self.desired, self.observed, events, limits)
            .await
            .map_err(engine_failure)?;
        let outcome = executor::execute(self.plan, &target, interrupt).await;
        report::conclude(self.plan, &outcome, self.begun.elapsed())
    }
}
