//! From the files to what runs: what `deploy` and `scale` do.

use std::time::Instant;

use crate::commands::Context;
use crate::commands::asking::{self, Deed};
use crate::commands::deployment::{self, Choices, NO_PINS};
use crate::commands::guarding;
use crate::commands::ownership;
use crate::commands::work::Work;
use crate::error::{CommandResult, Exit};

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
    let mut observed = deployment::observe(&engine, project, &NO_PINS).await?;
    ownership::refuse_to_begin_beside(context, project, &observed)?;
    let scope = deployment::scope_of(context, project, &selection, choices.deps, &observed)?;
    guarding::mounts(context, &loaded, &scope)?;
    let work = Work {
        context,
        engine: &engine,
        verb,
        project,
        pins: &NO_PINS,
        scope: &scope,
        choices,
        begun,
        makes_release: true,
    };
    if dry_run {
        // A reader that is gone needs no plan.
        let _ = context.ui.print(&crate::ui::plan::render(&work.foresee(&mut observed).await?, true));
        return Ok(Exit::Success);
    }
    work.refuse_what_would_fail(&observed)?;
    let harm = asking::harm_of_choices(choices);
    if !harm.is_empty() {
        let plan = work.foresee(&mut observed).await?;
        Deed { engine: &engine, plan: &plan, observed: &observed, harm }.agreed(context).await?;
    }
    work.carry_out(observed).await?;
    Ok(Exit::Success)
}
