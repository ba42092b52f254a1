//! `sofa` deploys an ML stack from its Compose files through the Docker Engine API.
//! Data flows one way: cli → settings → compose → plan → apply → ui (each module's first lines say what it is).

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod apply;
mod cli;
mod commands;
mod compat;
mod compose;
mod diag;
mod docker;
mod engine;
mod error;
mod guard;
mod labels;
mod ops;
mod plan;
mod settings;
mod state;
#[doc(hidden)]
pub mod testing;
mod ui;
mod util;
mod yaml;

use error::{Exit, Failure, Kind};
use ops::Context;
pub use ops::build_info::BuildInfo;
use settings::{Settings, Typed};
use ui::Ui;

/// Runs one command line (program name first) and returns the process's exit code (the table of [`error::Kind`]).
pub fn run(arguments: Vec<OsString>, build: BuildInfo) -> ExitCode {
    let arguments: Vec<String> =
        arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let line = arguments.iter().skip(1).cloned().collect();
    let command = cli::Cli::command();
    let cli = match cli::Cli::try_parse_from(cli::argv::verb_first(arguments, &command)) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout, errors to stderr; a reader that is gone needs neither.
            let _ = error.print();
            return if error.use_stderr() { Kind::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let settings = match Settings::of_process(Typed { line, ..cli.typed() }) {
        Ok(settings) => settings,
        Err(failure) => {
            Ui::plain().failure(&failure);
            return failure.kind.into();
        }
    };
    let ui = ops::display::open(&settings);
    ui.log(settings.verbose);
    if !settings.ignored.is_empty() {
        ui.warnings(&settings.ignored.render(&settings.sources, true));
        ui.warning(
            "sofa.yaml counts as far as it can be read; every mode is protected and keeps its volumes",
        );
    }
    let context = Context { settings, ui, build };
    match in_runtime(cli.verb.run(&context)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.ui.failure(&failure);
            failure.kind.into()
        }
    }
}

/// Runs a command to its end on one thread: waiting for an engine needs no more, and start-up stays short.
fn in_runtime(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Failed, format!("runtime does not start: {error}")))?;
    let outcome = runtime.block_on(command);
    // A read of the disk or of standard input that still hangs must not keep the process.
    runtime.shutdown_background();
    outcome
}
