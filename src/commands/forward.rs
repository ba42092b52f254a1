//! Runs a plan of a verb that reads no files: nothing to do is said, everything else is shown as it goes.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::asking::{self, Deed};
use crate::commands::run::{Run, shown};
use crate::engine::Engine;
use crate::error::{CommandResult, Exit};
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::ui::event::Event;

/// A verb's plan and what it was made from.
pub struct Forward<'a> {
    /// The verb, for the display.
    pub verb: &'a str,
    /// What is said where the plan is empty («nothing to stop»).
    pub idle: &'a str,
    /// The engine.
    pub engine: &'a Engine,
    /// What it had when the plan was made.
    pub observed: &'a Observed,
    /// The plan.
    pub plan: &'a Plan,
    /// How long its waits may take in all.
    pub wait: Duration,
    /// When the command began.
    pub begun: Instant,
}

impl Forward<'_> {
    /// Runs the plan.
    ///
    /// # Errors
    /// The run's failure: what is left.
    pub async fn run(self, context: &Context) -> CommandResult {
        let project = &self.plan.project;
        if self.plan.operations.is_empty() {
            context.ui.note(&format!("{project}: {}", self.idle));
            self.plan.notes.iter().for_each(|note| context.ui.note(note));
            return Ok(Exit::Success);
        }
        let (engine, plan, observed) = (self.engine, self.plan, self.observed);
        let deed = Deed { engine, plan, observed, harm: asking::harm_of_verb(self.verb) };
        deed.agreed(context).await?;
        shown(context, async |events, interrupt| {
            let title = format!("{} {project}", self.verb);
            let _ = events.send(Event::Begin { title, deadline: None });
            let run = Run {
                engine: self.engine,
                plan: self.plan,
                desired: None,
                observed: self.observed,
                wait: self.wait,
                begun: self.begun,
            };
            run.execute(context, events, interrupt).await
        })
        .await?;
        Ok(Exit::Success)
    }
}
