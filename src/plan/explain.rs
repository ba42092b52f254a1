//! A plan as a person reads it: what happens to each service, network and volume, and why; one line each.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::action::{Action, ContainerRef, Replica};
use super::cause::Cause;
use super::observed::is_anonymous_volume;
use super::operation::{ImageFetch, ImageSource, Operation, Plan};
use crate::compose::fields::FieldChange;
use crate::util::elapsed::elapsed;

/// What a plan does, summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The project.
    pub project: String,
    /// A line for each thing that is looked at, networks and volumes first.
    pub lines: Vec<Line>,
}

/// What happens to one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// A replica, a network or a volume.
    pub subject: String,
    pub change: Change,
    /// Why.
    pub cause: String,
    /// The fields of the files that are not as they were, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Whether a part of it cannot be undone.
    pub one_way: bool,
    /// Whether users of it notice.
    pub disruptive: bool,
}

impl Line {
    fn new(subject: String, change: Change) -> Line {
        Line { subject, change, cause: String::new(), fields: Vec::new(), one_way: false, disruptive: false }
    }
}

/// What becomes of a thing, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Nothing.
    Unchanged,
    /// It is waited for.
    Await,
    /// It gets another name.
    Rename,
    /// A worker that a killed run left quiesced takes work again.
    Resume,
    /// The edge gets another configuration.
    Configure,
    /// It is stopped.
    Stop,
    /// It is sent a signal.
    Kill,
    /// It is started.
    Start,
    /// It is stopped and started.
    Restart,
    /// An image is built.
    Build,
    /// An image is pulled.
    Pull,
    /// It is removed.
    Remove,
    /// It is created.
    Create,
    /// A new one takes its place.
    Replace,
}

impl Change {
    /// The sign before the line: `+` new, `~` changed, `-` removed, `=` unchanged.
    pub fn sign(self) -> char {
        match self {
            Change::Unchanged | Change::Await => '=',
            Change::Create => '+',
            Change::Remove => '-',
            _ => '~',
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Change::Unchanged => "unchanged",
            Change::Await => "await",
            Change::Rename => "rename",
            Change::Resume => "resume",
            Change::Configure => "configure",
            Change::Stop => "stop",
            Change::Kill => "kill",
            Change::Start => "start",
            Change::Restart => "restart",
            Change::Build => "build",
            Change::Pull => "pull",
            Change::Remove => "remove",
            Change::Create => "create",
            Change::Replace => "replace",
        })
    }
}

/// Sums a plan up.
pub fn explain(plan: &Plan) -> Explanation {
    let mut objects: Vec<Line> = plan.images.iter().map(image).collect();
    let mut subjects: BTreeMap<String, SubjectOperations<'_>> = BTreeMap::new();
    for operation in &plan.operations {
        if let Some(line) = object(operation) {
            add_object(&mut objects, line);
        } else if let Some(replica) = operation.action.replica() {
            subjects.entry(subject(replica, &operation.action)).or_default().add(operation);
        }
    }
    let touched = subjects.into_iter().filter_map(|(subject, subjects)| {
        let change = subjects.change()?;
        // Only a leftover beside a container that stays is removed, so the service is unchanged.
        let beside = change == Change::Remove && plan.unchanged.contains(&subject);
        let subject = if beside { subjects.removed_name().unwrap_or(subject) } else { subject };
        let mut line = subjects.line(subject, change);
        if beside && line.cause.is_empty() {
            line.cause = Cause::OfInterruptedRun.to_string();
        }
        Some(line)
    });
    let unchanged = plan.unchanged.iter().map(|service| unchanged(service, &plan.images));
    let mut services: Vec<Line> = touched.chain(unchanged).collect();
    services.sort_by(|one, other| one.subject.cmp(&other.subject));
    Explanation { project: plan.project.clone(), lines: objects.into_iter().chain(services).collect() }
}

fn image(fetch: &ImageFetch) -> Line {
    let change = match fetch.source {
        ImageSource::Build => Change::Build,
        ImageSource::Pull => Change::Pull,
    };
    Line { cause: fetch.cause.clone(), ..Line::new(format!("image {}", fetch.image), change) }
}

/// A service that does not change, unless its image is another one after it was fetched.
fn unchanged(service: &str, fetches: &[ImageFetch]) -> Line {
    let own = fetches.iter().filter(|fetch| fetch.services.iter().any(|name| name == service));
    let Some(fetch) = own.max_by_key(|fetch| fetch.changes) else {
        return Line::new(service.into(), Change::Unchanged);
    };
    let image = &fetch.image;
    if fetch.changes {
        let cause = format!("image {image} will be another");
        return Line { cause, disruptive: true, ..Line::new(service.into(), Change::Replace) };
    }
    let cause = format!("unless image {image} turns out to be another");
    Line { cause, ..Line::new(service.into(), Change::Unchanged) }
}

fn is_await(operation: &Operation) -> bool {
    matches!(operation.action, Action::Await { .. })
}

/// The name of a replica. A container that is not a replica, such as a one-off, has its own name.
fn subject(replica: &Replica, action: &Action) -> String {
    match (replica.number, action.container()) {
        (0, Some(container)) => container_subject(container),
        (0 | 1, _) => replica.service.clone(),
        (number, _) => format!("{} {number}", replica.service),
    }
}

fn container_subject(container: &ContainerRef) -> String {
    format!("container {container}")
}

/// What a plan does to the containers of one replica.
#[derive(Default)]
struct SubjectOperations<'a> {
    operations: Vec<&'a Operation>,
}

impl<'a> SubjectOperations<'a> {
    fn add(&mut self, operation: &'a Operation) {
        self.operations.push(operation);
    }

    fn actions(&self) -> impl Iterator<Item = &'a Action> {
        self.operations.iter().map(|operation| &operation.action)
    }

    /// The containers of the engine that something is done to.
    fn those(&self, is: impl Fn(&Action) -> bool) -> Vec<&'a ContainerRef> {
        let containers = self.actions().filter(|action| is(action)).filter_map(Action::container);
        containers.filter(|container| matches!(container, ContainerRef::Existing { .. })).collect()
    }

    /// What becomes of the replica; nothing where it is only looked at. Rules, in the order tested:
    /// 1. a new container is created: it replaces one that is removed, or there was none;
    /// 2. one that was there starts in the place of another: an interrupted run had created it;
    /// 3. a container that is stopped and started is restarted;
    /// 4. else the strongest change.
    fn change(&self) -> Option<Change> {
        let is_stop = |action: &Action| matches!(action, Action::StopContainer { .. });
        let is_start = |action: &Action| {
            matches!(action, Action::StartContainer { .. } | Action::UnpauseContainer { .. })
        };
        let is_removal = |action: &Action| matches!(action, Action::RemoveContainer { .. });
        let (stopped, started, removed) = (self.those(is_stop), self.those(is_start), self.those(is_removal));
        let mut creations = self.actions().filter_map(|action| match action {
            Action::CreateContainer { replaces, .. } => Some(replaces.is_some()),
            _ => None,
        });
        if let Some(replaces) = creations.next() {
            let goes = replaces || !stopped.is_empty() || !removed.is_empty();
            return Some(if goes { Change::Replace } else { Change::Create });
        }
        let has = |action: fn(&Action) -> bool| self.actions().any(action);
        Some(match started.first() {
            Some(up) if removed.iter().any(|gone| gone != up) => Change::Replace,
            Some(up) if stopped.contains(up) => Change::Restart,
            Some(_) => Change::Start,
            None if !removed.is_empty() => Change::Remove,
            None if has(|action| matches!(action, Action::KillContainer { .. })) => Change::Kill,
            None if !stopped.is_empty() => Change::Stop,
            None if has(|action| matches!(action, Action::RenameContainer { .. })) => Change::Rename,
            None if has(|action| matches!(action, Action::Resume { .. })) => Change::Resume,
            None if self
                .operations
                .iter()
                .any(|operation| is_await(operation) && !operation.cause.is_none()) =>
            {
                Change::Await
            }
            // Whether it is ready can only be asked, by the run itself.
            None if self.operations.iter().any(|operation| is_await(operation)) => Change::Unchanged,
            None => return None,
        })
    }

    fn removed_name(&self) -> Option<String> {
        let removed = self.those(|action| matches!(action, Action::RemoveContainer { .. }));
        removed.first().map(|container| container_subject(container))
    }

    /// The line, with every cause: that of a creation first, since it is the one with the fields.
    fn line(&self, subject: String, change: Change) -> Line {
        let mut line = Line::new(subject, change);
        let (creations, others): (Vec<&Operation>, Vec<&Operation>) = self
            .operations
            .iter()
            .partition(|operation| matches!(operation.action, Action::CreateContainer { .. }));
        let mut causes: Vec<String> = Vec::new();
        for operation in creations.into_iter().chain(others) {
            line.one_way |= operation.one_way;
            line.disruptive |= operation.disruptive;
            if line.fields.is_empty() {
                line.fields = operation.cause.fields().to_vec();
            }
            if !matches!(operation.cause, Cause::None | Cause::Replaced) {
                let text = operation.cause.to_string();
                if !causes.contains(&text) {
                    causes.push(text);
                }
            }
        }
        causes.extend(self.actions().find_map(|action| match action {
            Action::Drain { deadline, .. } => Some(format!("hands over within {}", elapsed(*deadline))),
            _ => None,
        }));
        line.cause = causes.join("; ");
        line
    }
}

/// A network that is removed and created under its name is replaced.
fn add_object(objects: &mut Vec<Line>, line: Line) {
    let removed = |other: &&mut Line| other.subject == line.subject && other.change == Change::Remove;
    match objects.iter_mut().find(removed) {
        Some(other) if line.change == Change::Create => {
            other.change = Change::Replace;
            other.disruptive |= line.disruptive;
        }
        _ => objects.push(line),
    }
}

fn object(operation: &Operation) -> Option<Line> {
    let (subject, change) = match &operation.action {
        Action::CreateNetwork { name, .. } => (format!("network {name}"), Change::Create),
        Action::RemoveNetwork { name, .. } => (format!("network {name}"), Change::Remove),
        Action::CreateVolume { name, .. } => (format!("volume {name}"), Change::Create),
        Action::RemoveVolume { name } if is_anonymous_volume(name) => {
            (format!("anonymous volume {}", &name[..12]), Change::Remove)
        }
        Action::RemoveVolume { name } => (format!("volume {name}"), Change::Remove),
        Action::RemoveImage { name } => (format!("image {name}"), Change::Remove),
        Action::EnsureEdge { .. } if operation.cause == Cause::Missing => ("edge".to_owned(), Change::Create),
        Action::EnsureEdge { .. } => ("edge".to_owned(), Change::Configure),
        Action::RemoveEdge { .. } => ("edge".to_owned(), Change::Remove),
        _ => return None,
    };
    Some(Line {
        cause: operation.cause.to_string(),
        fields: operation.cause.fields().to_vec(),
        one_way: operation.one_way,
        disruptive: operation.disruptive,
        ..Line::new(subject, change)
    })
}

impl Explanation {
    /// How many lines change something, and how many of each kind: «2 to create, 1 to replace, 3 unchanged».
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for change in [
            Change::Build,
            Change::Pull,
            Change::Create,
            Change::Replace,
            Change::Restart,
            Change::Start,
            Change::Configure,
            Change::Stop,
            Change::Kill,
            Change::Remove,
            Change::Rename,
            Change::Await,
            Change::Unchanged,
        ] {
            let count = self.lines.iter().filter(|line| line.change == change).count();
            if count > 0 {
                parts.push(match change {
                    Change::Unchanged => format!("{count} unchanged"),
                    Change::Await => format!("{count} not ready yet"),
                    change => format!("{count} to {change}"),
                });
            }
        }
        if parts.is_empty() {
            parts.push("nothing to do".into());
        }
        format!("{}: {}", self.project, parts.join(", "))
    }
}
