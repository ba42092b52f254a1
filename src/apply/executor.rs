//! Runs a plan on a target: order, failure, interrupt and undo. What an operation does, only the target knows.

use std::future::Future;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::frontier::Frontier;
use super::undo_order;
use crate::plan::operation::{OnFailure, OpId, Operation, Plan};

/// What operations are done to: the Docker Engine, or a fake in tests.
pub trait Target {
    /// Why an operation failed.
    type Error;

    /// Does one operation. When `cancel` fires, waits end at once with [`Stopped::Cancelled`];
    /// calls that change something are finished first.
    fn run(
        &self,
        operation: &Operation,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Result<(), Stopped<Self::Error>>>;

    /// Takes back an operation that was begun, done or not. Finding nothing to take back is success. What [`Undo::Start`]
    /// starts again is ready when this ends, as far as a gate of its own tells.
    fn undo(&self, operation: &Operation) -> impl Future<Output = Result<(), Self::Error>>;

    /// Watches what undos started again and no gate tells of, once everything is taken back. Returns what does not stay up,
    /// by the operation whose undo it was.
    fn watch_restored(&self) -> impl Future<Output = Vec<(OpId, Self::Error)>>;
}

/// Why an operation did not get done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped<E> {
    /// It was told to end.
    Cancelled,
    /// It failed.
    Failed(E),
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Stopped<E> {
        Stopped::Failed(error)
    }
}

/// A person's wish to end a run early.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Fired by the first Ctrl-C or SIGTERM: end, and undo where the plan says so.
    pub end: CancellationToken,
    /// Fired by Ctrl-C a second time: end at once, undoing nothing more.
    pub abort: CancellationToken,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every operation is done.
    Done,
    /// Everything is done but what the pause of a service's update left out.
    Paused,
    /// Something failed; nothing was taken back.
    Failed,
    /// Something failed behind the barrier: what is new stands, and not everything is cleared away that it replaced.
    Unsettled,
    /// Something failed or a person interrupted; everything was taken back.
    Undone,
    /// Something failed or a person interrupted; not everything could be taken back.
    UndoIncomplete,
    /// A person interrupted twice; what was begun is left as it is.
    Aborted,
}

/// What a run leaves to tell.
#[derive(Debug)]
pub struct Report<E> {
    /// How it ended.
    pub end: End,
    /// Whether a person's wish ended it, not a failure.
    pub interrupted: bool,
    /// The operations that failed, in the order in which they did.
    pub failures: Vec<(OpId, E)>,
    /// The operations whose undo failed.
    pub undo_failures: Vec<(OpId, E)>,
    /// The operations that were never begun.
    pub skipped: Vec<OpId>,
}

impl<E> Report<E> {
    /// The same, with failures that ended the update of a service and let the rest go on: the run is not whole then.
    #[must_use]
    pub fn but_paused(mut self, paused: Vec<(OpId, E)>) -> Report<E> {
        if self.end == End::Done && !paused.is_empty() {
            self.end = End::Paused;
        }
        self.failures.extend(paused);
        self
    }
}

/// Runs every operation of the plan, each as soon as what it needs is done.
///
/// A failure before the barrier is answered as [`Plan::on_failure`] says; from the barrier on nothing is undone
/// and everything that can still be done is.
pub async fn execute<T: Target>(plan: &Plan, target: &T, interrupt: &Interrupt) -> Report<T::Error> {
    let mut run = Run {
        plan,
        target,
        begun: Vec::new(),
        report: Report {
            end: End::Done,
            interrupted: false,
            failures: Vec::new(),
            undo_failures: Vec::new(),
            skipped: Vec::new(),
        },
    };
    let settled = run.forward(interrupt).await;
    run.finish(settled, interrupt).await;
    run.report
}

struct Run<'a, T: Target> {
    plan: &'a Plan,
    target: &'a T,
    begun: Vec<OpId>,
    report: Report<T::Error>,
}

impl<T: Target> Run<'_, T> {
    /// Does the operations; returns whether the barrier was passed.
    async fn forward(&mut self, interrupt: &Interrupt) -> bool {
        let needs = self.plan.operations.iter().map(|op| (op.id, op.needs.clone())).collect();
        let mut frontier = Frontier::new(&needs);
        let (cancel, never) = (CancellationToken::new(), CancellationToken::new());
        let mut running = FuturesUnordered::new();
        let mut settled = false;
        let target = self.target;
        loop {
            while !cancel.is_cancelled() || settled {
                let Some(operation) = frontier.pop().and_then(|id| self.plan.operation(id)) else {
                    break;
                };
                self.begun.push(operation.id);
                // An interrupt that the barrier overtook ends nothing behind it.
                let cancel = if settled { &never } else { &cancel };
                running.push(async move { (operation.id, target.run(operation, cancel).await) });
            }
            let (id, outcome) = tokio::select! {
                biased;
                () = interrupt.abort.cancelled() => { self.report.interrupted = true; break }
                () = interrupt.end.cancelled(), if !cancel.is_cancelled() && !settled => {
                    self.report.interrupted = true;
                    cancel.cancel();
                    continue;
                }
                next = running.next() => match next { Some(ended) => ended, None => break },
            };
            match outcome {
                Ok(()) => {
                    settled |= self.plan.barrier == Some(id);
                    frontier.done(id);
                }
                Err(Stopped::Cancelled) => {}
                Err(Stopped::Failed(error)) => {
                    self.report.failures.push((id, error));
                    if self.plan.on_failure != OnFailure::GoOn && !settled {
                        cancel.cancel();
                    }
                }
            }
        }
        self.report.skipped = frontier.left();
        settled
    }

    /// Decides how the run ended, undoing where the plan wants it.
    async fn finish(&mut self, settled: bool, interrupt: &Interrupt) {
        // Behind the barrier everything is done all the same: only the second interrupt counts there.
        let disturbed = if settled { interrupt.abort.is_cancelled() } else { self.report.interrupted };
        let whole = self.report.failures.is_empty() && self.report.skipped.is_empty() && !disturbed;
        self.report.end = if whole {
            End::Done
        } else if interrupt.abort.is_cancelled() {
            End::Aborted
        } else if settled {
            End::Unsettled
        } else if self.plan.on_failure != OnFailure::Undo {
            End::Failed
        } else {
            self.undo(interrupt).await
        };
    }

    /// Takes back what was begun, in the order of [`undo_order::order`].
    async fn undo(&mut self, interrupt: &Interrupt) -> End {
        let mut frontier = Frontier::new(&undo_order::order(self.plan, &self.begun));
        let mut running = FuturesUnordered::new();
        let target = self.target;
        loop {
            while let Some(step) = frontier.pop() {
                let operation = self.plan.operation(step.operation()).filter(|found| step.undoes(found));
                running.push(async move {
                    let outcome = match operation {
                        Some(operation) => target.undo(operation).await,
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
                self.report.undo_failures.push((step.operation(), error));
            }
            // A failed undo does not hold back the others: as much as possible is restored.
            frontier.done(step);
        }
        let fallen = tokio::select! {
            biased;
            () = interrupt.abort.cancelled() => return End::Aborted,
            fallen = target.watch_restored() => fallen,
        };
        self.report.undo_failures.extend(fallen);
        if self.report.undo_failures.is_empty() { End::Undone } else { End::UndoIncomplete }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::plan::action::Action;
    use crate::plan::operation::{Group, Undo};

    /// A target that writes down what it is asked to do; operations named in `fail` fail, in `hang` wait to be cancelled.
    #[derive(Default)]
    struct Fake {
        fail: BTreeSet<usize>,
        fail_undo: BTreeSet<usize>,
        hang: BTreeSet<usize>,
        falls: BTreeSet<usize>,
        log: RefCell<Vec<String>>,
    }

    impl Target for Fake {
        type Error = String;

        async fn run(
            &self,
            operation: &Operation,
            cancel: &CancellationToken,
        ) -> Result<(), Stopped<String>> {
            let id = operation.id.0;
            self.log.borrow_mut().push(format!("run {id}"));
            tokio::task::yield_now().await;
            if self.hang.contains(&id) {
                cancel.cancelled().await;
                return Err(Stopped::Cancelled);
            }
            if self.fail.contains(&id) { Err(format!("op {id} broke").into()) } else { Ok(()) }
        }

        async fn undo(&self, operation: &Operation) -> Result<(), String> {
            let id = operation.id.0;
            self.log.borrow_mut().push(format!("undo {id}"));
            tokio::task::yield_now().await;
            if self.fail_undo.contains(&id) { Err(format!("undo {id} broke")) } else { Ok(()) }
        }

        async fn watch_restored(&self) -> Vec<(OpId, String)> {
            let falls = |&id: &usize| (OpId(id), format!("{id} fell"));
            self.falls.iter().map(falls).collect()
        }
    }

    /// A plan of operations that each need the given earlier ones, all with an undo.
    fn plan(needs: &[&[usize]], barrier: Option<usize>, on_failure: OnFailure) -> Plan {
        let operations = needs
            .iter()
            .enumerate()
            .map(|(index, needs)| Operation {
                id: OpId(index + 1),
                needs: needs.iter().map(|&id| OpId(id)).collect(),
                group: Group::Project,
                action: Action::CreateVolume { key: index.to_string(), name: index.to_string() },
                cause: String::new(),
                fields: Vec::new(),
                disruptive: false,
                one_way: false,
                undo: Some(Undo::Remove),
            })
            .collect();
        Plan {
            project: "p".into(),
            images: Vec::new(),
            operations,
            barrier: barrier.map(OpId),
            on_failure,
            unchanged: vec![],
            notes: vec![],
        }
    }

    fn ids(failures: &[(OpId, String)]) -> Vec<usize> {
        failures.iter().map(|(id, _)| id.0).collect()
    }

    #[tokio::test]
    async fn independent_operations_begin_before_either_ends() {
        let target = Fake::default();
        let report =
            execute(&plan(&[&[], &[], &[1, 2]], None, OnFailure::Undo), &target, &Interrupt::default()).await;
        assert_eq!(report.end, End::Done);
        assert_eq!(*target.log.borrow(), ["run 1", "run 2", "run 3"]);
    }

    #[tokio::test]
    async fn a_failure_undoes_everything_begun_dependants_first() {
        let target = Fake { fail: [3].into(), ..Fake::default() };
        let report =
            execute(&plan(&[&[], &[1], &[2], &[3]], None, OnFailure::Undo), &target, &Interrupt::default())
                .await;
        assert_eq!(report.end, End::Undone);
        assert_eq!(ids(&report.failures), [3]);
        assert_eq!(report.skipped, [OpId(4)]);
        assert_eq!(*target.log.borrow(), ["run 1", "run 2", "run 3", "undo 3", "undo 2", "undo 1"]);
    }

    #[tokio::test]
    async fn a_failure_cancels_the_waits_of_others() {
        let target = Fake { fail: [2].into(), hang: [1].into(), ..Fake::default() };
        let run = plan(&[&[], &[]], None, OnFailure::Undo);
        let report =
            tokio::time::timeout(Duration::from_secs(5), execute(&run, &target, &Interrupt::default()))
                .await
                .expect("the hanging wait was not cancelled");
        assert_eq!(report.end, End::Undone);
        assert_eq!(ids(&report.failures), [2]);
    }

    #[tokio::test]
    async fn a_failed_undo_is_told_and_does_not_stop_the_others() {
        let target = Fake { fail: [3].into(), fail_undo: [2].into(), ..Fake::default() };
        let report =
            execute(&plan(&[&[], &[1], &[2]], None, OnFailure::Undo), &target, &Interrupt::default()).await;
        assert_eq!(report.end, End::UndoIncomplete);
        assert_eq!(ids(&report.undo_failures), [2]);
        assert!(target.log.borrow().contains(&"undo 1".to_string()));
    }

    #[tokio::test]
    async fn what_an_undo_started_again_and_does_not_stay_up_is_told_as_not_taken_back() {
        let target = Fake { fail: [2].into(), falls: [1].into(), ..Fake::default() };
        let report =
            execute(&plan(&[&[], &[1]], None, OnFailure::Undo), &target, &Interrupt::default()).await;
        assert_eq!(report.end, End::UndoIncomplete);
        assert_eq!(ids(&report.undo_failures), [1]);
    }

    #[tokio::test]
    async fn after_the_barrier_nothing_is_undone_and_the_rest_is_done() {
        let target = Fake { fail: [3].into(), ..Fake::default() };
        let report = execute(
            &plan(&[&[], &[1], &[2], &[2], &[4]], Some(2), OnFailure::Undo),
            &target,
            &Interrupt::default(),
        )
        .await;
        assert_eq!(report.end, End::Unsettled);
        assert_eq!(*target.log.borrow(), ["run 1", "run 2", "run 3", "run 4", "run 5"]);
    }

    #[tokio::test]
    async fn an_interrupt_while_the_barrier_passes_comes_too_late() {
        let target = Fake::default();
        let interrupt = Interrupt::default();
        interrupt.end.cancel();
        let report = execute(&plan(&[&[], &[1]], Some(1), OnFailure::Undo), &target, &interrupt).await;
        assert_eq!(report.end, End::Done);
        assert_eq!(*target.log.borrow(), ["run 1", "run 2"]);
    }

    #[tokio::test]
    async fn going_on_does_all_that_does_not_need_the_failed_one() {
        let target = Fake { fail: [1].into(), ..Fake::default() };
        let report =
            execute(&plan(&[&[], &[1], &[], &[3]], None, OnFailure::GoOn), &target, &Interrupt::default())
                .await;
        assert_eq!(report.end, End::Failed);
        assert_eq!(report.skipped, [OpId(2)]);
        assert_eq!(*target.log.borrow(), ["run 1", "run 3", "run 4"]);
    }

    #[tokio::test]
    async fn halting_begins_nothing_more_and_undoes_nothing() {
        let target = Fake { fail: [1].into(), ..Fake::default() };
        let report =
            execute(&plan(&[&[], &[1]], None, OnFailure::Halt), &target, &Interrupt::default()).await;
        assert_eq!(report.end, End::Failed);
        assert_eq!(*target.log.borrow(), ["run 1"]);
    }

    #[tokio::test]
    async fn one_interrupt_undoes_and_two_leave_things_as_they_are() {
        let target = Fake { hang: [2].into(), ..Fake::default() };
        let run = plan(&[&[], &[1]], None, OnFailure::Undo);
        let once = Interrupt::default();
        once.end.cancel();
        let report = execute(&run, &target, &once).await;
        assert_eq!((report.end, report.interrupted), (End::Undone, true));

        let twice = Interrupt::default();
        twice.end.cancel();
        twice.abort.cancel();
        let report = execute(&run, &target, &twice).await;
        assert_eq!((report.end, report.interrupted), (End::Aborted, true));
    }
}
