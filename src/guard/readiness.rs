//! Services that run on and whose readiness nobody can tell: neither the file nor the image has a healthcheck.

use super::Subject;
use crate::diag::finding::Finding;
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;

const RULE: &str = "no-healthcheck";
const FIX: &str =
    "write a `healthcheck:` or `x-sofa: {ready: …}`; `healthcheck: {disable: true}` says that it is meant";

pub(super) fn findings(subject: &Subject<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let untold = desired.services.values().filter(|desired| {
        let disabled = desired.service.healthcheck.as_ref().is_some_and(|check| check.is_disabled());
        matches!(desired.gate, Gate::Running) && !disabled && desired.replicas > 0
    });
    untold
        .map(|desired| {
            let name = &desired.service.name;
            let place = subject.place(&format!("services.{name}"));
            if desired.found.is_some() {
                let message =
                    format!("service `{name}` has no healthcheck: it counts as ready as soon as it runs");
                Finding::warning(RULE, message, place, FIX)
            } else {
                let message = format!(
                    "service `{name}` has no healthcheck in the files; its image is not here to be asked"
                );
                Finding::unchecked(RULE, message, place, FIX)
            }
        })
        .collect()
}
