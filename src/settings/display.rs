//! How output is shown: the choices of `--progress` and `--color`. `ui` opens the display that they name.

/// How a run's progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// `tty` on a terminal outside CI, else `plain`.
    Auto,
    /// One line per service, redrawn in place.
    Tty,
    /// One line per change.
    Plain,
    /// One JSON object per event and line.
    Json,
    /// Like `plain`; errors also become annotations of the GitHub workflow.
    Github,
    /// Errors only.
    Quiet,
}

/// When output is colored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}
