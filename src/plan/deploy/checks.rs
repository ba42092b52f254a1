//! What the files ask for and no plan can do, found before any change.

use super::state::Deploy;
use crate::compose::model::Condition;
use crate::plan::gate::Gate;
use crate::plan::hooks;
use crate::plan::problem::Problem;
use crate::plan::strategy::why_stop_first;

impl Deploy<'_> {
    /// What the files ask for and no plan can do is a problem.
    pub(super) fn everything_asked_for_is_done(&mut self) {
        for service in self.desired.services.values() {
            self.problems.extend(hooks::problems(service.service));
        }
    }

    /// Notes the replaced services that stop first although the files say `start-first`.
    pub(super) fn note_stop_first(&mut self) {
        for service in self.desired.services.values() {
            let name = service.service.name.as_str();
            let assignment = self.assignments.get(name);
            let is_replaced = assignment.is_some_and(|assignment| {
                assignment.slots.iter().any(|slot| slot.replaced().next().is_some())
            });
            let why = why_stop_first(service, self.policy.rollback);
            if let Some((key, cause)) = why.filter(|_| is_replaced) {
                self.notes
                    .push(format!("{name} stops first although `{key}.order` is `start-first`: {cause}"));
            }
        }
    }

    /// A dependency on the health of a service without a healthcheck can never be fulfilled.
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
