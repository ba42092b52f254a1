//! Services that ask for `start-first` and cannot have it.

use super::candidate::Candidate;
use crate::diag::finding::Finding;
use crate::plan::desired::Desired;
use crate::plan::why_stop_first;

pub(super) fn findings(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let asked =
        desired.services.values().filter_map(|service| Some((service, why_stop_first(service, false)?)));
    asked
        .map(|(service, (key, cause))| {
            let name = &service.service.name;
            let place = candidate.place(&format!("services.{name}.deploy.{key}.order"));
            let message =
                format!("service `{name}` stops first although `{key}.order` is `start-first`: {cause}");
            Finding::warning(
                "stop-first",
                message,
                place,
                "write `order: stop-first`, or remove what both would need",
            )
        })
        .collect()
}
