//! `sofa` deploys an ML stack from its Compose files through the Docker Engine API.
//! Data flows one way: cli → settings → compose → plan → apply → ui (each module's first lines say what it is).

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;

mod apply;
mod cli;
mod commands;
mod compat;
mod compose;
mod diag;
mod docker;
mod edge;
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
mod worker;
mod yaml;

use error::Kind;
use ops::Context;
pub use ops::build_info::BuildInfo;
use settings::{Settings, Typed};
use ui::Ui;

/// Runs one command line (program name first) and returns the process's exit code (the table of [`error::Kind`]).
///
/// # Errors
/// The runtime does not start, so no command was run.
pub fn run(arguments: Vec<OsString>, build: BuildInfo) -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> =
        arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let line = arguments.iter().skip(1).cloned().collect();
    let cli = match cli::Cli::parse_line(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout, errors to stderr; a reader that is gone needs neither.
            let _ = error.print();
            return Ok(if error.use_stderr() { Kind::Usage.into() } else { ExitCode::SUCCESS });
        }
    };
    let settings = match Settings::of_process(Typed { line, ..cli.typed() }) {
        Ok(settings) => settings,
        Err(failure) => {
            Ui::plain().failure(&failure);
            return Ok(failure.kind.into());
        }
    };
    let ui = ops::display::open(&settings);
    ui.log(settings.verbose);
    if !settings.ignored.is_empty() {
        ui.warnings(&settings.ignored.render(&settings.sources, true));
        ui.warning("only the valid part of sofa.yaml is used; every mode is protected and keeps its volumes");
    }
    let context = Context { settings, ui, build };
    Ok(match in_runtime(cli.verb.run(&context))? {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.ui.failure(&failure);
            failure.kind.into()
        }
    })
}

/// Runs a command to its end on one thread: waiting for an engine needs no more, and start-up stays short.
fn in_runtime<T>(command: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime does not start")?;
    let outcome = runtime.block_on(command);
    // A read of the disk or of standard input that still hangs must not keep the process.
    runtime.shutdown_background();
    Ok(outcome)
}
