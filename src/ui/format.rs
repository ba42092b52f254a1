//! The format of a run's progress, and the size of the terminal.

/// How a run's progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line per subject, redrawn in place.
    Live,
    /// One line per change.
    Plain,
    /// One JSON object per event and line.
    Json,
    /// Like `Plain`; a failure also becomes an annotation of the GitHub workflow.
    Github,
    /// Errors only.
    Quiet,
}

/// The columns and rows of a terminal.
pub(super) fn size(stream: impl std::os::fd::AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((size.ws_col, size.ws_row))
}
