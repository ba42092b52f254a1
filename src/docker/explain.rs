//! What an operator needs to know about a container that did not pass its gate, collected before an undo removes it.

use std::time::Duration;

use futures_util::future::{join, join_all};
use jiff::Timestamp;

use super::failure::{DISK_FULL, GateFailure, LOG_KEPT, OperationError, Reason};
use super::secrets;
use super::wait::{Candidate, Waiter};
use crate::engine::ContainerDetails;
use crate::labels::compose;
use crate::plan::gate::Gate;
use crate::plan::labelled::needed;
use crate::plan::observed::{Health, State};
use crate::util::disk;
use crate::util::elapsed::age;

/// How much of a log the record of a run keeps, in bytes.
const LARGEST_LOG: usize = 8 << 20;

impl Waiter<'_> {
    /// The failure of a container, after it was waited for so long. `limit` is the time that it had.
    pub(super) async fn explain(
        &self,
        candidate: &Candidate<'_>,
        reason: Reason,
        waited: Duration,
        limit: Option<Duration>,
    ) -> OperationError {
        let details = self.engine.inspect(candidate.id.as_str()).await.ok();
        let details = details.as_ref();
        let ((log, log_error), depends_on) =
            join(self.log(candidate), self.dependencies(candidate.service, details)).await;
        let secrets = secrets::of(self.desired, candidate.service, details);
        let log: Vec<String> = log.iter().map(|line| secrets.scrub(line)).collect();
        let failed_test = details
            .and_then(|details| details.probes.iter().rev().find(|probe| probe.exit_code != 0))
            .map(|probe| probe.output.clone())
            .filter(|output| !output.is_empty())
            .map(|output| secrets.scrub(&output));
        let answer = candidate.seen.answer.take().map(|told| told.text(&secrets));
        let (health_output, answer) = match candidate.gate {
            // The gate asks what the engine asks.
            Gate::Healthy { .. } => (failed_test.or(answer), None),
            _ => (failed_test, answer),
        };
        let is_disk_full =
            log.iter().chain(&health_output).any(|line| line.to_ascii_lowercase().contains(DISK_FULL));
        OperationError::Gate(Box::new(GateFailure {
            service: candidate.service.to_string(),
            container: details.map_or_else(|| candidate.id.to_string(), |details| details.name.clone()),
            gate: candidate.gate.clone(),
            reason,
            memory_limit: details.and_then(|details| details.memory_limit),
            waited,
            limit,
            phase: self.phase_reached(candidate, details).map(|phase| phase.scrubbed(&secrets)),
            restarts: details.map_or(0, |details| details.restarts),
            answer,
            health_output,
            depends_on,
            disk: if is_disk_full { self.free_space().await } else { None },
            log_error,
            log,
            log_lines: self.log_lines,
        }))
    }

    /// The container's log, or why it cannot be read.
    async fn log(&self, candidate: &Candidate<'_>) -> (Vec<String>, Option<String>) {
        let lines = match self.engine.log_tail(candidate.id, LOG_KEPT).await {
            Ok(lines) => lines,
            Err(error) => return (Vec::new(), Some(error.reason())),
        };
        let mut room = LARGEST_LOG;
        let mut kept: Vec<String> = lines
            .into_iter()
            .rev()
            .map(|line| line.text)
            .take_while(|text| {
                let fits = text.len() <= room;
                room = room.saturating_sub(text.len());
                fits
            })
            .collect();
        kept.reverse();
        (kept, None)
    }

    /// The state of everything that the container's service depends on: `db healthy 3m`.
    async fn dependencies(&self, service: &str, details: Option<&ContainerDetails>) -> Vec<String> {
        let project = details.and_then(|details| details.labels.get(compose::PROJECT));
        let Some(project) = project else { return Vec::new() };
        let Ok(observed) = self.engine.observe_project(project).await else { return Vec::new() };
        let found = needed(service, &observed.containers).into_iter().map(async |service| {
            let mut containers =
                observed.containers.iter().filter(|found| found.service == service && !found.oneoff);
            let state = match containers.next() {
                None => "has no container".to_owned(),
                Some(container) => match self.engine.inspect(container.id.as_str()).await {
                    Ok(details) => state(&details, self.passed.borrow().contains(&details.id)),
                    Err(_) => container.state.to_string(),
                },
            };
            format!("{service} {state}")
        });
        join_all(found).await
    }

    /// `0 MiB free in /var/lib/docker`, where the engine runs on this machine.
    async fn free_space(&self) -> Option<String> {
        if !self.engine.host().is_local() {
            return None;
        }
        let root = self.engine.data_root().await.ok()?;
        let free = disk::free(root.as_ref()).ok()?;
        Some(format!("{} MiB free in {root}", free >> 20))
    }
}

/// The state of a container in a few words, with the time since it started or ended.
fn state(details: &ContainerDetails, passed: bool) -> String {
    let since = |moment: Option<Timestamp>| {
        let past = moment.and_then(|moment| Duration::try_from(Timestamp::now().duration_since(moment)).ok());
        past.map_or_else(String::new, |past| format!(" {}", age(past)))
    };
    match (&details.state, details.health) {
        (State::Exited(0), _) => "completed".to_owned(),
        (State::Exited(code), _) => format!("exited with code {code}{}", since(details.finished)),
        (State::Running, Health::Starting) if passed => format!("healthy{}", since(details.started)),
        (State::Running, Health::None) => format!("running{}", since(details.started)),
        (State::Running, health) => format!("{health}{}", since(details.started)),
        (state, _) => state.to_string(),
    }
}
