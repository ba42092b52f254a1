//! The passes that every plan goes through, in order. Each concern that adds operations around others is one pass.

use super::desired::Desired;
use super::hooks::Hooks;
use super::observed::Observed;
use super::operation::Plan;
use super::rewrite::rewrite;

pub(super) fn run(draft: Plan, desired: Option<&Desired<'_>>, observed: &Observed) -> Plan {
    let hooks = Hooks::new(&draft, desired, observed);
    rewrite(draft, hooks)
}
