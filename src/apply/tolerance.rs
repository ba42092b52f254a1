//! How many containers of a service may fail without an end of the run (`update_config`), and which already did.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::operation::{Action, Plan, Replica};

/// What is left of the failures that each service may have.
#[derive(Debug)]
pub(super) struct Tolerance {
    left: BTreeMap<String, u32>,
    forgiven: BTreeSet<Replica>,
}

/// What a failure of a container means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The run fails.
    Fails,
    /// It is a warning.
    Warns,
    /// It was a warning before; there is nothing more to say.
    Known,
}

impl Tolerance {
    pub(super) fn of(plan: &Plan) -> Tolerance {
        let awaited = plan.operations.iter().filter_map(|operation| match &operation.action {
            Action::Await { replica, tolerated, .. } => Some((replica.service.clone(), *tolerated)),
            _ => None,
        });
        Tolerance { left: awaited.collect(), forgiven: BTreeSet::new() }
    }

    /// Judges a container's failure; each container counts once.
    pub(super) fn judge(&mut self, replica: &Replica) -> Verdict {
        if self.forgiven.contains(replica) {
            return Verdict::Known;
        }
        let Some(left) = self.left.get_mut(&replica.service).filter(|left| **left > 0) else {
            return Verdict::Fails;
        };
        *left -= 1;
        self.forgiven.insert(replica.clone());
        Verdict::Warns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_counts_once_and_the_share_is_the_services() {
        let replica = |number| Replica { service: "web".into(), number };
        let mut tolerance = Tolerance { left: [("web".to_string(), 1)].into(), forgiven: BTreeSet::new() };
        assert_eq!(tolerance.judge(&replica(2)), Verdict::Warns);
        assert_eq!(tolerance.judge(&replica(2)), Verdict::Known);
        assert_eq!(tolerance.judge(&replica(1)), Verdict::Fails);
        assert_eq!(tolerance.judge(&Replica { service: "db".into(), number: 1 }), Verdict::Fails);
    }
}
