//! What failures among the containers of a service mean (`update_config`), which there were, and which containers a paused
//! update leaves as they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::action::{Action, Replica};
use crate::plan::gate;
use crate::plan::operation::{Operation, Plan};

/// What the services of a plan tolerate, and what of it is used up.
#[derive(Debug)]
pub(crate) struct Tolerance {
    left: BTreeMap<String, gate::Tolerance>,
    forgiven: BTreeSet<Replica>,
    /// The replicas of which a container was touched that runs, or is to run.
    begun: BTreeSet<Replica>,
    paused: BTreeSet<String>,
}

/// What a failure of a container means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The run fails.
    Fails,
    /// It is a warning.
    Warns,
    /// The update of the service ends here, and the rest of the run goes on.
    Pauses,
    /// It was a warning before; there is nothing more to say.
    Known,
}

impl Tolerance {
    pub(crate) fn of(plan: &Plan) -> Tolerance {
        let awaited = plan.operations.iter().filter_map(|operation| match &operation.action {
            Action::Await { replica, tolerance, .. } => Some((replica.service.clone(), *tolerance)),
            _ => None,
        });
        Tolerance {
            left: awaited.collect(),
            forgiven: BTreeSet::new(),
            begun: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// An operation is to begin; false where its replica stays as it was. A container that is only created touches nobody.
    pub(crate) fn begins(&mut self, operation: &Operation) -> bool {
        let Some(replica) = operation.action.replica() else { return true };
        if self.leaves_out(replica) {
            return false;
        }
        if !matches!(operation.action, Action::CreateContainer { .. }) {
            self.begun.insert(replica.clone());
        }
        true
    }

    /// Whether a paused update leaves this replica as it was.
    pub(crate) fn leaves_out(&self, replica: &Replica) -> bool {
        self.paused.contains(&replica.service) && !self.begun.contains(replica)
    }

    /// Judges a container's failure; each container counts once.
    pub(crate) fn judge(&mut self, replica: &Replica) -> Verdict {
        if self.forgiven.contains(replica) {
            return Verdict::Known;
        }
        let Some(left) = self.left.get_mut(&replica.service) else { return Verdict::Fails };
        let verdict = if left.failures > 0 {
            left.failures -= 1;
            Verdict::Warns
        } else if !left.pauses {
            return Verdict::Fails;
        } else if self.paused.insert(replica.service.clone()) {
            Verdict::Pauses
        } else {
            Verdict::Warns
        };
        self.forgiven.insert(replica.clone());
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::ContainerRef;
    use crate::plan::operation::{Group, OpId};

    fn replica(service: &str, number: u32) -> Replica {
        Replica { service: service.into(), number }
    }

    fn tolerance(failures: u32, pauses: bool) -> Tolerance {
        let left = [("web".to_string(), gate::Tolerance { failures, pauses })].into();
        let (forgiven, begun, paused) = Default::default();
        Tolerance { left, forgiven, begun, paused }
    }

    fn start(number: u32) -> Operation {
        let container = ContainerRef::Created(OpId(1));
        Operation {
            id: OpId(2),
            needs: vec![],
            group: Group::Service("web".into()),
            action: Action::StartContainer { replica: replica("web", number), container },
            cause: String::new(),
            fields: vec![],
            disruptive: false,
            one_way: false,
            undo: None,
        }
    }

    #[test]
    fn a_container_counts_once_and_the_share_is_the_services() {
        let mut tolerance = tolerance(1, false);
        assert_eq!(tolerance.judge(&replica("web", 2)), Verdict::Warns);
        assert_eq!(tolerance.judge(&replica("web", 2)), Verdict::Known);
        assert_eq!(tolerance.judge(&replica("web", 1)), Verdict::Fails);
        assert_eq!(tolerance.judge(&replica("db", 1)), Verdict::Fails);
    }

    #[test]
    fn a_pause_leaves_out_what_was_not_begun_and_lets_the_rest_end() {
        let mut tolerance = tolerance(0, true);
        assert!(tolerance.begins(&start(1)) && tolerance.begins(&start(2)));
        assert_eq!(tolerance.judge(&replica("web", 1)), Verdict::Pauses);
        assert!(tolerance.begins(&start(2)) && !tolerance.begins(&start(3)));
        assert_eq!(tolerance.judge(&replica("web", 2)), Verdict::Warns);
        assert!(!tolerance.leaves_out(&replica("db", 1)));
    }
}
