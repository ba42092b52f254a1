//! `sofa help [VERB|TOPIC]`: a verb's options, or an annotated example of a file.

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::settings;
use crate::util::spelling;

/// Arguments of `help`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A verb, `sofa.yaml` or `x-sofa`.
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
}

/// The files with an annotated example.
const EXAMPLES: [(&str, &str); 2] =
    [("sofa.yaml", settings::EXAMPLE), ("x-sofa", include_str!("../../docs/x-sofa.yaml"))];

/// Prints the help.
///
/// # Errors
/// An unknown topic, with the nearest spelling.
pub fn run(args: &Args, cli: clap::Command, context: &Context) -> CommandResult {
    let text = text(args.topic.as_deref(), cli)?;
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&text);
    Ok(Exit::Success)
}

fn text(topic: Option<&str>, mut command: clap::Command) -> Result<String, Failure> {
    command.build();
    let Some(topic) = topic else {
        return Ok(command.render_long_help().ansi().to_string());
    };
    if let Some((_, example)) = EXAMPLES.into_iter().find(|(name, _)| *name == topic) {
        return Ok(example.to_owned());
    }
    match command.find_subcommand_mut(topic) {
        Some(verb) => Ok(verb.render_long_help().ansi().to_string()),
        None => Err(unknown(topic, &command)),
    }
}

fn unknown(topic: &str, command: &clap::Command) -> Failure {
    let topics =
        || command.get_subcommands().map(clap::Command::get_name).chain(EXAMPLES.map(|(name, _)| name));
    let failure = Failure::new(Kind::Usage, format!("no help topic `{topic}`"));
    match spelling::nearest(topic, topics()) {
        Some(near) => failure.hint(format!("did you mean `sofa help {near}`?")),
        None => failure.hint(format!("topics: {}", topics().collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_files_are_explained() {
        let plain =
            |topic| anstream::adapter::strip_str(&text(topic, crate::cli::command()).unwrap()).to_string();
        assert!(plain(Some("deploy")).contains("--force-recreate"));
        assert!(plain(Some("status")).contains("Usage: sofa status"));
        assert!(plain(None).contains("sofa help sofa.yaml"));
        assert!(plain(Some("sofa.yaml")).contains("protected: true"));
        assert!(plain(Some("x-sofa")).contains("role: job"));
    }

    #[test]
    fn an_unknown_topic_gets_the_nearest_one() {
        let failure = text(Some("sofa.yml"), crate::cli::command()).unwrap_err();
        assert_eq!(
            (failure.kind, failure.hints[0].as_str()),
            (Kind::Usage, "did you mean `sofa help sofa.yaml`?")
        );
    }
}
