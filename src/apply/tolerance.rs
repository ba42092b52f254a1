//! What a failure of one container means for the run (`update_config`), and which replicas a paused update leaves as they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::action::Replica;
use crate::plan::gate;
use crate::plan::kind::Change;
use crate::plan::operation::{Operation, Plan};

/// The failures that the services of a plan still tolerate.
#[derive(Debug)]
pub(super) struct Tolerance {
    left: BTreeMap<String, gate::Tolerance>,
    tolerated: BTreeSet<Replica>,
    /// The replicas of which more was done than to create a container.
    begun: BTreeSet<Replica>,
    paused: BTreeSet<String>,
}

/// What a failure of a container means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FailureEffect {
    /// The run fails.
    Fails,
    /// It is a warning.
    Warns,
    /// The update of the service ends here, and the rest of the run continues.
    Pauses,
    /// It was already reported as a warning.
    Known,
}

impl Tolerance {
    pub(super) fn of(plan: &Plan) -> Tolerance {
        let awaited = plan.operations.iter().filter_map(|operation| operation.action.tolerance());
        Tolerance {
            left: awaited.map(|(replica, tolerance)| (replica.service.clone(), tolerance)).collect(),
            tolerated: BTreeSet::new(),
            begun: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// Whether an operation may begin; false where a paused update leaves its replica as it was. The creation of a container
    /// alone does not change the replica.
    pub(super) fn begins(&mut self, operation: &Operation) -> bool {
        let Some(replica) = operation.action.replica() else { return true };
        if self.leaves_out(replica) {
            return false;
        }
        if operation.action.change() != Some(Change::Create) {
            self.begun.insert(replica.clone());
        }
        true
    }

    /// Whether a paused update leaves this replica as it was.
    pub(super) fn leaves_out(&self, replica: &Replica) -> bool {
        self.paused.contains(&replica.service) && !self.begun.contains(replica)
    }

    /// Judges a container's failure. Each container counts once.
    pub(super) fn judge(&mut self, replica: &Replica) -> FailureEffect {
        if self.tolerated.contains(replica) {
            return FailureEffect::Known;
        }
        let Some(left) = self.left.get_mut(&replica.service) else { return FailureEffect::Fails };
        let effect = if left.failures > 0 {
            left.failures -= 1;
            FailureEffect::Warns
        } else if !left.pauses {
            return FailureEffect::Fails;
        } else if self.paused.insert(replica.service.clone()) {
            FailureEffect::Pauses
        } else {
            FailureEffect::Warns
        };
        self.tolerated.insert(replica.clone());
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::{Action, ContainerRef};
    use crate::plan::operation::{Group, OpId};

    fn replica(service: &str, number: u32) -> Replica {
        Replica { service: service.into(), number }
    }

    fn tolerance(failures: u32, pauses: bool) -> Tolerance {
        let left = [("web".to_string(), gate::Tolerance { failures, pauses })].into();
        let (tolerated, begun, paused) = Default::default();
        Tolerance { left, tolerated, begun, paused }
    }

    fn start(number: u32) -> Operation {
        let container = ContainerRef::Created(OpId(1));
        Operation {
            id: OpId(2),
            needs: vec![],
            group: Group::Service("web".into()),
            action: Action::StartContainer { replica: replica("web", number), container },
            cause: Default::default(),
            disruptive: false,
            one_way: false,
            undo: None,
        }
    }

    #[test]
    fn a_container_counts_once_and_the_limit_is_the_services() {
        let mut tolerance = tolerance(1, false);
        assert_eq!(tolerance.judge(&replica("web", 2)), FailureEffect::Warns);
        assert_eq!(tolerance.judge(&replica("web", 2)), FailureEffect::Known);
        assert_eq!(tolerance.judge(&replica("web", 1)), FailureEffect::Fails);
        assert_eq!(tolerance.judge(&replica("db", 1)), FailureEffect::Fails);
    }

    #[test]
    fn a_pause_leaves_out_replicas_that_were_not_begun() {
        let mut tolerance = tolerance(0, true);
        assert!(tolerance.begins(&start(1)) && tolerance.begins(&start(2)));
        assert_eq!(tolerance.judge(&replica("web", 1)), FailureEffect::Pauses);
        assert!(tolerance.begins(&start(2)) && !tolerance.begins(&start(3)));
        assert_eq!(tolerance.judge(&replica("web", 2)), FailureEffect::Warns);
        assert!(!tolerance.leaves_out(&replica("db", 1)));
    }
}
