//! The only module that prints. Producers send typed events; printers render them. Data goes to stdout, the rest to stderr.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use owo_colors::Style;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::error::Failure;

mod board;
pub mod event;
pub mod findings;
mod github;
mod json;
mod live;
pub mod logs;
mod plain;
pub mod plan;
pub mod progress;
pub mod prompt;
pub mod style;
pub mod table;

pub use progress::Progress;

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

/// The terminal, or what stands in its place.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    format: Option<Format>,
    color: ColorChoice,
    ci: bool,
}

/// Whoever read the output is gone: commands that only show something end quietly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Ui {
    /// Without a format: live on a terminal outside CI, else plain. `ci` says that nobody watches.
    pub fn new(format: Option<Format>, color: ColorChoice, ci: bool) -> Ui {
        Ui { format, color, ci }
    }

    /// The display for errors that occur before the settings are known.
    pub fn plain() -> Ui {
        Ui::new(None, ColorChoice::Auto, false)
    }

    /// Sends the program's own log to stderr from now on: 0 nothing, 1 what `sofa` does, 2 every engine call.
    /// bollard and hyper never say more than warnings: at `debug` they print request bodies, which hold secrets.
    pub fn log(&self, verbose: u8) {
        let level = match verbose {
            0 => return,
            1 => Level::INFO,
            _ => Level::DEBUG,
        };
        let targets = [("sofa", level), ("bollard", Level::WARN), ("hyper", Level::WARN)];
        let subscriber = tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false))
            .with(Targets::new().with_targets(targets));
        // A second call in one process (tests) keeps the first subscriber.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }

    /// Writes data to stdout.
    ///
    /// # Errors
    /// [`Closed`] when the reader is gone.
    pub fn print(&self, text: &str) -> Result<(), Closed> {
        // A large text is not searched for colours twice.
        let color = if text.contains('\u{1b}') { self.color } else { ColorChoice::Always };
        let mut out = AutoStream::new(std::io::stdout().lock(), color);
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Closed)
    }

    /// Clears the terminal, where stdout is one: what is printed next stands alone.
    ///
    /// # Errors
    /// [`Closed`] when the reader is gone.
    pub fn clear(&self) -> Result<(), Closed> {
        let mut out = std::io::stdout().lock();
        if !out.is_terminal() {
            return Ok(());
        }
        out.write_all(b"\x1b[H\x1b[2J").map_err(|_| Closed)
    }

    /// Shows a failure: its message under `error:`, then its hints.
    pub fn failure(&self, failure: &Failure) {
        if self.format == Some(Format::Json) {
            let mut err = std::io::stderr().lock();
            // Nobody reading is no reason to end otherwise.
            let _ = json::print_failure(&mut err, failure, jiff::Timestamp::now());
            return;
        }
        let mut text = String::new();
        for message in &failure.messages {
            if !failure.rendered {
                text.push_str(&head("error", Style::new().red().bold()));
            }
            text.push_str(message.trim_end());
            text.push('\n');
        }
        for hint in &failure.hints {
            text.push_str(&format!("{}{hint}\n", head("hint", Style::new().cyan().bold())));
        }
        if self.format == Some(Format::Github) {
            text.push_str(&github::annotation(failure));
        }
        self.tell(&text);
    }

    /// Shows something that may become a failure.
    pub fn warning(&self, message: &str) {
        if !self.is_quiet() {
            self.tell(&format!("{}{message}\n", head("warning", Style::new().yellow().bold())));
        }
    }

    /// Shows rendered diagnostics that are no errors.
    pub fn warnings(&self, rendered: &str) {
        if !self.is_quiet() {
            self.tell(&format!("{}\n", rendered.trim_end()));
        }
    }

    /// Shows something worth knowing.
    pub fn note(&self, message: &str) {
        if !self.is_quiet() {
            self.tell(&format!("{}{message}\n", head("note", Style::new().bold())));
        }
    }

    /// Shows lines that are worth knowing and have a head of their own.
    pub fn notice(&self, lines: &str) {
        if !self.is_quiet() {
            self.tell(lines);
        }
    }

    /// Writes text to stderr, whether or not anybody reads it.
    pub fn tell(&self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr().lock(), self.color);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Begins to show a run's progress.
    pub fn progress(&self) -> Progress {
        Progress::begin(self.progress_format(), self.color)
    }

    /// Whether stdout is a terminal that somebody watches.
    pub fn watched(&self) -> bool {
        !self.ci && std::io::stdout().is_terminal()
    }

    fn is_quiet(&self) -> bool {
        self.format == Some(Format::Quiet)
    }

    fn progress_format(&self) -> Format {
        match self.format {
            Some(format) => format,
            None if !self.ci && std::io::stderr().is_terminal() => Format::Live,
            None => Format::Plain,
        }
    }
}

fn head(word: &str, look: Style) -> String {
    format!("{} ", style::paint(&format!("{word}:"), look))
}

/// The columns and rows of a terminal.
fn size(stream: impl std::os::fd::AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((size.ws_col, size.ws_row))
}

/// How often a live display is redrawn where nothing happens, so that its clocks run.
const REDRAW: Duration = Duration::from_millis(100);
