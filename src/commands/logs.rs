//! `sofa logs`: what services print, in one stream. Works from labels; no file is read.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::engine::Engine;
use crate::engine::events::Action;
use crate::engine::logs::{LogLine, LogQuery};
use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::labels;
use crate::ops::Context;
use crate::ops::context::engine_failure;
use crate::ops::labelled::{Standing, View, look};
use crate::plan::labelled::Scope;
use crate::plan::observed::{Container, ContainerId};
use crate::settings::parse_time;
use crate::ui::logs::Prefixes;

/// Arguments of `logs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, `all`, services.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Go on with what is printed from now on; without saying, on a terminal.
    #[arg(long, overrides_with = "no_follow")]
    follow: bool,
    /// Print what there is and end.
    #[arg(long)]
    no_follow: bool,
    /// So many lines of each container from the end, or `all`.
    #[arg(short = 'n', long, value_name = "N", default_value = "100")]
    tail: String,
    /// Nothing older: a time (2026-01-31T10:00:00Z) or how long ago (10m).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Nothing newer: a time or how long ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Show when each line was printed.
    #[arg(short, long)]
    timestamps: bool,
    /// Lines without the service's name.
    #[arg(long)]
    no_prefix: bool,
}

/// Prints the logs of the scope's containers.
///
/// # Errors
/// A named service that the project does not have, a `--tail` that is no number.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let tail = match args.tail.as_str() {
        "all" => None,
        text => Some(text.parse().map_err(|_| {
            Failure::new(Kind::Usage, format!("`--tail {text}`: not a number of lines"))
                .hint("or `--tail all`")
        })?),
    };
    let Standing { project, engine, observed, scope } = look(context, View::Project).await?;
    let mut containers = scope.pick(&observed.containers);
    containers.retain(|container| !container.oneoff);
    if containers.is_empty() {
        context.ui.note(&format!("project `{project}`: the scope has no containers"));
        return Ok(Exit::Success);
    }
    let printer = Printer {
        context,
        prefixes: Prefixes::new(containers.iter().map(|container| source(container)), !args.no_prefix),
        timestamps: args.timestamps,
    };
    let query = LogQuery { follow: false, since: args.since, until: args.until, tail, timestamps: true };
    let Some(last) = backlog(&engine, &containers, &query, &printer).await? else {
        return Ok(Exit::Success);
    };
    if args.follow || (!args.no_follow && context.ui.watched()) {
        follow(&engine, &project, &scope, last, &printer).await?;
    }
    Ok(Exit::Success)
}

/// How lines are printed.
struct Printer<'a> {
    context: &'a Context,
    prefixes: Prefixes,
    timestamps: bool,
}

impl Printer<'_> {
    /// Prints a line; false when nobody reads any more.
    fn print(&self, source: &str, line: &LogLine) -> bool {
        let text = match line.time.filter(|_| self.timestamps) {
            Some(time) => format!("{time} {}", line.text),
            None => line.text.clone(),
        };
        self.context.ui.print(&self.prefixes.line(source, &text)).is_ok()
    }
}

/// When the last line of each container was printed.
type Last = BTreeMap<ContainerId, Option<Timestamp>>;

/// Prints what there is, all containers' lines in the order of their times. None when nobody reads any more.
async fn backlog(
    engine: &Engine,
    containers: &[&Container],
    query: &LogQuery,
    printer: &Printer<'_>,
) -> Result<Option<Last>, Failure> {
    let mut heads = Vec::new();
    let mut last: Last = BTreeMap::new();
    for container in containers {
        last.insert(container.id.clone(), None);
        let mut lines = engine.log_lines(&container.id, query).await.map_err(engine_failure)?;
        let head = lines.next().await.transpose().map_err(engine_failure)?;
        heads.push((container, lines, head));
    }
    loop {
        let next = heads.iter_mut().filter(|(_, _, head)| head.is_some());
        let Some((container, lines, head)) =
            next.min_by_key(|(_, _, head)| head.as_ref().and_then(|line| line.time))
        else {
            return Ok(Some(last));
        };
        let following = lines.next().await.transpose().map_err(engine_failure)?;
        let Some(line) = std::mem::replace(head, following) else {
            continue;
        };
        last.insert(container.id.clone(), line.time);
        if !printer.print(&source(container), &line) {
            return Ok(None);
        }
    }
}

/// Prints what comes from now on, also from containers that are created meanwhile: a service's output goes on when it
/// is replaced. Ends when nobody reads any more, or with the engine.
async fn follow(
    engine: &Engine,
    project: &str,
    scope: &Scope,
    mut last: Last,
    printer: &Printer<'_>,
) -> Result<(), Failure> {
    let mut events = engine.events(project, None).await.map_err(engine_failure)?;
    let mut lines: SelectAll<Sourced> = SelectAll::new();
    for (id, time) in &last {
        lines.push(following(engine, id, *time).await?);
    }
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) if event.action == Action::Start => {
                    let fits = scope.holds(&event.service);
                    if fits && event.attributes.get(labels::compose::ONEOFF).is_none_or(|oneoff| oneoff != "True") {
                        // All of a new container's lines, also those from before its event; of one that was there, what is new.
                        let after = last.get(&event.id).copied().flatten();
                        lines.push(following(engine, &event.id, after).await?);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(engine_failure(error)),
                None => return Ok(()),
            },
            Some((id, source, line)) = lines.next() => {
                last.insert(id, line.time);
                if !printer.print(&source, &line) {
                    return Ok(());
                }
            }
        }
    }
}

/// A container's lines, each with its id and the name it is printed under.
type Sourced = Pin<Box<dyn Stream<Item = (ContainerId, String, LogLine)> + Send>>;

/// The lines after a moment. A container that is gone by now has none.
async fn following(engine: &Engine, id: &ContainerId, after: Option<Timestamp>) -> Result<Sourced, Failure> {
    let since = after.and_then(|time| time.checked_add(SignedDuration::from_nanos(1)).ok());
    let query = LogQuery { follow: true, since, timestamps: true, ..LogQuery::default() };
    let details = match engine.inspect(id.as_str()).await {
        Err(error) if error.is_not_found() => return Ok(futures_util::stream::empty().boxed()),
        details => details.map_err(engine_failure)?,
    };
    let lines = engine.log_lines(id, &query).await.map_err(engine_failure)?;
    let number = details.labels.get(labels::compose::CONTAINER_NUMBER).map_or("1", String::as_str);
    let service = details.labels.get(labels::compose::SERVICE).map_or("", String::as_str);
    let (id, source) = (id.clone(), format!("{service}-{number}"));
    Ok(lines
        .filter_map(move |line| std::future::ready(line.ok().map(|line| (id.clone(), source.clone(), line))))
        .boxed())
}

/// The name that a container's lines are printed under.
fn source(container: &Container) -> String {
    format!("{}-{}", container.service, container.number.max(1))
}

/// A moment as people type it: a time, or how long ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = parse_time(text).map_err(|_| "neither a time (2026-01-31T10:00:00Z) nor how long ago (10m)")?;
    Timestamp::now().checked_sub(ago).map_err(|error| error.to_string())
}
