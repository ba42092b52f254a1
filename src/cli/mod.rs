//! The command line, as clap parses it. `settings` combines it with the other settings; `commands` runs the verbs.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

pub mod argv;
pub mod planned;

use crate::commands::{
    attach, build, check, config, cp, edge, events, exec, help, history, lock, logs, ls, port, ps, run,
    status, top, undo, up, version, wait,
};
use crate::error::CommandResult;
use crate::ops::Context;
use crate::settings::{Color, Progress, Typed, parse_engine_timeout};
use planned::{PlanArgs, Planned};

/// Deploys an ML stack from its Compose files: health-gated, undone as a whole when anything fails.
#[derive(Debug, Parser)]
#[command(
    name = "sofa",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
#[command(after_help = "Words stand in any order: `sofa deploy dev` is `sofa dev deploy`. \
                        A word is a mode (local, dev, production, or one of sofa.yaml), `all`, or a service. \
                        `sofa help sofa.yaml` shows every setting of a project.")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
struct Global {
    /// The project's root.
    #[arg(short = 'C', long, global = true, value_name = "DIR", help_heading = "Global options")]
    directory: Option<PathBuf>,
    /// A Compose file; repeatable, later files override earlier ones; `-` is standard input.
    #[arg(short, long = "file", global = true, value_name = "FILE", help_heading = "Global options")]
    file: Vec<PathBuf>,
    /// A file of variables for interpolation; repeatable.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    env_file: Vec<PathBuf>,
    /// The Compose project's name.
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Global options")]
    project_name: Option<String>,
    /// The directory that relative paths in Compose files start from.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    project_directory: Option<PathBuf>,
    /// Enables the services of a profile; repeatable.
    #[arg(long, global = true, value_name = "PROFILE", help_heading = "Global options")]
    profile: Vec<String>,
    /// The Docker Engine's address.
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    host: Option<String>,
    /// The engine of a docker context.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    context: Option<String>,
    /// The number of concurrent engine calls.
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    parallel: Option<usize>,
    /// How long the engine may take to answer a call that needs no disk or registry (default 60s); also SOFA_ENGINE_TIMEOUT.
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_engine_timeout, help_heading = "Global options")]
    engine_timeout: Option<Duration>,
    /// How progress is shown.
    #[arg(long, global = true, value_name = "KIND", help_heading = "Global options")]
    progress: Option<Progress>,
    /// When output is colored.
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global options")]
    color: Option<Color>,
    /// Show errors only.
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Log what sofa does; twice to log every engine call.
    #[arg(long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    /// Answer yes to the questions of a protected mode; also SOFA_YES=1.
    #[arg(short, long, global = true, help_heading = "Global options")]
    yes: bool,
    /// Only these services, separated by commas; repeatable; also SERVICES=a,b as a word.
    #[arg(short, long, global = true, value_name = "SERVICES", help_heading = "Global options")]
    service: Vec<String>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// A verb that makes a plan and runs it.
    #[command(flatten)]
    Planned(Planned),
    /// Deploy, then follow the logs until Ctrl-C stops the services; `-d` only deploys.
    Up(up::Args),
    /// List the releases that `rollback` can restore.
    History(history::Args),
    /// Undo a run that was killed or could not finish.
    Undo(undo::Args),
    /// Build the images of services that have a `build:`.
    Build(build::Args),
    /// Show the logs of services.
    Logs(logs::Args),
    /// Run a command in a container of a service: `sofa exec web sh`.
    Exec(exec::Args),
    /// Run a command once, in a container of its own: `sofa run --rm web sh`.
    Run(run::Args),
    /// Attach to the first process of a container: its input, its output, its end.
    Attach(attach::Args),
    /// List the services and their state.
    Ps(ps::Args),
    /// List what `ps` lists, and what the queue workers are doing.
    Status(status::Args),
    /// Show the edge, and the containers that it sends requests to: `sofa edge status`.
    Edge(edge::Args),
    /// Copy files into or out of containers: `sofa cp web:/etc/hosts .`.
    Cp(cp::Args),
    /// Print where a port of a service is published: `sofa port web 80`.
    Port(port::Args),
    /// Show what happens to the containers, until interrupted.
    Events(events::Args),
    /// List the processes of the containers.
    Top(top::Args),
    /// Wait until the first of the services ends.
    Wait(wait::Args),
    /// List the projects of the engine.
    Ls(ls::Args),
    /// Show what a verb would do, and why.
    Plan(PlanArgs),
    /// Report every problem that can be found before a deploy; change nothing.
    Check(check::Args),
    /// Print the resolved Compose model.
    Config(config::Args),
    /// Show who holds the project's lock, or remove the lock.
    Lock(lock::Args),
    /// Print the versions of sofa and of the engine.
    Version(version::Args),
    /// Explain a verb, `sofa.yaml` or `x-sofa`.
    Help(help::Args),
}

/// The command line, as clap parses it. A global option has its letter where the verb uses that letter for nothing else, so that
/// letters mean for each verb what they mean in docker compose.
pub fn command() -> Command {
    let command = Cli::command();
    let global: Vec<Arg> = command.get_arguments().filter(|option| option.is_global_set()).cloned().collect();
    without_taken_letters(command, &global)
}

/// The verbs of docker compose that `sofa` does not have.
const MISSING: [&str; 12] = [
    "commit", "create", "export", "images", "pause", "publish", "pull", "push", "stats", "unpause",
    "volumes", "watch",
];

/// Adds what to type in place of a verb that only docker compose has.
fn with_tip(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand)
        && MISSING.contains(&verb.as_str())
    {
        let tip = match verb.as_str() {
            "push" => "`sofa build --push` builds and pushes".to_owned(),
            "pull" => "`sofa deploy --pull always` pulls, and deploys what changed".to_owned(),
            verb => format!("`docker compose -p PROJECT {verb}` works on the containers of sofa"),
        };
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn without_taken_letters(command: Command, global: &[Arg]) -> Command {
    command.mut_subcommands(|verb| {
        let own: Vec<char> = verb.get_arguments().filter_map(Arg::get_short).collect();
        let taken =
            global.iter().filter(|option| option.get_short().is_some_and(|letter| own.contains(&letter)));
        // An option of the same name that the verb has itself takes the place of the global one.
        let taken = taken.filter(|option| !verb.get_arguments().any(|own| own.get_id() == option.get_id()));
        let taken: Vec<Arg> = taken.map(|option| option.clone().short(None)).collect();
        without_taken_letters(verb.args(taken), global)
    })
}

impl Cli {
    /// Parses a command line, program name first.
    ///
    /// # Errors
    /// What clap refuses. A call for help counts as an error there too.
    pub fn parse_line(line: Vec<String>) -> Result<Cli, clap::Error> {
        let mut command = command();
        let line = argv::verb_first(line, &command);
        let matches = command.try_get_matches_from_mut(line).map_err(with_tip)?;
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The options and words, for `settings`.
    pub fn typed(&self) -> Typed {
        let global = &self.global;
        Typed {
            directory: global.directory.clone(),
            files: global.file.clone(),
            env_files: global.env_file.clone(),
            project_name: global.project_name.clone(),
            project_directory: global.project_directory.clone(),
            profiles: global.profile.clone(),
            host: global.host.clone(),
            context: global.context.clone(),
            parallel: global.parallel,
            engine_timeout: global.engine_timeout,
            progress: global.progress,
            color: global.color,
            quiet: global.quiet,
            verbose: global.verbose,
            services: global.service.clone(),
            words: self.verb.words(),
            yes: global.yes || self.verb.answers_yes(),
            line: Vec::new(),
            reserved: reserved_words(),
            has_command: self.verb.has_command(),
            lenient: !self.verb.reads_files(),
        }
    }
}

/// The words that cannot be names of modes.
fn reserved_words() -> Vec<String> {
    let command = Cli::command();
    let verbs = command.get_subcommands().flat_map(clap::Command::get_name_and_visible_aliases);
    verbs.chain(["all"]).map(String::from).collect()
}

impl Verb {
    /// Runs the verb.
    ///
    /// # Errors
    /// The verb's failure, with its exit code.
    pub async fn run(self, context: &Context) -> CommandResult {
        match self {
            Verb::Planned(planned) => planned.run(context).await,
            Verb::Up(args) => up::run(args, context).await,
            Verb::History(args) => history::run(args, context).await,
            Verb::Undo(args) => undo::run(args, context).await,
            Verb::Build(args) => build::run(args, context).await,
            Verb::Logs(args) => logs::run(args, context).await,
            Verb::Exec(args) => exec::run(args, context).await,
            Verb::Run(args) => run::run(args, context).await,
            Verb::Attach(args) => attach::run(args, context).await,
            Verb::Cp(args) => cp::run(args, context).await,
            Verb::Events(args) => events::run(args, context).await,
            Verb::Port(args) => port::run(args, context).await,
            Verb::Top(args) => top::run(args, context).await,
            Verb::Wait(args) => wait::run(args, context).await,
            Verb::Ls(args) => ls::run(args, context).await,
            Verb::Ps(args) => ps::run(args, context).await,
            Verb::Status(args) => status::run(args, context).await,
            Verb::Edge(args) => edge::run(args, context).await,
            Verb::Plan(args) => args.verb.show_plan(&args.show, context).await,
            Verb::Check(args) => check::run(args, context).await,
            Verb::Config(args) => config::run(&args, context).await,
            Verb::Help(args) => help::run(&args, command(), context),
            Verb::Lock(args) => lock::run(args, context).await,
            Verb::Version(args) => version::run(args, context).await,
        }
    }

    /// Whether the verb needs the project's files. The others work from labels.
    fn reads_files(&self) -> bool {
        match self {
            Verb::Planned(planned) => planned.reads_files(),
            Verb::Plan(args) => args.verb.reads_files(),
            Verb::Build(_) | Verb::Check(_) | Verb::Config(_) | Verb::Run(_) | Verb::Up(_) => true,
            Verb::History(_) | Verb::Undo(_) | Verb::Logs(_) | Verb::Ps(_) | Verb::Status(_) => false,
            Verb::Edge(_) | Verb::Exec(_) | Verb::Attach(_) | Verb::Port(_) => false,
            Verb::Top(_) | Verb::Wait(_) | Verb::Ls(_) | Verb::Cp(_) | Verb::Events(_) => false,
            Verb::Lock(_) | Verb::Version(_) | Verb::Help(_) => false,
        }
    }

    /// Whether the verb's words after the first service are something else than services.
    fn has_command(&self) -> bool {
        matches!(self, Verb::Exec(_) | Verb::Run(_) | Verb::Port(_))
    }

    /// Whether an option of the verb answers its question.
    fn answers_yes(&self) -> bool {
        matches!(self, Verb::Planned(Planned::Rm(args)) if args.force)
    }

    /// The words after the verb.
    fn words(&self) -> Vec<String> {
        match self {
            Verb::Planned(planned) => planned.scope_words(),
            Verb::Plan(args) => args.verb.scope_words(),
            Verb::Up(args) => args.words.clone(),
            Verb::History(args) => args.words.clone(),
            Verb::Undo(args) => args.words.clone(),
            Verb::Build(args) => args.words.clone(),
            Verb::Logs(args) => args.words.clone(),
            Verb::Exec(args) => args.words.clone(),
            Verb::Run(args) => args.words.clone(),
            Verb::Attach(args) => args.words.clone(),
            Verb::Cp(args) => args.scope_words(),
            Verb::Events(args) => args.words.clone(),
            Verb::Port(args) => args.words.clone(),
            Verb::Top(args) => args.words.clone(),
            Verb::Wait(args) => args.words.clone(),
            Verb::Ps(args) => args.words.clone(),
            Verb::Status(args) => args.words.clone(),
            Verb::Edge(args) => args.scope_words(),
            Verb::Check(args) => args.words.clone(),
            Verb::Config(args) => args.words.clone(),
            Verb::Lock(args) => args.scope_words(),
            Verb::Version(_) | Verb::Help(_) | Verb::Ls(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every verb, and those below it.
    fn verbs(command: &Command) -> Vec<&Command> {
        command.get_subcommands().flat_map(|verb| [vec![verb], verbs(verb)].concat()).collect()
    }

    /// clap knows options by name: one of a verb takes the place of a global one of the same name, so it must have the same kind.
    #[test]
    fn an_option_of_a_verb_is_of_the_kind_of_the_global_one_whose_place_it_takes() {
        let command = command();
        let global: Vec<&Arg> = command.get_arguments().filter(|option| option.is_global_set()).collect();
        for verb in verbs(&command) {
            for own in verb.get_arguments() {
                let Some(same) = global.iter().find(|option| option.get_id() == own.get_id()) else {
                    continue;
                };
                let kind =
                    |option: &Arg| format!("{:?} {:?}", option.get_action(), option.get_value_parser());
                assert_eq!(kind(own), kind(same), "{}: {}", verb.get_name(), own.get_id());
                assert_eq!(own.get_long(), same.get_long(), "{}", verb.get_name());
            }
        }
    }

    #[test]
    fn a_verb_that_only_docker_compose_has_is_refused_with_what_to_type() {
        let refused = |line: &str| {
            let line = line.split(' ').map(String::from).collect();
            Cli::parse_line(line).unwrap_err().to_string()
        };
        assert!(refused("sofa pause web").contains("tip: `docker compose -p PROJECT pause` works"));
        assert!(refused("sofa -f x.yaml push").contains("tip: `sofa build --push`"));
        let command = command();
        for verb in MISSING {
            assert!(command.find_subcommand(verb).is_none(), "{verb} is there");
        }
    }

    #[test]
    fn letters_are_those_of_the_verb_and_global_ones_elsewhere() {
        let parsed = |line: &str| {
            let line = line.split(' ').map(String::from).collect();
            Cli::parse_line(line).unwrap_or_else(|error| panic!("{error}"))
        };
        for line in [
            "sofa down -v",
            "sofa rm -fsv web",
            "sofa kill -s SIGTERM web",
            "sofa logs -f -n 5 -t web",
            "sofa ps -q -a",
            "sofa up -d -V -y",
            "sofa exec -T -d -e A=b -u 1 -w / --index 2 web ls -la",
            "sofa run -d -e A=b -l a=b -p 80 -P -u 1 -v a:/b -w / -T web ls -la",
            "sofa stop -t 5 web",
            "sofa port web 80",
            "sofa ls -a -q",
        ] {
            parsed(line);
        }
        let typed = parsed("sofa -f a.yaml -s web -p x logs -f").typed();
        assert_eq!((typed.files, typed.services), (vec![PathBuf::from("a.yaml")], vec!["web".to_owned()]));
        let typed = parsed("sofa kill -s TERM web -f b.yaml").typed();
        assert_eq!((typed.files, typed.services), (vec![PathBuf::from("b.yaml")], Vec::new()));
        assert!(parsed("sofa rm -f").typed().yes);
        assert!(!parsed("sofa rm -s").typed().yes);
        assert!(parsed("sofa ps -q").typed().quiet);
        // A letter that means nothing for a verb is refused, and never silently something else.
        for line in ["sofa ps -v", "sofa deploy -d", "sofa stop -v"] {
            assert!(Cli::parse_line(line.split(' ').map(String::from).collect()).is_err(), "{line}");
        }
    }
}
