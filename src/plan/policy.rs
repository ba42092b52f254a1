//! What the command line decides about a deploy.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which containers are replaced.
    pub recreate: Recreate,
    /// Whether the plan ends when everything is ready, not when everything is started (`--no-wait`).
    pub wait: bool,
    /// Whether a failure takes everything back (`--no-undo`).
    pub undo: bool,
    /// Whether containers of services that the files no longer have are removed.
    pub remove_orphans: bool,
    /// Whether new containers get new anonymous volumes.
    pub renew_volumes: bool,
    /// Whether jobs stay as they are: running an older job does not undo what a newer one did to data.
    pub leave_jobs: bool,
    /// Whether one-off containers that have ended stay.
    pub leave_one_offs: bool,
    /// Whether this is a rollback, which uses `rollback_config` instead of `update_config`.
    pub rollback: bool,
    /// The first of the runs that are undone. What they created and the model does not have is removed.
    pub undoes_runs_from: Option<u64>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            recreate: Recreate::Diverged,
            wait: true,
            undo: true,
            remove_orphans: false,
            renew_volumes: false,
            leave_jobs: false,
            leave_one_offs: false,
            rollback: false,
            undoes_runs_from: None,
        }
    }
}

/// Which containers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recreate {
    /// Those that differ from the files.
    Diverged,
    /// All of them.
    Force,
    /// None.
    Never,
}

/// Which images are built and pulled before a plan is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImagePolicy {
    pub build: Build,
    /// Overrides the `pull_policy` of services.
    pub pull: Option<Pull>,
    /// Whether builds use no cache.
    pub no_cache: bool,
}

/// When services with a `build:` are built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Build {
    /// When the image is missing, or was built from another context.
    #[default]
    WhenStale,
    Always,
    Never,
}

/// When images are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    Always,
    Missing,
    Never,
}
