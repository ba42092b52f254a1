//! The passes that every plan goes through, in order. Each concern that adds operations around others is one pass.

use std::collections::BTreeSet;

use super::action::Action;
use super::desired::Desired;
use super::edge::Servers;
use super::handover::HandOvers;
use super::hooks::Hooks;
use super::observed::Observed;
use super::operation::Plan;
use super::rewrite::rewrite;

pub(super) fn run(draft: Plan, desired: Option<&Desired<'_>>, observed: &Observed) -> Plan {
    let handovers = HandOvers::new(&draft, desired, observed);
    let mut plan = rewrite(draft, handovers);
    let resumed = plan.operations.iter().filter_map(|operation| match &operation.action {
        Action::Resume { replica, .. } => Some(replica.service.clone()),
        _ => None,
    });
    let resumed: BTreeSet<String> = resumed.collect();
    plan.unchanged.retain(|service| !resumed.contains(service));
    let servers = Servers::new(&plan, desired, observed);
    let plan = rewrite(plan, servers);
    // Hooks come closer to a stop than a hand-over, whose operations they need.
    let hooks = Hooks::new(&plan, desired, observed);
    rewrite(plan, hooks)
}
