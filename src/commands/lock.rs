//! `sofa lock status`, `sofa lock release --force`: the holder of the project's lock, and removing the lock.

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::lock;

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `status` or `release`, mode.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// With `release`: even if its holder is at work. The holder then makes no further changes and leaves its unfinished work.
    #[arg(long)]
    force: bool,
}

/// What to do with the lock.
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

    /// The words that select the project.
    pub fn scope_words(&self) -> Vec<String> {
        let own = |word: &&String| matches!(word.as_str(), "status" | "release");
        self.words.iter().filter(|word| !own(word)).cloned().collect()
    }
}

/// Shows the lock, or removes it.
///
/// # Errors
/// A release without `--force` while its holder is alive (exit code 5).
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let wanted = args.wanted().ok_or_else(|| {
        Failure::new(Kind::Usage, "`lock` needs `status` or `release`")
            .hint("`sofa lock status`, or `sofa lock release --force`")
    })?;
    let text = match wanted {
        Wanted::Status => lock::status(context).await?,
        Wanted::Release => lock::force_release(context, args.force).await?,
    };
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&(text + "\n"));
    Ok(Exit::Success)
}
