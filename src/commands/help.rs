//! `sofa help [VERB|TOPIC]`: a verb's options, or an annotated example of a file.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::commands::Context;
use crate::compose::load::X_SOFA_EXAMPLE;
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::settings;
use crate::util::spelling;

/// Arguments of `help`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A verb, `sofa.yaml` or `x-sofa`.
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
}

/// The files that are explained by an example.
const EXAMPLES: [(&str, &str); 2] = [("sofa.yaml", settings::EXAMPLE), ("x-sofa", X_SOFA_EXAMPLE)];

/// Prints the help.
///
/// # Errors
/// A topic that is none, with the nearest spelling.
pub fn run(args: &Args, context: &Context) -> CommandResult {
    let mut command = Cli::command();
    command.build();
    let text = match args.topic.as_deref() {
        None => command.render_long_help().ansi().to_string(),
        Some(topic) => match EXAMPLES.into_iter().find(|(name, _)| *name == topic) {
            Some((_, example)) => example.to_owned(),
            None => match command.find_subcommand_mut(topic) {
                Some(verb) => verb.render_long_help().ansi().to_string(),
                None => return Err(unknown(topic, &command)),
            },
        },
    };
    // A reader that is gone needs no help.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}

fn unknown(topic: &str, command: &clap::Command) -> Failure {
    let topics =
        || command.get_subcommands().map(clap::Command::get_name).chain(EXAMPLES.map(|(name, _)| name));
    let failure = Failure::new(Kind::Usage, format!("nothing is known of `{topic}`"));
    match spelling::nearest(topic, topics()) {
        Some(near) => failure.hint(format!("did you mean `sofa help {near}`?")),
        None => failure.hint(format!("topics: {}", topics().collect::<Vec<_>>().join(", "))),
    }
}
