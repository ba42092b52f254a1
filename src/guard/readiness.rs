//! Long-running services without a healthcheck, in the files or in the image.

use super::candidate::Candidate;
use crate::diag::finding::Finding;
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;

const RULE: &str = "no-healthcheck";
const FIX: &str =
    "add a `healthcheck:` or `x-sofa: {ready: …}`; if this is intended, write `healthcheck: {disable: true}`";

pub(super) fn findings(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let unchecked = desired.services.values().filter(|desired| {
        let disabled = desired.service.healthcheck.as_ref().is_some_and(|check| check.is_disabled());
        matches!(desired.gate, Gate::Running) && !disabled && desired.replicas > 0
    });
    unchecked
        .map(|desired| {
            let name = &desired.service.name;
            let place = candidate.place(&format!("services.{name}"));
            if desired.found.is_some() {
                let message =
                    format!("service `{name}` has no healthcheck: it counts as ready as soon as it runs");
                Finding::warning(RULE, message, place, FIX)
            } else {
                let message = format!(
                    "service `{name}` has no healthcheck in the files, and its image is not on the engine yet"
                );
                Finding::unchecked(RULE, message, place, FIX)
            }
        })
        .collect()
}
