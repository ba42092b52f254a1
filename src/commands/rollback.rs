//! `sofa rollback [RELEASE]`: back to what a release was, its model, its images and its environment.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::back::{Back, kept_releases};
use crate::commands::labelled::{Standing, View, look};
use crate::error::{CommandResult, Failure, Kind};
use crate::settings::parse_time;
use crate::state::head::{Head, ReleaseEntry};

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of a release (default: the one before the last), mode, services.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Keep the environment that services have by today's files.
    #[arg(long)]
    current_env: bool,
    /// Show the plan; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_timeout: Option<Duration>,
}

impl Args {
    /// The number of the release, where a word is one: a service with a number for a name is reached by SERVICES=.
    fn release(&self) -> Option<u64> {
        self.words.iter().find_map(|word| word.parse().ok())
    }

    /// The words that are not the number of a release.
    pub fn scope_words(&self) -> Vec<String> {
        self.words.iter().filter(|word| word.parse::<u64>().is_err()).cloned().collect()
    }
}

/// Brings a release back.
///
/// # Errors
/// No such release; images that are gone; else as those of `deploy`.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let begun = Instant::now();
    let Standing { project, engine, .. } = look(context, View::Project).await?;
    let head = kept_releases(&engine, &project).await?;
    let back = Back {
        context,
        engine: &engine,
        verb: "rollback",
        release: target(&head, args.release(), &project)?,
        current_env: args.current_env,
        wait_timeout: args.wait_timeout,
        begun,
        makes_release: true,
    };
    back.go(&project, args.dry_run).await
}

/// The release to go back to: the one that was named, else the one before the last.
fn target<'a>(head: &'a Head, wanted: Option<u64>, project: &str) -> Result<&'a ReleaseEntry, Failure> {
    let releases = &head.releases;
    let found = match wanted {
        Some(number) => releases.iter().find(|release| release.number == number),
        None => releases.len().checked_sub(2).and_then(|before| releases.get(before)),
    };
    found.ok_or_else(|| {
        let message = match (wanted, releases.len()) {
            (_, 0) => format!("project `{project}`: no releases are kept, so there is none to go back to"),
            (None, _) => format!("project `{project}`: there is no release before the last"),
            (Some(number), _) => format!("project `{project}`: release {number} is not kept"),
        };
        let known: Vec<String> = releases.iter().map(|release| release.number.to_string()).collect();
        let failure = Failure::new(Kind::Usage, message);
        if known.is_empty() {
            failure
        } else {
            failure.hint(format!("`sofa history` shows them: {}", known.join(", ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(numbers: &[u64]) -> Head {
        let release = |number: &u64| ReleaseEntry { number: *number, ..ReleaseEntry::default() };
        Head { releases: numbers.iter().map(release).collect(), ..Head::default() }
    }

    fn goes_to(numbers: &[u64], wanted: Option<u64>) -> Result<u64, String> {
        let head = head(numbers);
        target(&head, wanted, "p").map(|release| release.number).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_release_before_the_last_is_meant_where_none_is_named() {
        assert_eq!(goes_to(&[4, 5, 6], None), Ok(5));
        assert_eq!(goes_to(&[4, 5, 6], Some(4)), Ok(4));
    }

    #[test]
    fn a_release_that_is_not_kept_is_said() {
        assert!(goes_to(&[], None).unwrap_err().contains("no releases are kept"));
        assert!(goes_to(&[4], None).unwrap_err().contains("no release before the last"));
        assert!(goes_to(&[4, 5], Some(1)).unwrap_err().contains("release 1 is not kept"));
    }
}
