//! The report of a run: one line after success, else a failure with its exit code, causes and hints.

use std::collections::BTreeSet;
use std::time::Duration;

use super::executor::{End, Report};
use super::failure::{Attempt, FailedLog, TargetError};
use super::service_outcome;
use crate::error::{Failure, Kind};
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::Gate;
use crate::plan::kind::Wait;
use crate::plan::operation::{OnFailure, OpId, Operation, Plan};
use crate::util::elapsed;

/// The hint after a run that left something behind.
pub const UNDO: &str =
    "`sofa undo` restores the last release; run the same command again to continue with this one";

/// The summary of a run; `run` is its number, where it has a record.
///
/// # Errors
/// Every end except [`End::Done`]: what failed, what was undone or left, what to type next.
pub fn conclude<E: TargetError>(
    plan: &Plan,
    report: &Report<E>,
    elapsed: Duration,
    run: Option<u64>,
) -> Result<String, Failure> {
    if report.end == End::Done {
        return Ok(summary(plan, elapsed));
    }
    let mut lines = Vec::new();
    if report.end != End::Unsettled {
        lines.extend(report.failures.iter().map(|(id, error)| explained(plan, *id, error)));
    }
    if report.interrupted {
        lines.push(format!("{}: interrupted", plan.project));
    }
    lines.push(aftermath(plan, report));
    lines.extend(service_outcome::services(plan, report));
    lines.extend(kept_volumes(plan, report));
    lines.extend(jobs_that_ran(plan, report));
    lines.extend(left(plan, report).into_iter().map(|text| format!("left: {text}")));
    let mut failure = Failure::all(kind(report), lines);
    for hint in hints(plan, report, run) {
        failure = failure.hint(hint);
    }
    Err(failure)
}

/// All failures, for the run's record.
pub fn failures<E: TargetError>(plan: &Plan, report: &Report<E>) -> String {
    all(report).map(|(id, error)| explained(plan, *id, error) + "\n").collect()
}

/// The whole logs of the containers that failed, for the run's record.
pub fn logs<E: TargetError>(report: &Report<E>) -> Vec<FailedLog> {
    all(report).filter_map(|(_, error)| error.log()).collect()
}

fn all<E>(report: &Report<E>) -> impl Iterator<Item = &(OpId, E)> {
    report.failures.iter().chain(&report.undo_failures)
}

/// The exit code of a failed run.
fn kind<E: TargetError>(report: &Report<E>) -> Kind {
    let not_ready = report.failures.iter().any(|(_, error)| error.unready_service().is_some());
    match report.end {
        End::UndoIncomplete | End::Unsettled => Kind::Incomplete,
        _ if report.interrupted => Kind::Interrupted,
        End::Undone => Kind::NotReady,
        _ if not_ready => Kind::NotReady,
        _ if report.failures.iter().any(|(_, error)| error.retry().is_unanswered()) => Kind::Unreachable,
        _ => Kind::Failed,
    }
}

/// One failed operation.
fn explained<E: TargetError>(plan: &Plan, id: OpId, error: &E) -> String {
    match plan.operation(id) {
        Some(operation) => error.explain(&attempt(plan, operation)),
        None => error.to_string(),
    }
}

fn attempt(plan: &Plan, operation: &Operation) -> Attempt {
    Attempt {
        group: operation.group.to_string(),
        service: operation.action.replica().map(|replica| replica.service.clone()),
        action: described(plan, &operation.action),
        acts_on_container: operation.action.container().is_some(),
    }
}

/// An action in words that need no plan: a container that the run created has the name under which it was created.
fn described(plan: &Plan, action: &Action) -> String {
    let text = action.to_string();
    let Some(container @ ContainerRef::Created(op)) = action.container() else {
        return text;
    };
    match plan.operation(*op).map(|operation| &operation.action) {
        Some(Action::CreateContainer { name, .. }) => text.replace(&container.to_string(), name),
        _ => text,
    }
}

/// What is neither as before the run nor as planned: what could not be undone, or old resources that could not be removed.
fn left<E: TargetError>(plan: &Plan, report: &Report<E>) -> Vec<String> {
    let failures = match report.end {
        End::UndoIncomplete => &report.undo_failures,
        End::Unsettled => &report.failures,
        _ => return Vec::new(),
    };
    let mut left: Vec<String> = failures.iter().map(|(id, error)| explained(plan, *id, error)).collect();
    if report.end == End::Unsettled {
        let skipped = report.skipped.iter().filter_map(|id| plan.operation(*id));
        left.extend(skipped.map(|operation| format!("{}: not started", attempt(plan, operation))));
    }
    left
}

/// What happened to the operations that were done before the failure.
fn aftermath<E: TargetError>(plan: &Plan, report: &Report<E>) -> String {
    let project = &plan.project;
    match report.end {
        _ if plan.changes_nothing() => format!("{project}: nothing was changed"),
        End::Undone if replaced(plan) > 0 => format!("{project}: undone; the previous containers run again"),
        End::Undone => format!("{project}: undone; no container of this run is left"),
        End::UndoIncomplete => format!("{project}: the undo could not finish"),
        End::Unsettled => {
            format!("{project}: the new release is running, but some old resources could not be removed")
        }
        End::Aborted => format!("{project}: stopped at once; unfinished changes are left as they are"),
        End::Paused => format!(
            "{project}: the update of {} is paused; its other containers are as before, everything else is done",
            paused(plan, report)
        ),
        _ => format!("{project}: stopped; the changes that were made are kept"),
    }
}

/// The volumes that an undone run created. An undo removes no volume, since data may have been written to it.
fn kept_volumes<E>(plan: &Plan, report: &Report<E>) -> Vec<String> {
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

/// The jobs that an undone run began. An undo removes their containers, and cannot know what else they changed.
fn jobs_that_ran<E>(plan: &Plan, report: &Report<E>) -> Vec<String> {
    if !matches!(report.end, End::Undone | End::UndoIncomplete) {
        return Vec::new();
    }
    let begun = plan.operations.iter().filter(|operation| !report.skipped.contains(&operation.id));
    let jobs: BTreeSet<&str> = begun
        .filter(|operation| matches!(operation.action.wait(), Wait::Gate(Gate::Completed)))
        .filter_map(|operation| Some(operation.action.replica()?.service.as_str()))
        .collect();
    jobs.into_iter().map(|job| format!("job `{job}` ran: an undo does not undo what it did")).collect()
}

/// The services whose updates are paused.
fn paused<E: TargetError>(plan: &Plan, report: &Report<E>) -> String {
    let service = |(id, error): &(OpId, E)| match error.unready_service() {
        // The stability window belongs to the project, its failures to services.
        Some(service) => Some(service.to_string()),
        None => Some(plan.operation(*id)?.group.to_string()),
    };
    let services: BTreeSet<String> = report.failures.iter().filter_map(service).collect();
    services.into_iter().collect::<Vec<_>>().join(", ")
}

fn hints<E: TargetError>(plan: &Plan, report: &Report<E>, run: Option<u64>) -> BTreeSet<String> {
    let mut hints = BTreeSet::new();
    for (_, error) in &report.failures {
        hints.extend(error.hints());
        let Some(service) = error.unready_service() else { continue };
        if report.end == End::Undone && !plan.changes_nothing() {
            hints.insert(
                "`sofa deploy --no-undo` keeps the failed containers, so that you can inspect them".into(),
            );
        }
        let stays = matches!(report.end, End::Failed | End::Unsettled | End::Paused);
        match run {
            _ if stays => {
                hints.insert(format!("`sofa logs {service}` shows all of its output"));
            }
            Some(number) if error.log().is_some_and(|log| !log.lines.is_empty()) => {
                hints.insert(format!("`sofa logs --run {number} {service}` shows all of its output"));
            }
            _ => {}
        }
    }
    if report.end == End::Paused {
        hints.insert("`sofa deploy` continues the update, `sofa undo` restores the last release".into());
    }
    if all(report).any(|(_, error)| error.retry().is_unanswered()) {
        hints.insert(
            "run the same command again when the engine answers; it continues from the current state".into(),
        );
    }
    if report.end == End::Unsettled {
        hints.insert("run the same command again to remove them".into());
    }
    let left = matches!(report.end, End::UndoIncomplete | End::Aborted);
    if left && plan.on_failure == OnFailure::Undo && !plan.changes_nothing() {
        hints.insert(UNDO.into());
    }
    if report.end == End::UndoIncomplete {
        hints.insert(format!("inspect it: {}", E::inspection(&plan.project)));
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
        (count(|action| matches!(action, Action::Resume { .. })), "resumed"),
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
