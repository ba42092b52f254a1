//! What fails below, as a command's failure: its exit code, its message and what to type next.

use crate::docker::state::StateError;
use crate::engine::EngineError;
use crate::error::{Failure, Kind};
use crate::plan::Problem;
use crate::plan::scope::Missing;

/// A failed call to the engine: exit code 6 where nothing answers, else 1.
pub fn engine_failure(error: EngineError) -> Failure {
    match error {
        EngineError::Unreachable { .. } => Failure::new(Kind::Unreachable, error.to_string())
            .hint("start the Docker Engine, or name another one: DOCKER_HOST=unix:///path/to/docker.sock"),
        error @ EngineError::Stream { .. } => Failure::new(Kind::Unreachable, error.to_string()),
        error @ EngineError::Timeout { .. } => Failure::new(Kind::Unreachable, error.to_string())
            .hint("`--engine-timeout` gives the engine more time"),
        error => Failure::new(Kind::Failed, error.to_string()),
    }
}

/// Records on the engine that cannot be used: exit code 5 where a newer `sofa` wrote them.
pub fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::Storage(error) => engine_failure(error),
        StateError::Newer { ref needs, .. } => {
            let hint = format!("use sofa {needs} or newer");
            Failure::new(Kind::Refused, error.to_string()).hint(hint)
        }
        error => Failure::new(Kind::Failed, error.to_string()),
    }
}

/// Why no plan can be made: exit code 5 where another project or program holds what is needed, else 3.
pub fn problems_failure(problems: &[Problem]) -> Failure {
    let is_conflict = problems.iter().any(|problem| problem.is_conflict);
    let kind = if is_conflict { Kind::Refused } else { Kind::Invalid };
    let messages = problems.iter().map(|problem| problem.to_string()).collect();
    let mut failure = Failure::all(kind, messages);
    for hint in problems.iter().filter_map(|problem| problem.hint.as_ref()) {
        if !failure.hints.contains(hint) {
            failure.hints.push(hint.clone());
        }
    }
    failure
}

/// Dependencies outside the scope that must run already and do not.
pub fn missing_failure(missing: &[Missing]) -> Failure {
    let lines: Vec<String> = missing
        .iter()
        .map(|gap| {
            format!(
                "service `{}` depends on `{}`, which is not up ({})",
                gap.service, gap.dependency, gap.found
            )
        })
        .collect();
    Failure::all(Kind::Refused, lines).hint("`--deps=auto` starts missing dependencies")
}
