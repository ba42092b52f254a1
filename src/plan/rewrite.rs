//! A pass over a draft plan: it adds operations before and after those that are there.

use std::collections::BTreeMap;

use super::action::{Action, ContainerRef, OpId};
use super::operation::{Operation, Plan};

/// One concern that adds operations to every plan, whichever verb makes it.
pub(super) trait Pass {
    /// Adds operations that need no others.
    fn begin(&mut self, rewrite: &mut Rewrite);

    /// Adds what must be done before an operation. Returns what it needs of that. `place` is where the operation stands.
    fn before(&mut self, rewrite: &mut Rewrite, operation: &Operation, place: Place) -> Vec<OpId>;

    /// Adds what must be done after an operation before others continue. Returns the last of it.
    fn after(&mut self, rewrite: &mut Rewrite, operation: &Operation) -> Option<OpId>;

    /// What the operator should know.
    fn notes(&self) -> Vec<String>;
}

/// Where an operation stands in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It can be undone, or the plan has no barrier.
    Before,
    Barrier,
    /// Behind the barrier.
    Settles,
}

/// The plan that a pass makes.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    operations: Vec<Operation>,
    renumbered: BTreeMap<OpId, Renumbered>,
}

/// The numbers of an operation in the new plan.
#[derive(Debug, Clone, Copy)]
struct Renumbered {
    own: OpId,
    /// The last operation that was added after it: those that need it wait for this one.
    last: OpId,
}

/// Runs one pass over a plan.
pub(super) fn rewrite(plan: Plan, mut pass: impl Pass) -> Plan {
    let mut rewrite = Rewrite::default();
    pass.begin(&mut rewrite);
    for mut operation in plan.operations {
        let old = operation.id;
        let place = match plan.barrier {
            Some(barrier) if old > barrier => Place::Settles,
            Some(barrier) if old == barrier => Place::Barrier,
            _ => Place::Before,
        };
        let needs = operation.needs.iter();
        operation.needs = needs.filter_map(|need| Some(rewrite.renumbered.get(need)?.last)).collect();
        rewrite.renumber(&mut operation.action);
        let before = pass.before(&mut rewrite, &operation, place);
        operation.needs.extend(before);
        operation.id = rewrite.add(operation.clone());
        let own = operation.id;
        let last = pass.after(&mut rewrite, &operation).unwrap_or(own);
        rewrite.renumbered.insert(old, Renumbered { own, last });
    }
    let mut notes = plan.notes;
    notes.extend(pass.notes());
    let barrier = plan.barrier.and_then(|barrier| Some(rewrite.renumbered.get(&barrier)?.own));
    Plan { operations: rewrite.operations, barrier, notes, ..plan }
}

impl Rewrite {
    /// Adds an operation and returns its number.
    pub(super) fn add(&mut self, mut operation: Operation) -> OpId {
        operation.id = OpId(self.operations.len() + 1);
        operation.needs.sort_unstable();
        operation.needs.dedup();
        let id = operation.id;
        self.operations.push(operation);
        id
    }

    /// An operation may name another one, such as the creation of its container. Gives it the new number.
    fn renumber(&self, action: &mut Action) {
        if let Action::ConnectContainer { as_before, .. } = action
            && let Some(found) = self.renumbered.get(as_before)
        {
            *as_before = found.own;
        }
        action.for_each_container(|container| {
            if let ContainerRef::Created(creation) = container
                && let Some(found) = self.renumbered.get(creation)
            {
                *creation = found.own;
            }
        });
    }
}
