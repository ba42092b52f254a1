//! Runs a plan on a target: the order of operations, failure, interrupt and undo.

use std::cell::RefCell;
use std::collections::BTreeSet;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::announce::Announcer;
use super::connection::Connection;
use super::control::Control;
use super::failure::Stopped;
use super::frontier::Frontier;
use super::options::RunOptions;
use super::target::Target;
use super::tolerance::Tolerance;
use super::undo_order;
use crate::plan::kind::Change;
use crate::plan::operation::{OnFailure, OpId, Operation, Plan, Undo};

/// How a person asks a run to end early.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// The first Ctrl-C or SIGTERM: end, and undo where the plan says so.
    pub end: CancellationToken,
    /// The second Ctrl-C: end at once, and undo nothing more.
    pub abort: CancellationToken,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// Everything is done, except the replicas that a paused update of a service left out.
    Paused,
    /// Something failed; nothing was undone.
    Failed,
    /// Something failed behind the barrier: the new release is running, but not all of the old one is removed.
    Unsettled,
    /// Something failed or a person interrupted; everything was undone.
    Undone,
    /// Something failed or a person interrupted; not everything could be undone.
    UndoIncomplete,
    /// A person interrupted twice; what was begun is left as it is.
    Aborted,
}

/// What a run leaves to report.
#[derive(Debug)]
pub struct Report<E> {
    pub end: End,
    /// Whether a person ended the run, not a failure.
    pub interrupted: bool,
    /// The operations that failed, in the order in which they did.
    pub failures: Vec<(OpId, E)>,
    pub undo_failures: Vec<(OpId, E)>,
    /// The operations that were never begun.
    pub skipped: Vec<OpId>,
}

/// Runs every operation of the plan, each as soon as those that it needs are done.
///
/// A failure before the barrier is handled as [`Plan::on_failure`] says. From the barrier on nothing is undone, and everything
/// that can still be done is.
pub async fn execute<T: Target>(
    plan: &Plan,
    target: &T,
    options: RunOptions<'_>,
    interrupt: &Interrupt,
) -> Report<T::Error> {
    let run = Run {
        plan,
        target,
        announcer: Announcer::new(plan, options.events.clone()),
        permits: Semaphore::new(options.parallel.max(1)),
        forward: Connection::new(options.wait),
        backward: Connection::new(options.wait),
        tolerance: RefCell::new(Tolerance::of(plan)),
        paused: RefCell::default(),
        attempted: RefCell::default(),
        options,
    };
    let mut report = Report {
        end: End::Done,
        interrupted: false,
        failures: Vec::new(),
        undo_failures: Vec::new(),
        skipped: Vec::new(),
    };
    let progress = run.forward(interrupt, &mut report).await;
    report.end = run.finish(&progress, interrupt, &mut report).await;
    report.failures.extend(run.paused.take());
    report
}

/// One execution of a plan.
pub(super) struct Run<'a, T: Target> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a T,
    pub(super) options: RunOptions<'a>,
    pub(super) announcer: Announcer,
    pub(super) permits: Semaphore,
    pub(super) forward: Connection,
    /// The undo has its own time for waits, and its own patience with a target that does not answer.
    pub(super) backward: Connection,
    pub(super) tolerance: RefCell<Tolerance>,
    /// The failures that paused the update of a service.
    pub(super) paused: RefCell<Vec<(OpId, T::Error)>>,
    /// The changes and hooks that the target was asked for. Of the others there is nothing to undo.
    pub(super) attempted: RefCell<BTreeSet<OpId>>,
}

/// How far a run came.
struct Progress {
    begun: Vec<OpId>,
    /// Whether the barrier was passed.
    settled: bool,
}

impl<T: Target> Run<'_, T> {
    /// Does the operations.
    async fn forward(&self, interrupt: &Interrupt, report: &mut Report<T::Error>) -> Progress {
        let needs = self.plan.operations.iter().map(|op| (op.id, op.needs.clone())).collect();
        let mut frontier = Frontier::new(&needs);
        let (cancel, never) = (CancellationToken::new(), CancellationToken::new());
        let mut running = FuturesUnordered::new();
        let mut progress = Progress { begun: Vec::new(), settled: false };
        loop {
            while !cancel.is_cancelled() || progress.settled {
                let Some(operation) = frontier.pop().and_then(|id| self.plan.operation(id)) else {
                    break;
                };
                progress.begun.push(operation.id);
                // An interrupt that comes as the barrier is passed ends nothing behind it.
                let cancel = if progress.settled { &never } else { &cancel };
                running.push(async move { (operation.id, self.perform(operation, cancel).await) });
            }
            let (id, outcome) = tokio::select! {
                biased;
                () = interrupt.abort.cancelled() => { report.interrupted = true; break }
                () = interrupt.end.cancelled(), if !cancel.is_cancelled() && !progress.settled => {
                    report.interrupted = true;
                    cancel.cancel();
                    continue;
                }
                next = running.next() => match next { Some(ended) => ended, None => break },
            };
            match outcome {
                Ok(()) => {
                    progress.settled |= self.plan.barrier == Some(id);
                    frontier.done(id);
                }
                Err(Stopped::Cancelled) => {}
                Err(Stopped::Failed(error)) => {
                    report.failures.push((id, error));
                    if self.plan.on_failure != OnFailure::GoOn && !progress.settled {
                        cancel.cancel();
                    }
                }
            }
        }
        report.skipped = frontier.left();
        progress
    }

    /// Decides how the run ended; undoes where the plan wants it.
    async fn finish(&self, progress: &Progress, interrupt: &Interrupt, report: &mut Report<T::Error>) -> End {
        // Behind the barrier everything is done in spite of a first interrupt: only the second one counts.
        let disturbed = if progress.settled { interrupt.abort.is_cancelled() } else { report.interrupted };
        if report.failures.is_empty() && report.skipped.is_empty() && !disturbed {
            if self.paused.borrow().is_empty() { End::Done } else { End::Paused }
        } else if interrupt.abort.is_cancelled() {
            End::Aborted
        } else if progress.settled {
            End::Unsettled
        } else if self.plan.on_failure != OnFailure::Undo {
            self.resume_unstopped(&progress.begun, report).await;
            End::Failed
        } else {
            self.undo_all(&progress.begun, interrupt, report).await
        }
    }

    /// Has the workers take work again that were to be stopped and are not. That is undone by plans that undo nothing else: nobody
    /// asked for a worker that runs and does nothing.
    async fn resume_unstopped(&self, begun: &[OpId], report: &mut Report<T::Error>) {
        let begun: Vec<&Operation> = begun.iter().filter_map(|id| self.plan.operation(*id)).collect();
        let is_stopped = |quiesced: &Operation| {
            let same = |other: &&Operation| other.action.container() == quiesced.action.container();
            begun.iter().copied().filter(same).any(|other| other.action.change() == Some(Change::Stop))
        };
        let left =
            begun.iter().filter(|operation| operation.undo == Some(Undo::Resume) && !is_stopped(operation));
        let resumes = left.map(async |operation| Some((operation.id, self.undo(operation).await.err()?)));
        report.failures.extend(join_all(resumes).await.into_iter().flatten());
    }

    /// Undoes what was begun, in the order of [`undo_order::order`].
    async fn undo_all(&self, begun: &[OpId], interrupt: &Interrupt, report: &mut Report<T::Error>) -> End {
        let mut frontier = Frontier::new(&undo_order::order(self.plan, begun));
        let mut running = FuturesUnordered::new();
        loop {
            while let Some(step) = frontier.pop() {
                let operation = self.plan.operation(step.operation()).filter(|found| step.undoes(found));
                running.push(async move {
                    let outcome = match operation {
                        Some(operation) => self.undo(operation).await,
                        None => Ok(()),
                    };
                    (step, outcome)
                });
            }
            let ended = tokio::select! {
                biased;
                () = interrupt.abort.cancelled() => return End::Aborted,
                next = running.next() => next,
            };
            let Some((step, outcome)) = ended else { break };
            if let Err(error) = outcome {
                report.undo_failures.push((step.operation(), error));
            }
            // A failed undo does not hold back the others: as much as possible is restored.
            frontier.done(step);
        }
        let control = self.control(&self.backward, &CancellationToken::new()).waiting();
        let failed = tokio::select! {
            biased;
            () = interrupt.abort.cancelled() => return End::Aborted,
            failed = self.target.watch_restored(&control) => failed,
        };
        report.undo_failures.extend(failed);
        if report.undo_failures.is_empty() { End::Undone } else { End::UndoIncomplete }
    }

    /// What a target gets for one operation, forward or back.
    pub(super) fn control<'r>(
        &'r self,
        connection: &'r Connection,
        cancel: &CancellationToken,
    ) -> Control<'r> {
        Control {
            permits: &self.permits,
            fence: self.options.fence,
            connection,
            target: self.target,
            announcer: &self.announcer,
            cancel: cancel.clone(),
            counting: None,
        }
    }
}
