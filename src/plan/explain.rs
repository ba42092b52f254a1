//! A plan as a person reads it: what happens to each service, network and volume, and why; one line each.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::action::Action;
use super::operation::{Operation, Plan};
use crate::compose::fields::FieldChange;

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
    /// What becomes of it.
    pub change: Change,
    /// Why.
    pub cause: String,
    /// The fields of the files that are not as they were, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Whether something of it cannot be taken back.
    pub one_way: bool,
}

impl Line {
    fn new(subject: String, change: Change) -> Line {
        Line { subject, change, cause: String::new(), fields: Vec::new(), one_way: false }
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
    /// It is stopped.
    Stop,
    /// It is sent a signal.
    Kill,
    /// It is started.
    Start,
    /// It is stopped and started.
    Restart,
    /// It is removed.
    Remove,
    /// It is created.
    Create,
    /// A new one takes its place.
    Replace,
}

impl Change {
    /// The sign before the line: `+` new, `~` changed, `-` gone, `=` as it was.
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
            Change::Stop => "stop",
            Change::Kill => "kill",
            Change::Start => "start",
            Change::Restart => "restart",
            Change::Remove => "remove",
            Change::Create => "create",
            Change::Replace => "replace",
        })
    }
}

/// Sums a plan up.
pub fn explain(plan: &Plan) -> Explanation {
    let mut objects = Vec::new();
    let mut replicas: BTreeMap<String, Line> = BTreeMap::new();
    for operation in &plan.operations {
        match object(operation) {
            Some(line) => add_object(&mut objects, line),
            None => {
                let Some((subject, change)) = replica(operation) else {
                    continue;
                };
                let line = replicas.entry(subject.clone()).or_insert_with(|| Line::new(subject, change));
                line.change = combine(line.change, change);
                line.one_way |= operation.one_way;
                if line.cause.is_empty() && operation.cause != "replaced" {
                    line.cause.clone_from(&operation.cause);
                    line.fields.clone_from(&operation.fields);
                }
            }
        }
    }
    let unchanged = plan.unchanged.iter().map(|name| Line::new(name.clone(), Change::Unchanged));
    let mut services: Vec<Line> = replicas.into_values().chain(unchanged).collect();
    services.sort_by(|one, other| one.subject.cmp(&other.subject));
    Explanation { project: plan.project.clone(), lines: objects.into_iter().chain(services).collect() }
}

/// A network that is removed and created under its name is replaced.
fn add_object(objects: &mut Vec<Line>, line: Line) {
    let removed = |other: &&mut Line| other.subject == line.subject && other.change == Change::Remove;
    match objects.iter_mut().find(removed) {
        Some(other) if line.change == Change::Create => other.change = Change::Replace,
        _ => objects.push(line),
    }
}

fn object(operation: &Operation) -> Option<Line> {
    let (subject, change) = match &operation.action {
        Action::CreateNetwork { name, .. } => (format!("network {name}"), Change::Create),
        Action::RemoveNetwork { name, .. } => (format!("network {name}"), Change::Remove),
        Action::CreateVolume { name, .. } => (format!("volume {name}"), Change::Create),
        Action::RemoveVolume { name } => (format!("volume {name}"), Change::Remove),
        Action::RemoveImage { name } => (format!("image {name}"), Change::Remove),
        _ => return None,
    };
    let (cause, fields) = (operation.cause.clone(), operation.fields.clone());
    Some(Line { cause, fields, one_way: operation.one_way, ..Line::new(subject, change) })
}

fn replica(operation: &Operation) -> Option<(String, Change)> {
    let change = match &operation.action {
        Action::CreateContainer { replaces: Some(_), .. } => Change::Replace,
        Action::CreateContainer { .. } => Change::Create,
        Action::StartContainer { .. } | Action::UnpauseContainer { .. } => Change::Start,
        Action::StopContainer { .. } => Change::Stop,
        Action::KillContainer { .. } => Change::Kill,
        Action::RemoveContainer { .. } => Change::Remove,
        Action::RenameContainer { .. } => Change::Rename,
        // Whether it is ready can only be asked, by the run itself.
        Action::Await { .. } if operation.cause.is_empty() => Change::Unchanged,
        Action::Await { .. } => Change::Await,
        _ => return None,
    };
    let replica = operation.action.replica()?;
    let subject = match replica.number {
        0 | 1 => replica.service.clone(),
        number => format!("{} {number}", replica.service),
    };
    Some((subject, change))
}

/// What two operations on one replica amount to.
fn combine(one: Change, other: Change) -> Change {
    match (one, other) {
        (Change::Stop, Change::Start) => Change::Restart,
        // The start, stop and removal that belong to a creation or a replacement.
        (Change::Create, _) | (_, Change::Create) => Change::Create,
        (one, other) => one.max(other),
    }
}

impl Explanation {
    /// How many lines change something, and how many of each kind: «2 to create, 1 to replace, 3 unchanged».
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for change in [
            Change::Create,
            Change::Replace,
            Change::Restart,
            Change::Start,
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
