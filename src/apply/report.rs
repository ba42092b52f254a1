//! How a run ended, in words: one line where it went well, a failure with its exit code where it did not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::executor::{End, Report};
use super::service_outcome;
use crate::docker::failure::{OperationError, Reason};
use crate::error::{Failure, Kind};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::Gate;
use crate::plan::operation::{OnFailure, OpId, Operation, Plan};
use crate::state::head::Outcome;
use crate::util::elapsed;

/// What to type where something of a run is left.
pub const UNDO: &str = "`sofa undo` goes back to the last release; the same command goes on with this one";

/// Tells how a run ended.
///
/// # Errors
/// Everything but [`End::Done`]: what failed, what happened to what was done, what to type next.
pub fn conclude(plan: &Plan, report: &Report<OperationError>, elapsed: Duration) -> Result<String, Failure> {
    if report.end == End::Done {
        return Ok(summary(plan, elapsed));
    }
    let mut lines = Vec::new();
    if report.end != End::Unsettled {
        lines.extend(report.failures.iter().map(|(id, error)| told(plan, *id, error)));
    }
    if report.interrupted {
        lines.push(format!("{}: interrupted", plan.project));
    }
    lines.push(aftermath(plan, report));
    lines.extend(service_outcome::services(plan, report));
    lines.extend(kept_volumes(plan, report));
    lines.extend(left(plan, report).into_iter().map(|text| format!("left: {text}")));
    let mut failure = Failure::all(kind(report), lines);
    for hint in hints(plan, report) {
        failure = failure.hint(hint);
    }
    Err(failure)
}

/// How a run ended, for its record.
pub fn outcome(report: &Report<OperationError>) -> Outcome {
    match report.end {
        End::Done => Outcome::Settled,
        End::Undone => Outcome::Undone,
        End::UndoIncomplete => Outcome::UndoIncomplete,
        End::Failed | End::Unsettled | End::Paused => Outcome::Kept,
        End::Aborted => Outcome::Interrupted,
    }
}

/// The whole logs of the containers that failed, and what else failed, for its record.
pub fn logs(plan: &Plan, report: &Report<OperationError>) -> String {
    let mut text = String::new();
    for (id, error) in report.failures.iter().chain(&report.undo_failures) {
        text += &told(plan, *id, error);
        text.push('\n');
        if let OperationError::Gate(failure) = error {
            text += &format!("log of `{}`:\n{}\n", failure.container, failure.log.join("\n"));
        }
    }
    text
}

/// The exit code of a run that did not end well.
fn kind(report: &Report<OperationError>) -> Kind {
    let not_ready = report.failures.iter().any(|(_, error)| matches!(error, OperationError::Gate(_)));
    match report.end {
        End::UndoIncomplete | End::Unsettled => Kind::Incomplete,
        _ if report.interrupted => Kind::Interrupted,
        End::Undone => Kind::NotReady,
        _ if not_ready => Kind::NotReady,
        _ if report.failures.iter().any(|(_, error)| error.is_unanswered()) => Kind::Unreachable,
        _ => Kind::Failed,
    }
}

/// One failed operation: gates tell everything themselves, other errors need to know what was tried.
fn told(plan: &Plan, id: OpId, error: &OperationError) -> String {
    match (error, plan.operation(id)) {
        (OperationError::Gate(failure), _) => failure.to_string(),
        (OperationError::Hook(failure), _) => failure.to_string(),
        (OperationError::Engine(lost), Some(operation))
            if lost.is_not_found() && operation.action.container().is_some() =>
        {
            format!(
                "{}: {}: the container is gone; somebody else removed it (`docker container prune`?)",
                operation.group,
                spoken(plan, &operation.action)
            )
        }
        (error, Some(operation)) => format!("{}: {error}", step(plan, operation)),
        (error, None) => error.to_string(),
    }
}

/// One operation, as a service's or as the project's.
fn step(plan: &Plan, operation: &Operation) -> String {
    let action = spoken(plan, &operation.action);
    match operation.action.replica() {
        Some(replica) => format!("service `{}`: {action}", replica.service),
        None => action,
    }
}

/// An action in words that hold without the plan: what the run created has the name that it was created under.
fn spoken(plan: &Plan, action: &Action) -> String {
    let text = action.to_string();
    let Some(container @ ContainerRef::Created(op)) = action.container() else {
        return text;
    };
    match plan.operation(*op).map(|operation| &operation.action) {
        Some(Action::CreateContainer { name, .. }) => text.replace(&container.to_string(), name),
        _ => text,
    }
}

/// What is neither as before the run nor as it wanted it: what could not be taken back, or not be cleared away.
fn left(plan: &Plan, report: &Report<OperationError>) -> Vec<String> {
    let failures = match report.end {
        End::UndoIncomplete => &report.undo_failures,
        End::Unsettled => &report.failures,
        _ => return Vec::new(),
    };
    let mut left: Vec<String> = failures.iter().map(|(id, error)| told(plan, *id, error)).collect();
    if report.end == End::Unsettled {
        let skipped = report.skipped.iter().filter_map(|id| plan.operation(*id));
        left.extend(skipped.map(|operation| format!("{}: not begun", step(plan, operation))));
    }
    left
}

/// What became of what was done before the failure.
fn aftermath(plan: &Plan, report: &Report<OperationError>) -> String {
    let project = &plan.project;
    match report.end {
        _ if plan.changes_nothing() => format!("{project}: nothing was changed"),
        End::Undone if replaced(plan) > 0 => format!("{project}: undone; what ran before runs again"),
        End::Undone => format!("{project}: undone; no container of this run is left"),
        End::UndoIncomplete => format!("{project}: the undo could not finish"),
        End::Unsettled => {
            format!("{project}: what is new runs; what it replaced could not all be cleared away")
        }
        End::Aborted => format!("{project}: stopped at once; what was begun is left as it is"),
        End::Paused => format!(
            "{project}: update of {} paused; what was not begun of it is as before, everything else is done",
            paused(plan, report)
        ),
        _ => format!("{project}: stopped; what was done before is kept"),
    }
}

/// The volumes that an undone run created: no undo removes one, since something may have been written into it.
fn kept_volumes(plan: &Plan, report: &Report<OperationError>) -> Vec<String> {
    if !matches!(report.end, End::Undone | End::UndoIncomplete) {
        return Vec::new();
    }
    let begun = plan.operations.iter().filter(|operation| !report.skipped.contains(&operation.id));
    begun
        .filter_map(|operation| match &operation.action {
            Action::CreateVolume { name, .. } => {
                Some(format!("volume `{name}` stays: an undo removes no volume"))
            }
            _ => None,
        })
        .collect()
}

/// The services whose updates are paused.
fn paused(plan: &Plan, report: &Report<OperationError>) -> String {
    let service = |(id, error): &(OpId, OperationError)| match error {
        // One that fails in the last watch fails for its service, not for the project.
        OperationError::Gate(failure) => Some(failure.service.clone()),
        _ => Some(plan.operation(*id)?.group.to_string()),
    };
    let services: BTreeSet<String> = report.failures.iter().filter_map(service).collect();
    services.into_iter().collect::<Vec<_>>().join(", ")
}

fn hints(plan: &Plan, report: &Report<OperationError>) -> BTreeSet<String> {
    let mut hints = BTreeSet::new();
    for (_, error) in &report.failures {
        let OperationError::Gate(failure) = error else {
            continue;
        };
        let service = &failure.service;
        match (&failure.reason, &failure.gate) {
            (Reason::Exited { code: 0, .. }, Gate::Running) => {
                hints.insert(format!("if `{service}` is meant to end, say so: `x-sofa: {{role: job}}`"));
            }
            (Reason::Deadline(_), _) => {
                hints.insert("`--wait-timeout` gives it more time".into());
            }
            _ => {}
        }
        if report.end == End::Undone && !plan.changes_nothing() {
            hints.insert("`sofa deploy --no-undo` leaves the containers to look at".into());
        } else if matches!(report.end, End::Failed | End::Unsettled | End::Paused) {
            hints.insert(format!("`sofa logs {service}` shows all of its output"));
        }
    }
    if report.end == End::Paused {
        hints.insert("`sofa deploy` goes on with the rest, `sofa undo` goes back to the last release".into());
    }
    if report.failures.iter().chain(&report.undo_failures).any(|(_, error)| error.is_unanswered()) {
        hints.insert("once the engine answers again, the same command goes on from what it finds".into());
    }
    if report.failures.iter().any(|(_, error)| error.is_late()) {
        hints.insert("`--engine-timeout` gives the engine more time".into());
    }
    if report.failures.iter().any(|(_, error)| error.to_string().contains("no space left on device")) {
        hints.insert("`docker system df` shows what takes the engine's disk".into());
    }
    if report.end == End::Unsettled {
        hints.insert("the same command clears it away".into());
    }
    let left = matches!(report.end, End::UndoIncomplete | End::Aborted);
    if left && plan.on_failure == OnFailure::Undo && !plan.changes_nothing() {
        hints.insert(UNDO.into());
    }
    if report.end == End::UndoIncomplete {
        hints.insert(format!(
            "look at it: docker ps -a --filter label=com.docker.compose.project={}",
            plan.project
        ));
    }
    hints
}

/// What was done, in one line.
pub fn summary(plan: &Plan, elapsed: Duration) -> String {
    let count = |fits: fn(&Action) -> bool| plan.operations.iter().filter(|op| fits(&op.action)).count();
    let replaced = replaced(plan);
    let created = count(|action| matches!(action, Action::CreateContainer { .. })) - replaced;
    let restarted = restarted(plan);
    let started = count(|action| matches!(action, Action::StartContainer { .. }))
        .saturating_sub(created + replaced + restarted);
    let removed = count(|action| matches!(action, Action::RemoveContainer { .. })).saturating_sub(replaced);
    let stopped = count(|action| matches!(action, Action::StopContainer { .. }))
        .saturating_sub(removed + replaced + restarted);
    let mut parts = Vec::new();
    for (number, what) in [
        (created, "created"),
        (replaced, "replaced"),
        (restarted, "restarted"),
        (started, "started"),
        (stopped, "stopped"),
        (count(|action| matches!(action, Action::KillContainer { .. })), "killed"),
        (removed, "removed"),
        (plan.unchanged.len() + only_awaited(plan), "unchanged"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let renewed = renewed_networks(plan);
    for (name, number, what) in [
        ("network", renewed, "replaced"),
        ("network", count(|action| matches!(action, Action::RemoveNetwork { .. })) - renewed, "removed"),
        ("volume", count(|action| matches!(action, Action::RemoveVolume { .. })), "removed"),
        ("image", count(|action| matches!(action, Action::RemoveImage { .. })), "removed"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {name}{} {what}", if number == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() {
        parts.push("ready".into());
    }
    format!("{}: {} in {}", plan.project, parts.join(", "), elapsed::elapsed(elapsed))
}

/// How many networks are removed and created under their names.
fn renewed_networks(plan: &Plan) -> usize {
    let created = |wanted: &str| {
        plan.operations
            .iter()
            .any(|op| matches!(&op.action, Action::CreateNetwork { name, .. } if name == wanted))
    };
    plan.operations
        .iter()
        .filter(|op| matches!(&op.action, Action::RemoveNetwork { name, .. } if created(name)))
        .count()
}

/// How many containers take the place of another.
fn replaced(plan: &Plan) -> usize {
    plan.operations
        .iter()
        .filter(|op| matches!(op.action, Action::CreateContainer { replaces: Some(_), .. }))
        .count()
}

/// How many containers are stopped and started again.
fn restarted(plan: &Plan) -> usize {
    let stopped: Vec<_> = plan
        .operations
        .iter()
        .filter(|op| matches!(op.action, Action::StopContainer { .. }))
        .filter_map(|op| op.action.container())
        .collect();
    plan.operations
        .iter()
        .filter(|op| matches!(op.action, Action::StartContainer { .. }))
        .filter(|op| op.action.container().is_some_and(|found| stopped.contains(&found)))
        .count()
}

/// How many containers are only waited for.
fn only_awaited(plan: &Plan) -> usize {
    let replicas = |fits: fn(&Action) -> bool| -> BTreeSet<&Replica> {
        plan.operations.iter().filter(|op| fits(&op.action)).filter_map(|op| op.action.replica()).collect()
    };
    let changed = replicas(Action::changes);
    replicas(|action| matches!(action, Action::Await { .. })).difference(&changed).count()
}
