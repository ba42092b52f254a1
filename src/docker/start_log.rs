//! The log of a container while it starts: its last line is shown, and it tells the phases of the start.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;

use super::failure::PhaseReached;
use super::start_phases::StartPhases;
use super::wait::{Candidate, Waiter};
use crate::compose::model::StartPhase;
use crate::engine::ContainerDetails;
use crate::engine::logs::LogQuery;
use crate::ui::event::Event;

/// A wait that takes longer than this shows the container's log beside it.
const LOG_AFTER: Duration = Duration::from_secs(1);
/// Of so many lines that come at once only the last is shown.
const LINES_AT_ONCE: usize = 1000;

impl Waiter<'_> {
    /// Follows the container's log as long as the wait takes, from the container's start on.
    pub(super) async fn follow_log(&self, candidate: &Candidate<'_>) -> Infallible {
        tokio::time::sleep(LOG_AFTER).await;
        let mut last = None;
        loop {
            // The stream ends with the container; its policy may start it again.
            match self.engine.inspect(candidate.id.as_str()).await {
                Ok(details) if details.started != last => {
                    last = details.started;
                    self.follow_log_since(candidate, &details).await;
                }
                _ => tokio::time::sleep(LOG_AFTER).await,
            }
        }
    }

    async fn follow_log_since(&self, candidate: &Candidate<'_>, details: &ContainerDetails) {
        let query =
            LogQuery { follow: true, since: details.started, timestamps: true, ..LogQuery::default() };
        let Ok(lines) = self.engine.log_lines(candidate.id, &query).await else { return };
        let mut lines = lines.ready_chunks(LINES_AT_ONCE);
        let mut phases = StartPhases::of(details.started);
        while let Some(chunk) = lines.next().await {
            let chunk: Vec<_> = chunk.into_iter().filter_map(Result::ok).collect();
            for line in &chunk {
                let time = line.time.unwrap_or_else(Timestamp::now);
                if let Some(name) = phases.read(&line.text, time, self.declared_phases(candidate)) {
                    self.show_phase(candidate, name);
                    // Until then those of the life before count: it may be why there is another one.
                    candidate.seen.phases.replace(phases.clone());
                }
            }
            let Some(last) = chunk.into_iter().last() else { return };
            let _ = self.events.send(Event::LogLine { subject: candidate.subject.clone(), line: last.text });
        }
    }

    fn show_phase(&self, candidate: &Candidate<'_>, name: &str) {
        let _ = self.events.send(Event::StartPhase {
            subject: candidate.subject.clone(),
            name: name.to_owned(),
            usual: self.usual.of_phase(candidate.service, name),
            deadline: candidate.deadline,
        });
    }

    fn declared_phases(&self, candidate: &Candidate<'_>) -> &[StartPhase] {
        let service = self.desired.and_then(|desired| desired.project.service(candidate.service));
        service.and_then(|service| service.sofa.as_ref()).map_or(&[], |sofa| &sofa.phases)
    }

    /// The phase that a failed start had reached, with how long it had taken.
    pub(super) fn phase_reached(
        &self,
        candidate: &Candidate<'_>,
        details: Option<&ContainerDetails>,
    ) -> Option<PhaseReached> {
        let phases = candidate.seen.phases.borrow();
        let (name, begun) = phases.current()?;
        let ended = details.and_then(|details| details.finished.filter(|end| details.started < Some(*end)));
        let end = phases.since_start(ended.unwrap_or_else(Timestamp::now));
        Some(PhaseReached {
            usual: self.usual.of_phase(candidate.service, name),
            name: name.to_owned(),
            took: end.saturating_sub(begun),
        })
    }
}
