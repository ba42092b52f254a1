//! The stability window: containers without a gate must stay up for a while before a plan settles.

use std::time::{Duration, Instant};

use super::failure::{OperationError, Reason, SHUTDOWN};
use super::ready::{ExitDoubt, Restarts};
use super::wait::{Candidate, Seen, Waiter};
use crate::apply::announce::subject;
use crate::plan::action::Replica;
use crate::plan::gate::Gate;
use crate::plan::observed::{ContainerId, State};
use crate::ui::event::{Event, Subject};

impl Waiter<'_> {
    /// Watches one container until it has been up for `window` without a restart.
    ///
    /// # Errors
    /// A [`GateFailure`](super::failure::GateFailure) where it did not stay up.
    pub(super) async fn watch(
        &self,
        replica: &Replica,
        id: &ContainerId,
        window: Duration,
    ) -> Result<(), OperationError> {
        let subject = subject(replica);
        let (gate, deadline, seen) = (&Gate::Running, None, Seen::default());
        let candidate = Candidate { id, service: &replica.service, subject: &subject, gate, deadline, seen };
        let begun = Instant::now();
        match self.stays_up(&candidate, window).await? {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.explain(&candidate, reason, begun.elapsed(), None).await),
        }
    }

    fn note_completed(&self, candidate: &Candidate<'_>) {
        if let Subject::Container { service, number: 0 | 1 } = candidate.subject {
            let note = format!(
                "service `{service}` ended with exit code 0 and counts as completed; `x-sofa: {{role: job}}` declares it a job"
            );
            let _ = self.events.send(Event::Note(note));
        }
    }

    /// Its restart policy may restart a container, since many programs exit until their database answers. The window then begins
    /// again, at most three times.
    async fn stays_up(
        &self,
        candidate: &Candidate<'_>,
        window: Duration,
    ) -> Result<Result<(), Reason>, OperationError> {
        let changed = self.watch.of(candidate.id);
        let mut run = None;
        let mut restarts = Restarts::default();
        let mut end = Instant::now() + window;
        let mut doubt = ExitDoubt::default();
        loop {
            let details = match self.details(candidate.id).await {
                Err(error) if error.is_not_found() => return Ok(Err(Reason::Gone)),
                details => details?,
            };
            if let Some(reason) = restarts.look(&details, self.watch.ended(candidate.id)) {
                return Ok(Err(reason));
            }
            let (code, oom) = (details.exit_code, details.oom_killed);
            match details.state {
                State::Running if run == Some(details.started) => {
                    if Instant::now() >= end {
                        return Ok(Ok(()));
                    }
                }
                State::Running => {
                    run = Some(details.started);
                    end = Instant::now() + window;
                }
                State::Restarting => {}
                State::Exited(0) if details.is_completed() => {
                    self.note_completed(candidate);
                    return Ok(Ok(()));
                }
                State::Exited(_) if doubt.of(&details) => {
                    tokio::time::sleep(SHUTDOWN).await;
                    continue;
                }
                State::Paused => return Ok(Err(Reason::Paused)),
                _ => return Ok(Err(Reason::Exited { code, oom })),
            }
            tokio::select! {
                () = changed.notified() => {}
                () = tokio::time::sleep_until(end.into()) => {}
            }
        }
    }
}
