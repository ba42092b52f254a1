//! The order of an undo: everything is undone dependants first, then stopped containers start again dependencies first.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::operation::{Group, OpId, Operation, Plan, Undo};

/// One step of an undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// An operation is undone. For an operation that stopped a container, this is only the moment from which it may start again.
    TakeBack(OpId),
    /// What an operation stopped is started again.
    Restore(OpId),
}

impl Step {
    /// The operation that the step is about.
    pub(super) fn operation(self) -> OpId {
        match self {
            Step::TakeBack(id) | Step::Restore(id) => id,
        }
    }

    /// Whether the undo of its operation is done in this step.
    pub(super) fn undoes(self, operation: &Operation) -> bool {
        let starts = operation.undo == Some(Undo::Start);
        operation.undo.is_some() && starts == matches!(self, Step::Restore(_))
    }
}

/// The steps that undo what was begun, each with those that must be done before it.
///
/// An operation is undone after everything that needed it. A stopped container starts again after that, after its restart policy
/// is switched on again, and after the old containers of its dependencies run again: else it would start beside the new version
/// of its database, and would be judged by that.
pub(super) fn order(plan: &Plan, begun: &[OpId]) -> BTreeMap<Step, Vec<Step>> {
    let begun: Vec<&Operation> = begun.iter().filter_map(|&id| plan.operation(id)).collect();
    let mut steps: BTreeMap<Step, Vec<Step>> =
        begun.iter().map(|operation| (Step::TakeBack(operation.id), Vec::new())).collect();
    for operation in &begun {
        for &need in &operation.needs {
            if let Some(dependants) = steps.get_mut(&Step::TakeBack(need)) {
                dependants.push(Step::TakeBack(operation.id));
            }
        }
    }
    let stopped: Vec<&Operation> =
        begun.iter().copied().filter(|operation| operation.undo == Some(Undo::Start)).collect();
    let before = begins_after(plan, stopped.iter().map(|operation| &operation.group).collect());
    for operation in &stopped {
        let policies =
            operation.needs.iter().copied().filter(|&need| {
                plan.operation(need).is_some_and(|need| need.undo == Some(Undo::EnableRestart))
            });
        let needed = before.get(&operation.group);
        let dependencies =
            stopped.iter().filter(|other| needed.is_some_and(|needed| needed.contains(&other.group)));
        let needs = [Step::TakeBack(operation.id)]
            .into_iter()
            .chain(policies.map(Step::TakeBack))
            .chain(dependencies.map(|other| Step::Restore(other.id)));
        steps.insert(Step::Restore(operation.id), needs.collect());
    }
    steps
}

/// For each of these groups, the other groups that started something before its own first start. Only the starts show what
/// depends on what: with replacements containers are stopped dependencies first, and with a replaced network dependants first.
/// The first start of a group comes after the first starts of the groups that it needs, so there is no circle.
fn begins_after<'a>(plan: &'a Plan, groups: BTreeSet<&'a Group>) -> BTreeMap<&'a Group, BTreeSet<&'a Group>> {
    let starts = |operation: &Operation| operation.undo == Some(Undo::Stop);
    let after = |group: &'a Group| {
        let first = plan.operations.iter().find(|operation| starts(operation) && operation.group == *group);
        let mut open: Vec<OpId> = first.iter().flat_map(|first| first.needs.iter().copied()).collect();
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        while let Some(operation) = open.pop().and_then(|id| plan.operation(id)) {
            if !seen.insert(operation.id) {
                continue;
            }
            if starts(operation) && operation.group != *group {
                found.insert(&operation.group);
            }
            open.extend(operation.needs.iter().copied());
        }
        (group, found)
    };
    groups.into_iter().map(after).collect()
}

#[cfg(test)]
mod tests {
    use super::super::frontier::Frontier;
    use super::*;
    use crate::plan::action::Action;

    /// A plan of operations: group, needs, undo.
    fn plan(operations: &[(&str, &[usize], Option<Undo>)]) -> Plan {
        let operation = |(index, (group, needs, undo)): (usize, &(&str, &[usize], Option<Undo>))| Operation {
            id: OpId(index + 1),
            needs: needs.iter().map(|&id| OpId(id)).collect(),
            group: Group::Service((*group).into()),
            action: Action::CreateVolume { key: index.to_string(), name: index.to_string() },
            cause: Default::default(),
            disruptive: false,
            one_way: false,
            undo: *undo,
        };
        Plan {
            project: "p".into(),
            images: vec![],
            operations: operations.iter().enumerate().map(operation).collect(),
            barrier: None,
            on_failure: crate::plan::operation::OnFailure::Undo,
            unchanged: vec![],
            notes: vec![],
        }
    }

    /// The undos in the order in which they are done one after the other.
    fn undone(plan: &Plan) -> Vec<usize> {
        let begun: Vec<OpId> = plan.operations.iter().map(|operation| operation.id).collect();
        let mut frontier = Frontier::new(&order(plan, &begun));
        let mut undone = Vec::new();
        while let Some(step) = frontier.pop() {
            if plan.operation(step.operation()).is_some_and(|operation| step.undoes(operation)) {
                undone.push(step.operation().0);
            }
            frontier.done(step);
        }
        assert_eq!(frontier.left(), []);
        undone
    }

    #[test]
    fn a_replaced_container_starts_again_after_its_dependencies() {
        let plan = plan(&[
            ("db", &[], Some(Undo::EnableRestart)),
            ("db", &[1], Some(Undo::Start)),
            ("db", &[2], Some(Undo::Stop)),
            ("web", &[3], Some(Undo::EnableRestart)),
            ("web", &[4], Some(Undo::Start)),
            ("web", &[5], Some(Undo::Stop)),
        ]);
        assert_eq!(undone(&plan), [6, 4, 3, 1, 2, 5]);
    }

    #[test]
    fn a_container_stopped_for_its_network_starts_again_after_its_dependencies() {
        // The dependant is stopped first; neither has been started again.
        let plan = plan(&[
            ("web", &[], Some(Undo::Start)),
            ("db", &[1], Some(Undo::Start)),
            ("net", &[1, 2], Some(Undo::Recreate)),
            ("db", &[3], Some(Undo::Stop)),
            ("web", &[4], Some(Undo::Stop)),
        ]);
        let begun = [OpId(1), OpId(2), OpId(3)];
        assert_eq!(
            order(&plan, &begun)[&Step::Restore(OpId(1))],
            [Step::TakeBack(OpId(1)), Step::Restore(OpId(2))]
        );
        assert_eq!(undone(&plan), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn replicas_of_one_service_run_again_at_once() {
        let plan = plan(&[
            ("web", &[], Some(Undo::Start)),
            ("web", &[1], Some(Undo::Stop)),
            ("web", &[2], Some(Undo::Start)),
            ("web", &[3], Some(Undo::Stop)),
        ]);
        let begun: Vec<OpId> = (1..=4).map(OpId).collect();
        let order = order(&plan, &begun);
        assert_eq!(order[&Step::Restore(OpId(3))], [Step::TakeBack(OpId(3))]);
        assert_eq!(order[&Step::Restore(OpId(1))], [Step::TakeBack(OpId(1))]);
    }
}
