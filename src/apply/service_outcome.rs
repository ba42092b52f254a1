//! What became of each service of a run that did not end well.

use std::collections::{BTreeMap, BTreeSet};

use super::executor::{End, Report};
use crate::docker::failure::OperationError;
use crate::plan::operation::{Group, OpId, Operation, Plan};

/// What became of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    TakenBack,
    NotTakenBack,
    Begun,
    NotBegun,
}

impl Fate {
    fn words(self) -> &'static str {
        match self {
            Fate::TakenBack => "taken back",
            Fate::NotTakenBack => "not taken back",
            Fate::Begun => "begun and left",
            Fate::NotBegun => "not begun",
        }
    }
}

/// Every service that the plan changes, by what became of it, in one line; none where nothing was to be changed, or where what
/// was left out is told otherwise.
pub(super) fn services(plan: &Plan, report: &Report<OperationError>) -> Option<String> {
    if matches!(report.end, End::Done | End::Paused | End::Unsettled) {
        return None;
    }
    let mut services: BTreeMap<Fate, Vec<&str>> = BTreeMap::new();
    for (service, operations) in changes(plan) {
        services.entry(fate(&operations, report)).or_default().push(service);
    }
    let told: Vec<String> =
        services.iter().map(|(fate, names)| format!("{}: {}", fate.words(), names.join(", "))).collect();
    (!told.is_empty()).then(|| format!("{}: {}", plan.project, told.join("; ")))
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

fn fate(operations: &[&Operation], report: &Report<OperationError>) -> Fate {
    let among =
        |ids: &BTreeSet<OpId>| operations.iter().filter(|operation| ids.contains(&operation.id)).count();
    let skipped = report.skipped.iter().copied().collect();
    let broken = report.undo_failures.iter().map(|(id, _)| *id).collect();
    match report.end {
        _ if among(&skipped) == operations.len() => Fate::NotBegun,
        End::Undone => Fate::TakenBack,
        End::UndoIncomplete if among(&broken) == 0 => Fate::TakenBack,
        End::UndoIncomplete => Fate::NotTakenBack,
        _ => Fate::Begun,
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
            cause: String::new(),
            fields: vec![],
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
    fn every_service_is_told_once_by_what_became_of_it() {
        let plan = plan(&["a", "b", "a", "c"]);
        let failure = || OperationError::Impossible("broke".into());
        let told = |end, undo_failures, skipped: &[usize]| {
            let skipped = skipped.iter().map(|id| OpId(*id)).collect();
            let report = Report { end, interrupted: true, failures: vec![], undo_failures, skipped };
            services(&plan, &report)
        };
        assert_eq!(told(End::Done, vec![], &[]), None);
        assert_eq!(told(End::Undone, vec![], &[3, 4]).unwrap(), "p: taken back: a, b; not begun: c");
        assert_eq!(
            told(End::UndoIncomplete, vec![(OpId(3), failure())], &[]).unwrap(),
            "p: taken back: b, c; not taken back: a"
        );
        assert_eq!(told(End::Aborted, vec![], &[4]).unwrap(), "p: begun and left: a, b; not begun: c");
    }
}
