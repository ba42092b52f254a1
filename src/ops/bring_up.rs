//! From the files to what runs: what `deploy` and `scale` do.

use std::time::Instant;

use crate::error::{CommandResult, Exit, Failure};
use crate::ops::Context;
use crate::ops::confirm::{self, Deed};
use crate::ops::deployment::{self, Choices, NO_PINS};
use crate::ops::dry_run::show;
use crate::ops::protection;
use crate::ops::work::Work;
use crate::ops::{ownership, replicas};
use crate::plan::observed::Observed;
use crate::plan::operation::Plan;

/// Brings the scope to what the files say; `verb` is for the display. With `dry_run` the plan is all that comes of it.
///
/// # Errors
/// Everything that can be known before a change is an error before any change; a failure on the way is undone.
pub async fn bring_up(verb: &str, choices: &Choices, dry_run: bool, context: &Context) -> CommandResult {
    if dry_run {
        return Ok(show(&foresee(verb, choices, context).await?, context));
    }
    prepared(verb, choices, context, async |work, observed| {
        work.refuse_what_would_fail(&observed)?;
        let harm = confirm::harm_of_choices(choices);
        if harm.is_empty() {
            work.carry_out(observed, None).await?;
            return Ok(Exit::Success);
        }
        // A question about a plan that images may change yet would be about another plan.
        let asks = confirm::asks(context, &harm);
        let mut observed = if asks { work.with_images(observed).await? } else { observed };
        let plan = work.foresee(&mut observed).await?;
        let shown = observed.clone();
        let deed = Deed { engine: work.engine, plan: &plan, observed: &shown, harm };
        deed.agreed(context).await?;
        work.carry_out(observed, Some(&deed)).await?;
        Ok(Exit::Success)
    })
    .await
}

/// The plan of bringing the scope up; nothing is changed.
///
/// # Errors
/// As those of `bring_up`, before any change.
pub async fn foresee(verb: &str, choices: &Choices, context: &Context) -> Result<Plan, Failure> {
    prepared(verb, choices, context, async |work, mut observed| work.foresee(&mut observed).await).await
}

/// Reads the files and looks at the engine, then goes on from there.
async fn prepared<T>(
    verb: &str,
    choices: &Choices,
    context: &Context,
    then: impl AsyncFnOnce(Work<'_>, Observed) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let begun = Instant::now();
    let loaded = deployment::load(context, choices)?;
    let project = loaded.project();
    let selection = context.selection(project)?;
    protection::protect(context, &loaded).await?;
    let engine = context.engine().await?;
    let observed = deployment::observe(&engine, project, &NO_PINS).await?;
    ownership::refuse_to_begin_beside(context, project, &observed)?;
    let scope = deployment::scope_of(context, project, &selection, choices.deps, &observed)?;
    replicas::refuse_outside(&choices.scale, &scope)?;
    protection::mounts(context, &loaded, &scope)?;
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
    then(work, observed).await
}
