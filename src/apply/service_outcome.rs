//! How each service ended in a run that failed or was interrupted.

use std::collections::{BTreeMap, BTreeSet};

use super::executor::{End, Report};
use crate::plan::operation::{Group, OpId, Operation, Plan};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ServiceOutcome {
    Undone,
    NotUndone,
    Begun,
    NotBegun,
}

impl ServiceOutcome {
    fn words(self) -> &'static str {
        match self {
            ServiceOutcome::Undone => "undone",
            ServiceOutcome::NotUndone => "not undone",
            ServiceOutcome::Begun => "left as they are",
            ServiceOutcome::NotBegun => "not started",
        }
    }
}

/// Every service that the plan changes, by its outcome, in one line. `None` where the plan changes no service, or where other lines
/// say what is left.
pub(super) fn services<E>(plan: &Plan, report: &Report<E>) -> Option<String> {
    if matches!(report.end, End::Done | End::Paused | End::Unsettled) {
        return None;
    }
    let mut services: BTreeMap<ServiceOutcome, Vec<&str>> = BTreeMap::new();
    for (service, operations) in changes(plan) {
        services.entry(outcome(&operations, report)).or_default().push(service);
    }
    let parts: Vec<String> = services
        .iter()
        .map(|(outcome, names)| format!("{}: {}", outcome.words(), names.join(", ")))
        .collect();
    (!parts.is_empty()).then(|| format!("{}: {}", plan.project, parts.join("; ")))
}

/// The operations that change something, by service, in the order of the plan.
fn changes(plan: &Plan) -> Vec<(&str, Vec<&Operation>)> {
    let mut services: Vec<(&str, Vec<&Operation>)> = Vec::new();
    for operation in plan.operations.iter().filter(|operation| operation.action.changes()) {
        let Group::Service(name) = &operation.group else { continue };
        match services.iter_mut().find(|(known, _)| known == name) {
            Some((_, operations)) => operations.push(operation),
            None => services.push((name, vec![operation])),
        }
    }
    services
}

fn outcome<E>(operations: &[&Operation], report: &Report<E>) -> ServiceOutcome {
    let among =
        |ids: &BTreeSet<OpId>| operations.iter().filter(|operation| ids.contains(&operation.id)).count();
    let skipped = report.skipped.iter().copied().collect();
    let failed = report.undo_failures.iter().map(|(id, _)| *id).collect();
    match report.end {
        _ if among(&skipped) == operations.len() => ServiceOutcome::NotBegun,
        End::Undone => ServiceOutcome::Undone,
        End::UndoIncomplete if among(&failed) == 0 => ServiceOutcome::Undone,
        End::UndoIncomplete => ServiceOutcome::NotUndone,
        _ => ServiceOutcome::Begun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::{Action, ContainerRef, Replica};
    use crate::plan::observed::ContainerId;
    use crate::plan::operation::OnFailure;

    /// A stop of a container of each of these services.
    fn plan(services: &[&str]) -> Plan {
        let operation = |(index, service): (usize, &&str)| Operation {
            id: OpId(index + 1),
            needs: vec![],
            group: Group::Service((*service).to_owned()),
            action: Action::StopContainer {
                replica: Replica { service: (*service).to_owned(), number: 1 },
                container: ContainerRef::Existing {
                    id: ContainerId("1".repeat(64)),
                    name: format!("p-{service}-1"),
                },
                grace: None,
            },
            cause: Default::default(),
            disruptive: true,
            one_way: false,
            undo: None,
        };
        Plan {
            project: "p".into(),
            images: Vec::new(),
            operations: services.iter().enumerate().map(operation).collect(),
            barrier: None,
            on_failure: OnFailure::Undo,
            unchanged: vec![],
            notes: vec![],
        }
    }

    #[test]
    fn every_service_is_listed_once_by_its_outcome() {
        let plan = plan(&["a", "b", "a", "c"]);
        let listed = |end, undo_failures, skipped: &[usize]| {
            let skipped = skipped.iter().map(|id| OpId(*id)).collect();
            let report = Report { end, interrupted: true, failures: vec![], undo_failures, skipped };
            services(&plan, &report)
        };
        assert_eq!(listed(End::Done, vec![], &[]), None);
        assert_eq!(listed(End::Undone, vec![], &[3, 4]).unwrap(), "p: undone: a, b; not started: c");
        assert_eq!(
            listed(End::UndoIncomplete, vec![(OpId(3), ())], &[]).unwrap(),
            "p: undone: b, c; not undone: a"
        );
        assert_eq!(listed(End::Aborted, vec![], &[4]).unwrap(), "p: left as they are: a, b; not started: c");
    }
}
