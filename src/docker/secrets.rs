//! The secrets of a failed container: its output is shown without them.

use crate::compose::secrecy::Secrets;
use crate::engine::inspect::ContainerDetails;
use crate::plan::desired::Desired;

/// The values that the files gave its service, and those of its own environment, which is all that verbs without files know.
pub(super) fn of(
    desired: Option<&Desired<'_>>,
    service: &str,
    details: Option<&ContainerDetails>,
) -> Secrets {
    let given = desired
        .and_then(|desired| Some(Secrets::of_service(desired.project, desired.project.service(service)?)));
    let environment = details.into_iter().flat_map(|details| &details.environment);
    given
        .unwrap_or_default()
        .with_environment(environment.map(|(name, value)| (name.as_str(), value.as_str())))
}
