//! `sofa lock status`, `sofa lock release --force`: whose lock a project has, and taking it away.

use crate::docker::state::Lock;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::context::engine_failure;

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `status` or `release`, mode.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// With `release`: although its holder may be at work. It then begins nothing more, and leaves what it began.
    #[arg(long)]
    force: bool,
}

/// What is done with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Status,
    Release,
}

impl Args {
    fn wanted(&self) -> Option<Wanted> {
        self.words.iter().find_map(|word| match word.as_str() {
            "status" => Some(Wanted::Status),
            "release" => Some(Wanted::Release),
            _ => None,
        })
    }

    /// The words that say which project is meant.
    pub fn scope_words(&self) -> Vec<String> {
        let own = |word: &&String| matches!(word.as_str(), "status" | "release");
        self.words.iter().filter(|word| !own(word)).cloned().collect()
    }
}

/// Shows the lock, or takes it away.
///
/// # Errors
/// A release without `--force` while its holder lives (exit code 5).
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let wanted = args.wanted().ok_or_else(|| {
        Failure::new(Kind::Usage, "nothing was said to do with the lock")
            .hint("`sofa lock status`, or `sofa lock release --force`")
    })?;
    let project = context.project_name()?.text;
    let engine = context.engine().await?;
    let held = Lock::find(&engine, &project).await.map_err(engine_failure)?;
    let text = match (wanted, held) {
        (_, None) => format!("{project}: not locked"),
        (Wanted::Status, Some(held)) => {
            let over =
                if held.is_alive() { "" } else { "; its holder is gone, the next command takes it over" };
            format!("{project}: locked: {held}{over}")
        }
        (Wanted::Release, Some(held)) => {
            if !args.force && held.is_alive() {
                return Err(Failure::new(Kind::Refused, format!("project `{project}` is locked: {held}"))
                    .hint("`sofa stop` asks its holder to cancel; `--force` takes the lock away"));
            }
            match held.is_alive() {
                true => Lock::take_away(&engine, &held).await,
                false => Lock::remove(&engine, &held).await,
            }
            .map_err(engine_failure)?;
            format!("{project}: lock released: {held}")
        }
    };
    // A reader that is gone needs no answer.
    let _ = context.ui.print(&(text + "\n"));
    Ok(Exit::Success)
}
