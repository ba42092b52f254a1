//! What the files ask for and no plan can do, found before any change.

use super::state::Deploy;
use crate::compose::model::Condition;
use crate::plan::gate::Gate;
use crate::plan::hooks;
use crate::plan::problem::Problem;
use crate::plan::strategy::Strategy;

impl Deploy<'_> {
    /// What the files ask for and no plan can do is refused: it must not look as if it had been done.
    pub(super) fn everything_asked_for_is_done(&mut self) {
        for service in self.desired.services.values() {
            self.problems.extend(hooks::problems(service.service));
            if let Err(cause) = Strategy::of(service, self.policy.rollback) {
                let key = Strategy::key(service, self.policy.rollback);
                let message = format!("its `{key}` cannot be followed: {cause}");
                self.problems.push(Problem::of(&service.service.name, message));
            }
        }
    }

    /// A dependency on the health of a service that has no healthcheck can never hold.
    pub(super) fn dependencies_have_health(&mut self) {
        let mut problems = Vec::new();
        for service in self.desired.services.values() {
            for (name, dependency) in service.dependencies() {
                let Some(other) = self.desired.service(name) else {
                    continue;
                };
                if dependency.condition == Condition::Healthy
                    && dependency.required
                    && matches!(other.gate, Gate::Running | Gate::Completed)
                    && other.found.is_some()
                {
                    let message =
                        format!("it waits for `{name}` to be healthy, and `{name}` has no healthcheck");
                    problems.push(Problem::of(&service.service.name, message).hint(format!(
                        "give `{name}` a `healthcheck:` or an `x-sofa.ready`, or depend on `service_started`"
                    )));
                }
            }
        }
        self.problems.extend(problems);
    }
}
