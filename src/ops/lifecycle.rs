//! Runs the plan of a verb that reads no files: nothing to do is said, everything else is shown as it goes.

use std::time::{Duration, Instant};

use futures_util::future::try_join;

use crate::docker::state::Store;
use crate::engine::Engine;
use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::confirm::{self, Deed};
use crate::ops::dry_run::show;
use crate::ops::execution::{Run, shown};
use crate::ops::labelled::{Standing, View, look};
use crate::ops::lock::{Stage, interrupted, is_worked_on, locked};
use crate::ops::records;
use crate::plan::operation::Plan;
use crate::state::Fence;
use crate::ui::event::Event;

/// A verb and how its plan is made.
pub struct Forward<'a> {
    /// The verb, for the display.
    pub verb: &'a str,
    /// What is said where the plan is empty («nothing to stop»).
    pub idle: &'a str,
    /// How far it looks.
    pub view: View,
    /// How it gets on with others that work on the project.
    pub turn: Turn,
    /// The plan, from what the engine has.
    pub plan: Box<dyn Fn(&Standing) -> Plan + 'a>,
    /// How long its waits may take in all.
    pub wait: Duration,
    /// Whether the plan is all that comes of it.
    pub dry_run: bool,
    /// When the command began.
    pub begun: Instant,
}

/// How a verb gets on with others that work on the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It takes the lock.
    Locks,
    /// It asks whoever holds the lock to cancel, and acts then.
    Interrupts,
}

/// What is to be said of a run that did not finish. Only where its mark is there are the records read, which costs an old
/// engine a mount; records that cannot be read block nothing that goes by labels.
async fn met_unfinished(engine: &Engine, project: &str) -> Option<String> {
    if !Store::of(engine, project).is_marked_unfinished().await.unwrap_or(true) {
        return None;
    }
    let found = Store::of(engine, project).read().await.ok()?;
    records::unfinished(project, &found.or_empty().head)
}

impl Forward<'_> {
    /// The plan.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn plan(self, context: &Context) -> Result<Plan, Failure> {
        Ok((self.plan)(&look(context, self.view).await?))
    }

    /// Makes the plan and runs it.
    ///
    /// # Errors
    /// The run's failure: what is left.
    pub async fn run(self, context: &Context) -> CommandResult {
        if self.dry_run {
            return Ok(show(&self.plan(context).await?, context));
        }
        let standing = look(context, self.view).await?;
        let plan = (self.plan)(&standing);
        let project = &standing.project;
        let someone = self.turn == Turn::Interrupts && is_worked_on(&standing).await?;
        if plan.operations.is_empty() && !someone {
            context.ui.note(&format!("{project}: {}", self.idle));
            plan.notes.iter().for_each(|note| context.ui.note(note));
            return Ok(Exit::Success);
        }
        let (engine, observed) = (&standing.engine, &standing.observed);
        let deed = Deed { engine, plan: &plan, observed, harm: confirm::harm_of_verb(self.verb) };
        deed.agreed(context).await?;
        shown(context, async |events, interrupt| {
            let title = format!("{} {project}", self.verb);
            let _ = events.send(Event::Begin { title, deadline: None });
            let stage = Stage { events, interrupt };
            if plan.changes_nothing() && !someone {
                return self.execute(context, &standing, &plan, None, stage).await;
            }
            if self.turn == Turn::Interrupts {
                interrupted(context, &standing, self.verb, stage).await?;
                let standing = standing.again(context, self.view).await?;
                return self.execute(context, &standing, &(self.plan)(&standing), None, stage).await;
            }
            locked(context, &standing.engine, project, self.verb, stage, async |lock| {
                let met = async { Ok(met_unfinished(&standing.engine, project).await) };
                let (standing, met) = try_join(standing.again(context, self.view), met).await?;
                if let Some(text) = met {
                    let _ = events.send(Event::Note(text));
                }
                let again = (self.plan)(&standing);
                deed.agreed_again(context, &again)?;
                stage.note_new_plan(&plan, &again);
                self.execute(context, &standing, &again, Some(lock.fence()), stage).await
            })
            .await
        })
        .await?;
        Ok(Exit::Success)
    }

    async fn execute(
        &self,
        context: &Context,
        standing: &Standing,
        plan: &Plan,
        fence: Option<Fence>,
        stage: Stage<'_>,
    ) -> Result<(), Failure> {
        let run = Run {
            engine: &standing.engine,
            plan,
            desired: None,
            observed: &standing.observed,
            fence,
            number: None,
            written: None,
            wait: self.wait,
            begun: self.begun,
        };
        run.execute(context, stage).await.tell(self.begun, stage.events)
    }
}
