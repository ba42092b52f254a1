//! How long a deploy may wait for its services, by what the files say.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::desired::{Desired, DesiredService};
use super::gate::Gate;
use crate::compose::model::{Condition, Service};
use crate::util::elapsed::elapsed;

/// A container is given up with the third restart by its policy, so it has four lives.
const LIVES: u32 = 4;

/// The longest time that a deploy waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongestWait {
    /// The services that are waited for one after the other, each with its longest time.
    chain: Chain,
    /// How long all waits together may take.
    limit: Duration,
}

impl LongestWait {
    /// The longest wait for the services of a scope, within the limit for all waits together.
    pub fn of(desired: &Desired<'_>, limit: Duration) -> LongestWait {
        let mut ready: BTreeMap<&str, Chain> = BTreeMap::new();
        let mut begun: BTreeMap<&str, Chain> = BTreeMap::new();
        // Dependencies come before dependants.
        for (name, service) in &desired.services {
            let before = service.dependencies().filter_map(|(needed, edge)| match edge.condition {
                Condition::Started => begun.get(needed),
                Condition::Healthy | Condition::CompletedSuccessfully => ready.get(needed),
            });
            let before = before.max_by_key(|chain| chain.time()).cloned().unwrap_or_default();
            let time = bound(service).unwrap_or(limit).min(limit);
            begun.insert(name, before.clone());
            ready.insert(name, before.with(name, time));
        }
        let longest = ready.into_values().max_by_key(Chain::time).unwrap_or_default();
        LongestWait { chain: longest, limit }
    }

    /// The time.
    pub fn time(&self) -> Duration {
        self.chain.time().min(self.limit)
    }
}

/// `2m30s for its services: db 30.0s, then backend 2m00s`
impl fmt::Display for LongestWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for its services", elapsed(self.time()))?;
        if self.chain.time() >= self.limit {
            return f.write_str(" (`--wait-timeout`)");
        }
        let mut before = ": ";
        for (name, time) in &self.chain.0 {
            write!(f, "{before}{name} {}", elapsed(*time))?;
            before = ", then ";
        }
        Ok(())
    }
}

/// Services that are waited for one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Chain(Vec<(String, Duration)>);

impl Chain {
    fn time(&self) -> Duration {
        self.0.iter().map(|(_, time)| *time).sum()
    }

    fn with(mut self, name: &str, time: Duration) -> Chain {
        if !time.is_zero() {
            self.0.push((name.to_owned(), time));
        }
        self
    }
}

/// How long a service is waited for at most; none where only the deploy's own limit ends the wait.
fn bound(service: &DesiredService<'_>) -> Option<Duration> {
    let gate = match (&service.gate, &service.service.healthcheck) {
        _ if service.replicas == 0 => Some(Duration::ZERO),
        (Gate::Running, _) => Some(Duration::ZERO),
        (Gate::Healthy { .. }, Some(check)) if !check.test.0.is_empty() => {
            let lives = if restarts(service.service) { LIVES } else { 1 };
            Some((check.grace() + check.longest_round() * 2) * lives)
        }
        _ => None,
    };
    service.deadline.into_iter().chain(gate).min()
}

fn restarts(service: &Service) -> bool {
    let by_deploy = service.deploy.as_ref().is_some_and(|deploy| deploy.restart_policy.is_some());
    by_deploy || !matches!(service.restart.as_str(), "" | "no")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(parts: &[(&str, u64)], limit: u64) -> LongestWait {
        let chain =
            parts.iter().map(|(name, seconds)| ((*name).to_owned(), Duration::from_secs(*seconds))).collect();
        LongestWait { chain: Chain(chain), limit: Duration::from_secs(limit) }
    }

    #[test]
    fn a_chain_is_named_where_it_is_shorter_than_the_limit() {
        let short = chain(&[("db", 30), ("backend", 120)], 360);
        assert_eq!(short.to_string(), "2m30s for its services: db 30.0s, then backend 2m00s");
        let long = chain(&[("db", 30), ("backend", 900)], 360);
        assert_eq!(long.to_string(), "6m00s for its services (`--wait-timeout`)");
    }
}
