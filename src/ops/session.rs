//! The session of a command that changes something: the display of its progress, and the signals that end it.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::apply::executor::Interrupt;
use crate::error::{Failure, Kind};
use crate::plan::operation::Plan;
use crate::ui::event::{Event, EventSender};
use crate::ui::{Progress, Ui};

/// Where a command reports what happens, and what asks it to end.
#[derive(Debug)]
pub struct Session {
    pub events: EventSender,
    pub interrupt: Interrupt,
    display: Option<Progress>,
}

impl Session {
    /// Opens the display and starts to listen to signals. Close the session however the command ends.
    pub fn open(ui: &Ui) -> Session {
        let display = ui.progress();
        Session { events: display.sender(), interrupt: listen(), display: Some(display) }
    }

    /// Ends the display, after everything that was sent to it is shown.
    pub async fn close(self) {
        let Session { events, interrupt: _, display } = self;
        drop(events);
        if let Some(display) = display {
            display.finish().await;
        }
    }

    /// The same session for work that only a second Ctrl-C may end: an operator who interrupts a run wants its undo.
    pub fn only_abortable(&self) -> Session {
        let interrupt = Interrupt { abort: self.interrupt.abort.clone(), end: CancellationToken::new() };
        Session { events: self.events.clone(), interrupt, display: None }
    }

    /// Shows something worth knowing. Nobody watching is no reason to stop.
    pub fn note(&self, text: impl Into<String>) {
        let _ = self.events.send(Event::Note(text.into()));
    }

    /// Shows something that may become a failure.
    pub fn warn(&self, text: impl Into<String>) {
        let _ = self.events.send(Event::Warning(text.into()));
    }

    /// Says so where the plan made under the lock differs from the one made before it.
    pub fn note_new_plan(&self, before: &Plan, now: &Plan) {
        if !before.same_operations(now) {
            self.note(format!("{}: the project changed in the meantime; made a new plan", now.project));
        }
    }

    /// Ends early when the operator interrupts. For work that needs no undo.
    ///
    /// # Errors
    /// Those of the work, or the interrupt (exit code 130).
    pub async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.interrupt.end.cancelled() => {
                Err(Failure::new(Kind::Interrupted, "interrupted while fetching images; no container was changed"))
            }
            outcome = work => outcome,
        }
    }
}

/// Listens until the process ends. Ctrl-C and SIGTERM ask the run to end; a second Ctrl-C asks it to end at once. SIGTERM never
/// counts as the second signal: `make` passes on a signal that its whole process group already received, and a CI runner sends
/// SIGTERM some seconds after SIGINT. Either would cut an undo short. SIGHUP is ignored: a deploy continues when its terminal closes.
fn listen() -> Interrupt {
    let interrupt = Interrupt::default();
    let (end, abort) = (interrupt.end.clone(), interrupt.abort.clone());
    tokio::spawn(async move {
        let hangup = signal(SignalKind::hangup());
        let mut int = signal(SignalKind::interrupt()).ok();
        let mut term = signal(SignalKind::terminate()).ok();
        let mut pressed = 0;
        while pressed < 2 {
            tokio::select! {
                () = received(&mut int) => pressed += 1,
                () = received(&mut term) => {}
            }
            end.cancel();
        }
        abort.cancel();
        drop(hangup);
    });
    interrupt
}

/// Returns with the next signal; never where the process cannot listen to it.
pub(super) async fn received(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
