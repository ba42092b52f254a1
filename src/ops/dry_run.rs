//! `--dry-run`: the plan is all that comes of a verb.

use crate::error::Exit;
use crate::ops::Context;
use crate::plan::operation::Plan;
use crate::ui::plan::render;

/// Shows the plan that would run.
pub fn show(plan: &Plan, context: &Context) -> Exit {
    // A reader that is gone needs no plan.
    let _ = context.ui.print(&render(plan, true));
    Exit::Success
}
