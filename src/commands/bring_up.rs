//! From the files to what runs: observe, fetch images, plan, run. What `deploy` and `scale` do.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::asking::{self, Deed};
use crate::commands::deployment::{self, Choices};
use crate::commands::guarding;
use crate::commands::images::{fetch, unless_interrupted};
use crate::commands::locked::{Stage, locked};
use crate::commands::ownership;
use crate::commands::run::{Run, shown};
use crate::compose::model::Project;
use crate::engine::Engine;
use crate::error::{CommandResult, Exit, Failure};
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;
use crate::state::Fence;
use crate::ui::event::Event;

/// Brings the scope to what the files say; `verb` is for the display. With `dry_run` the plan is all that comes of it.
///
/// # Errors
/// Everything that can be known before a change is an error before any change; a failure on the way is undone.
pub async fn bring_up(verb: &str, choices: &Choices, dry_run: bool, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let loaded = deployment::load(context, choices)?;
    let project = loaded.project();
    let selection = context.selection(project)?;
    guarding::protect(context, &loaded)?;
    let engine = context.engine().await?;
    let mut observed = deployment::observe(&engine, project).await?;
    ownership::refuse_to_begin_beside(context, project, &observed)?;
    let scope = deployment::scope_of(context, project, &selection, choices.deps, &observed)?;
    guarding::mounts(context, &loaded, &scope)?;
    if dry_run {
        let desired = deployment::desired(context, project, &scope, &observed);
        let plan = deployment::planned(&desired, &observed, choices)?;
        // A reader that is gone needs no plan.
        let _ = context.ui.print(&crate::ui::plan::render(&plan, true));
        return Ok(Exit::Success);
    }
    let desired = deployment::desired(context, project, &scope, &observed);
    deployment::refuse_what_others_hold(&engine, &desired, &observed)?;
    let harm = asking::harm_of_choices(choices);
    if !harm.is_empty() {
        let plan = deployment::planned(&desired, &observed, choices)?;
        Deed { engine: &engine, plan: &plan, observed: &observed, harm }.agreed(context).await?;
    }
    let wait = context.settings.wait_timeout(choices.wait_timeout);
    shown(context, async |events, interrupt| {
        let title = format!("{verb} {}", project.name);
        let _ = events.send(Event::Begin { title, deadline: Some(wait) });
        let images = fetch(context, &engine, project, &scope, &observed, choices.images(), events.clone());
        if unless_interrupted(interrupt, images).await? > 0 {
            observed = deployment::observe(&engine, project).await?;
        }
        let stage = Stage { events, interrupt };
        let work = Work { context, engine: &engine, project, scope: &scope, choices, wait, begun, stage };
        let plan = work.plan(&observed)?;
        if plan.changes_nothing() {
            return work.run(&plan, &observed, None).await;
        }
        locked(context, &engine, &project.name, verb, stage, async |lock| {
            let observed = deployment::observe(&engine, project).await?;
            let again = work.plan(&observed)?;
            stage.note_new_plan(&plan, &again);
            work.run(&again, &observed, Some(lock.fence())).await
        })
        .await
    })
    .await?;
    Ok(Exit::Success)
}

/// What a deploy goes by, before and after it has the lock.
struct Work<'a> {
    context: &'a Context,
    engine: &'a Engine,
    project: &'a Project,
    scope: &'a [&'a str],
    choices: &'a Choices,
    wait: Duration,
    begun: Instant,
    stage: Stage<'a>,
}

impl Work<'_> {
    fn plan(&self, observed: &Observed) -> Result<Plan, Failure> {
        deployment::planned(&self.desired(observed), observed, self.choices)
    }

    async fn run(&self, plan: &Plan, observed: &Observed, fence: Option<Fence>) -> Result<(), Failure> {
        let desired = self.desired(observed);
        let run = Run {
            engine: self.engine,
            plan,
            desired: Some(&desired),
            observed,
            fence,
            wait: self.wait,
            begun: self.begun,
        };
        run.execute(self.context, self.stage.events, self.stage.interrupt).await
    }

    fn desired<'b>(&'b self, observed: &'b Observed) -> Desired<'b> {
        deployment::desired(self.context, self.project, self.scope, observed)
    }
}
