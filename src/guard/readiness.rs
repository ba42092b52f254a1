//! Healthchecks: services without one, in the files or in the image, and those that are more patient than the deploy.

use super::candidate::Candidate;
use crate::diag::finding::Finding;
use crate::plan::desired::{Desired, DesiredService};
use crate::plan::gate::Gate;

const RULE: &str = "no-healthcheck";
const PATIENCE: &str = "healthcheck-patience";
const FIX: &str =
    "add a `healthcheck:` or `x-sofa: {ready: …}`; if this is intended, write `healthcheck: {disable: true}`";

pub(super) fn findings(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    let mut found = unchecked(candidate, desired);
    found.extend(desired.services.values().filter_map(|service| too_patient(candidate, service)));
    found
}

/// A healthcheck that may still say `starting` when the deploy gives up: the service then fails without a verdict.
fn too_patient(candidate: &Candidate<'_>, desired: &DesiredService<'_>) -> Option<Finding> {
    let check = desired.service.healthcheck.as_ref().filter(|check| !check.is_disabled())?;
    let limit = desired.deadline.unwrap_or(candidate.wait_timeout).min(candidate.wait_timeout);
    let patience = check.patience();
    if desired.job || patience <= limit {
        return None;
    }
    let name = &desired.service.name;
    let limited_by = match desired.deadline {
        Some(deadline) if deadline == limit => "`x-sofa.ready.deadline`",
        _ => "`--wait-timeout`",
    };
    let message = format!(
        "service `{name}`: its healthcheck takes {} s to give up, but a deploy waits for it {} s at most",
        patience.as_secs(),
        limit.as_secs()
    );
    let fix = format!("lower `start_period`, `interval` or `retries`, or raise {limited_by}");
    Some(Finding::warning(PATIENCE, message, candidate.place(&format!("services.{name}.healthcheck")), fix))
}

fn unchecked(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
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
