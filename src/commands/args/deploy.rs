//! The options of `deploy`, and of verbs that deploy.

use std::time::Duration;

use crate::ops::deployment::Options;
use crate::ops::scale::Scale;
use crate::plan::policy::{Build, ImagePolicy, Policy, Pull, Recreate};
use crate::plan::scope::Deps;
use crate::settings::parse_time;

/// What decides about the plan of a deploy.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeployArgs {
    /// The tag of the images: sets SOFA_TAG and IMAGE_TAG for the files, and wins over env files and the environment.
    #[arg(long, value_name = "TAG", value_parser = tag)]
    pub tag: Option<String>,
    /// Build images even if nothing changed.
    #[arg(long, conflicts_with = "no_build")]
    pub build: bool,
    /// Build no image.
    #[arg(long)]
    pub no_build: bool,
    /// When to pull images, instead of what the services say.
    #[arg(long, value_name = "WHEN")]
    pub pull: Option<PullWhen>,
    /// Replace containers even if nothing changed.
    #[arg(long, conflicts_with = "no_recreate")]
    pub force_recreate: bool,
    /// Replace no container.
    #[arg(long)]
    pub no_recreate: bool,
    /// Give new containers new anonymous volumes.
    #[arg(short = 'V', long)]
    pub renew_anon_volumes: bool,
    /// Remove containers of services that the files no longer have.
    #[arg(long)]
    pub remove_orphans: bool,
    /// The number of containers of a service, instead of what the files say; repeatable.
    #[arg(long, value_name = "SERVICE=N")]
    pub scale: Vec<Scale>,
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Leave everything as it is when something fails.
    #[arg(long)]
    pub no_undo: bool,
}

/// What a deploy waits for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WaitArgs {
    /// What happens to dependencies outside the scope.
    #[arg(long, value_name = "WHICH")]
    pub deps: Option<Deps>,
    /// Deploy the services as if they depended on nothing.
    #[arg(long, conflicts_with = "deps")]
    pub no_deps: bool,
    /// Return when everything is started; nothing is undone after that.
    #[arg(long)]
    pub no_wait: bool,
    /// How long all waits together may take (default 6m).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub wait_timeout: Option<Duration>,
}

/// When images are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PullWhen {
    Always,
    /// When they are not on the engine.
    Missing,
    Never,
}

impl From<PullWhen> for Pull {
    fn from(when: PullWhen) -> Pull {
        match when {
            PullWhen::Always => Pull::Always,
            PullWhen::Missing => Pull::Missing,
            PullWhen::Never => Pull::Never,
        }
    }
}

impl WaitArgs {
    pub fn deps(&self) -> Option<Deps> {
        if self.no_deps { Some(Deps::Ignored) } else { self.deps }
    }
}

impl DeployArgs {
    pub fn options(&self) -> Options {
        let recreate = match (self.no_recreate, self.force_recreate || self.renew_anon_volumes) {
            (true, _) => Recreate::Never,
            (_, true) => Recreate::Force,
            _ => Recreate::Diverged,
        };
        let build = match (self.build, self.no_build) {
            (true, _) => Build::Always,
            (_, true) => Build::Never,
            _ => Build::WhenStale,
        };
        Options {
            policy: Policy {
                recreate,
                wait: !self.wait.no_wait,
                undo: !self.no_undo,
                remove_orphans: self.remove_orphans,
                renew_volumes: self.renew_anon_volumes,
                ..Policy::default()
            },
            images: ImagePolicy { build, pull: self.pull.map(Pull::from), no_cache: false },
            tag: self.tag.clone(),
            scale: self.scale.clone(),
            deps: self.wait.deps(),
            wait_timeout: self.wait.wait_timeout,
        }
    }
}

/// Reads a tag as registries allow it: up to 128 letters, digits, `_`, `.` and `-`, where the first is not `.` or `-`.
fn tag(text: &str) -> Result<String, String> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.is_empty() || text.len() > 128 || text.starts_with(['.', '-']) || !text.chars().all(known) {
        return Err("a tag consists of letters, digits, `_`, `.` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_recreate_wins_over_options_that_replace_containers() {
        let recreate = |no_recreate, force_recreate, renew_anon_volumes| {
            let args =
                DeployArgs { no_recreate, force_recreate, renew_anon_volumes, ..DeployArgs::default() };
            args.options().policy.recreate
        };
        assert_eq!(recreate(true, false, true), Recreate::Never);
        assert_eq!(recreate(false, false, true), Recreate::Force);
        assert_eq!(recreate(false, true, false), Recreate::Force);
        assert_eq!(recreate(false, false, false), Recreate::Diverged);
    }
}
