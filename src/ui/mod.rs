//! The only module that prints. Producers send typed events; printers render them. Data goes to stdout, the rest to stderr.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use owo_colors::Style;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::error::Failure;

mod board;
pub mod event;
pub mod findings;
mod format;
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
pub mod terminal;

pub use format::Format;
pub use progress::Progress;

/// How a command shows things.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    format: Option<Format>,
    color: ColorChoice,
    ci: bool,
}

/// The reader of the output is gone. Commands that only show something then end without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Ui {
    /// Without a format the progress is live on a terminal outside CI, else plain. In CI nobody watches.
    pub fn new(format: Option<Format>, color: ColorChoice, ci: bool) -> Ui {
        Ui { format, color, ci }
    }

    /// The display for errors that occur before the settings are known.
    pub fn plain() -> Ui {
        Ui::new(None, ColorChoice::Auto, false)
    }

    /// Starts to log to stderr: 0 nothing, 1 what `sofa` does, 2 every engine call. bollard and hyper log warnings only: at
    /// `debug` they print request bodies, which contain secrets.
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
        // Without escape sequences there is nothing to remove, and a large text need not be searched for them again.
        let color = if text.contains('\u{1b}') { self.color } else { ColorChoice::Always };
        let mut out = AutoStream::new(std::io::stdout().lock(), color);
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Closed)
    }

    /// Writes bytes of a program as they are.
    ///
    /// # Errors
    /// [`Closed`] when the reader is gone.
    pub fn pass_on(&self, bytes: &[u8], is_error: bool) -> Result<(), Closed> {
        let written = match is_error {
            true => std::io::stderr().lock().write_all(bytes),
            false => {
                let mut out = std::io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
        };
        written.map_err(|_| Closed)
    }

    /// Clears the terminal, where stdout is one.
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

    /// Shows the messages of a failure, each as an `error:`, then its hints.
    pub fn failure(&self, failure: &Failure) {
        if self.format == Some(Format::Json) {
            let mut err = std::io::stderr().lock();
            // A missing reader must not change the exit code.
            let _ = json::print_failure(&mut err, failure, jiff::Timestamp::now());
            return;
        }
        let mut text = String::new();
        for message in &failure.messages {
            if !failure.rendered {
                text.push_str(&label("error", Style::new().red().bold()));
            }
            text.push_str(message.trim_end());
            text.push('\n');
        }
        for hint in &failure.hints {
            text.push_str(&format!("{}{hint}\n", label("hint", Style::new().cyan().bold())));
        }
        if self.format == Some(Format::Github) {
            text.push_str(&github::annotation(failure));
        }
        self.print_to_stderr(&text);
    }

    pub fn warning(&self, message: &str) {
        if !self.is_quiet() {
            self.print_to_stderr(&format!("{}{message}\n", label("warning", Style::new().yellow().bold())));
        }
    }

    /// Shows diagnostics that are already rendered and are not errors.
    pub fn warnings(&self, rendered: &str) {
        if !self.is_quiet() {
            self.print_to_stderr(&format!("{}\n", rendered.trim_end()));
        }
    }

    pub fn note(&self, message: &str) {
        if !self.is_quiet() {
            self.print_to_stderr(&format!("{}{message}\n", label("note", Style::new().bold())));
        }
    }

    /// Shows lines as they are.
    pub fn notice(&self, lines: &str) {
        if !self.is_quiet() {
            self.print_to_stderr(lines);
        }
    }

    /// Writes text to stderr. A missing reader is not an error.
    pub fn print_to_stderr(&self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr().lock(), self.color);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Starts to show the progress of a run.
    pub fn progress(&self) -> Progress {
        Progress::begin(self.progress_format(), self.color)
    }

    /// Whether the output is a log of CI, which is read later.
    pub fn is_ci(&self) -> bool {
        self.ci
    }

    /// Whether a person sees stdout.
    pub fn is_watched(&self) -> bool {
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

fn label(word: &str, style: Style) -> String {
    format!("{} ", style::paint(&format!("{word}:"), style))
}
