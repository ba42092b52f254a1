//! What the containers in scope print, merged into one stream. Works from labels and reads no file.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::engine::events::Action;
use crate::engine::logs::{LogLine, LogQuery};
use crate::engine::{Engine, EngineError};
use crate::error::Failure;
use crate::labels;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::{LiveProject, View};
use crate::plan::observed::{Container, ContainerId};
use crate::ui::Ui;
use crate::ui::logs::Prefixes;

/// Which lines are shown, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Lines of each container from the end; none means all.
    pub tail: Option<u64>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Until when new lines are shown; `None` shows those that there are.
    pub follow: Option<Until>,
    pub timestamps: bool,
    /// Whether each line begins with its service's name.
    pub prefix: bool,
    /// Only these services of the scope; empty means all.
    pub only: Vec<String>,
    /// The services of the scope that are left out.
    pub without: Vec<String>,
}

/// How long after the last line or event the end is looked for.
const REST: Duration = Duration::from_millis(300);

/// Until when new lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The reader or the engine is gone.
    Gone,
    /// No container of the scope is up either.
    AllEnd,
}

impl Options {
    fn shows(&self, service: &str) -> bool {
        let among = |names: &[String]| names.iter().any(|name| name == service);
        (self.only.is_empty() || among(&self.only)) && !among(&self.without)
    }
}

/// Shows the logs of the containers in scope.
///
/// # Errors
/// A named service that the project does not have; those of the engine.
pub async fn show(context: &Context, options: &Options) -> Result<(), Failure> {
    let live = context.live_project(View::Project).await?;
    let mut containers = live.scope.pick(&live.observed.containers);
    containers.retain(|container| !container.oneoff && options.shows(&container.service));
    if containers.is_empty() {
        context.ui.note(&format!("project `{}`: no containers in scope", live.project));
        return Ok(());
    }
    let printer = Printer {
        ui: &context.ui,
        prefixes: Prefixes::new(containers.iter().map(|container| source(container)), options.prefix),
        timestamps: options.timestamps,
    };
    let Options { tail, since, until, .. } = *options;
    let query = LogQuery { follow: false, since, until, tail, timestamps: true };
    match backlog(&live.engine, &containers, &query, &printer).await? {
        Some(last) if options.follow.is_some() => follow(context, &live, last, &printer, options).await,
        _ => Ok(()),
    }
}

struct Printer<'a> {
    ui: &'a Ui,
    prefixes: Prefixes,
    timestamps: bool,
}

impl Printer<'_> {
    /// Prints a line; false when the reader is gone.
    fn print(&self, source: &str, line: &LogLine) -> bool {
        let text = match line.time.filter(|_| self.timestamps) {
            Some(time) => format!("{time} {}", line.text),
            None => line.text.clone(),
        };
        self.ui.print(&self.prefixes.line(source, &text)).is_ok()
    }
}

/// The time of the last printed line of each container.
type Last = BTreeMap<ContainerId, Option<Timestamp>>;

/// The result of a read of one container's logs. A container whose log driver cannot be read, or that was removed, must not hide
/// the lines of the others: it has no lines, and its error becomes a warning.
///
/// # Errors
/// An engine that does not answer.
fn readable<T>(ui: &Ui, source: &str, read: Result<T, EngineError>) -> Result<Option<T>, Failure> {
    match read {
        Ok(lines) => Ok(Some(lines)),
        Err(EngineError::Api { message, .. }) => {
            ui.warning(&format!("{source}: logs cannot be read: {message}"));
            Ok(None)
        }
        Err(error) => Err(engine_failure(error)),
    }
}

/// Prints the existing lines of all containers in the order of their times. None when the reader is gone.
async fn backlog(
    engine: &Engine,
    containers: &[&Container],
    query: &LogQuery,
    printer: &Printer<'_>,
) -> Result<Option<Last>, Failure> {
    let mut heads = Vec::new();
    let mut last: Last = BTreeMap::new();
    for container in containers {
        let lines = engine.log_lines(&container.id, query).await;
        let Some(mut lines) = readable(printer.ui, &source(container), lines)? else {
            continue;
        };
        last.insert(container.id.clone(), None);
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

/// Prints new lines, also of containers that are created in the meantime: the output of a service continues when its container is
/// replaced.
async fn follow(
    context: &Context,
    live: &LiveProject,
    mut last: Last,
    printer: &Printer<'_>,
    options: &Options,
) -> Result<(), Failure> {
    let LiveProject { engine, project, scope, .. } = live;
    let mut events = engine.events(project, None).await.map_err(engine_failure)?;
    let mut lines: SelectAll<Sourced> = SelectAll::new();
    for (id, time) in &last {
        lines.push(following(live, id, *time, printer).await?);
    }
    // Whether perhaps no container is up any more, and those whose end was reported.
    let (mut may_be_over, mut died) = (options.follow == Some(Until::AllEnd), BTreeSet::new());
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) if event.action == Action::Start => {
                    died.remove(&event.id);
                    let fits = scope.holds(&event.service) && options.shows(&event.service);
                    if fits && event.attributes.get(labels::compose::ONEOFF).is_none_or(|oneoff| oneoff != "True") {
                        // All lines of a new container, also those from before its event; only new lines of a known one.
                        let after = last.get(&event.id).copied().flatten();
                        lines.push(following(live, &event.id, after, printer).await?);
                    }
                }
                Some(Ok(event)) if matches!(event.action, Action::Die(_)) => {
                    may_be_over = options.follow == Some(Until::AllEnd);
                    died.insert(event.id);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(engine_failure(error)),
                None => return Ok(()),
            },
            line = lines.next(), if !lines.is_empty() => {
                let Some((id, source, line)) = line else { continue };
                last.insert(id, line.time);
                if !printer.print(&source, &line) {
                    return Ok(());
                }
            }
            () = tokio::time::sleep(REST), if may_be_over => {
                let up = up(context, live).await?;
                if up.is_empty() {
                    return Ok(());
                }
                // One that restarts, or whose end Engine 20.10 has not noted yet, is looked at again.
                may_be_over = up.iter().all(|id| died.contains(id));
            }
        }
    }
}

/// The containers of the scope that are up.
async fn up(context: &Context, live: &LiveProject) -> Result<Vec<ContainerId>, Failure> {
    let live = live.again(context, View::Project).await?;
    let containers = live.scope.pick(&live.observed.containers).into_iter();
    let up = containers.filter(|container| container.is_up() && !container.oneoff);
    Ok(up.map(|container| container.id.clone()).collect())
}

/// A container's lines, each with the container's id and the name before the line.
type Sourced = Pin<Box<dyn Stream<Item = (ContainerId, String, LogLine)> + Send>>;

/// The lines after a moment. A container that is gone has none.
async fn following(
    live: &LiveProject,
    id: &ContainerId,
    after: Option<Timestamp>,
    printer: &Printer<'_>,
) -> Result<Sourced, Failure> {
    let engine = &live.engine;
    let since = after.and_then(|time| time.checked_add(SignedDuration::from_nanos(1)).ok());
    let query = LogQuery { follow: true, since, timestamps: true, ..LogQuery::default() };
    let details = match engine.inspect(id.as_str()).await {
        Err(error) if error.is_not_found() => return Ok(futures_util::stream::empty().boxed()),
        details => details.map_err(engine_failure)?,
    };
    let number = details.labels.get(labels::compose::CONTAINER_NUMBER).map_or("1", String::as_str);
    let service = details.labels.get(labels::compose::SERVICE).map_or("", String::as_str);
    let source = format!("{service}-{number}");
    let Some(lines) = readable(printer.ui, &source, engine.log_lines(id, &query).await)? else {
        return Ok(futures_util::stream::empty().boxed());
    };
    let id = id.clone();
    Ok(lines
        .filter_map(move |line| std::future::ready(line.ok().map(|line| (id.clone(), source.clone(), line))))
        .boxed())
}

/// The name before a container's lines.
fn source(container: &Container) -> String {
    format!("{}-{}", container.service, container.number.max(1))
}
