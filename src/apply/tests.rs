//! The executor's policy, on a fake target and a paused clock.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::control::Control;
use super::executor::{End, Interrupt, Report, execute};
use super::failure::{Attempt, FailedLog, Retry, Stopped, TargetError};
use super::fence::{Closed, Fence};
use super::options::RunOptions;
use super::target::Target;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::gate::{Gate, Tolerance};
use crate::plan::hook::{HookCall, HookPoint};
use crate::plan::observed::ContainerId;
use crate::plan::operation::{Group, OnFailure, OpId, Operation, Plan, Undo};
use crate::ui::event::{Event, Phase};

const SECOND: Duration = Duration::from_secs(1);

/// A failure of the fake target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    text: String,
    retry: Retry,
    service: Option<String>,
}

impl Failure {
    fn new(text: &str, retry: Retry) -> Failure {
        Failure { text: text.into(), retry, service: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Failure {
        Failure::new(&closed.to_string(), Retry::No)
    }
}

impl TargetError for Failure {
    fn retry(&self) -> Retry {
        self.retry
    }

    fn unready_service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    fn explain(&self, attempt: &Attempt) -> String {
        format!("{attempt}: {self}")
    }

    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    fn log(&self) -> Option<FailedLog> {
        None
    }

    fn inspection(project: &str) -> String {
        project.into()
    }
}

/// A target that writes down each call, with the time at which it began.
#[derive(Default)]
struct Fake {
    /// The failures of an operation's calls, in order. Later calls succeed.
    failures: RefCell<BTreeMap<usize, VecDeque<Failure>>>,
    undo_failures: RefCell<BTreeMap<usize, VecDeque<Failure>>>,
    /// Operations whose change was made, though its answer was lost.
    applied: BTreeSet<usize>,
    /// How long a change takes.
    takes: Duration,
    /// Waits and hooks that never end by themselves.
    hang: BTreeSet<usize>,
    not_restored: BTreeSet<usize>,
    /// Fired while this operation is done.
    interrupt: RefCell<Option<(usize, Interrupt)>>,
    unreachable: Cell<bool>,
    pings: Cell<usize>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
    log: RefCell<Vec<String>>,
}

impl Fake {
    fn fails(id: usize, failures: &[Failure]) -> Fake {
        let fake = Fake::default();
        fake.failures.borrow_mut().insert(id, failures.iter().cloned().collect());
        fake
    }

    fn broken(id: usize) -> Fake {
        Fake::fails(id, &[Failure::new("broken", Retry::No)])
    }

    fn undo_fails(self, id: usize, failures: &[Failure]) -> Fake {
        self.undo_failures.borrow_mut().insert(id, failures.iter().cloned().collect());
        self
    }

    fn write(&self, what: &str, id: OpId) {
        self.log.borrow_mut().push(format!("{what} {}", id.0));
    }

    fn failure(&self, id: OpId) -> Result<(), Failure> {
        match self.failures.borrow_mut().get_mut(&id.0).and_then(VecDeque::pop_front) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn log(&self) -> Vec<String> {
        self.log.take()
    }
}

impl Target for Fake {
    type Error = Failure;

    async fn apply(&self, operation: &Operation) -> Result<(), Failure> {
        self.write("do", operation.id);
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        if let Some((id, interrupt)) = &*self.interrupt.borrow()
            && *id == operation.id.0
        {
            interrupt.end.cancel();
        }
        sleep(self.takes).await;
        tokio::task::yield_now().await;
        self.in_flight.set(self.in_flight.get() - 1);
        self.failure(operation.id)
    }

    async fn was_applied(&self, operation: &Operation) -> Result<bool, Failure> {
        self.write("look at", operation.id);
        Ok(self.applied.contains(&operation.id.0))
    }

    async fn wait(&self, operation: &Operation, control: &Control<'_>) -> Result<(), Failure> {
        self.write("wait", operation.id);
        if self.hang.contains(&operation.id.0) {
            control.expired().await;
            let service = operation.action.replica().map(|replica| replica.service.clone());
            return Err(Failure { service, ..Failure::new("not ready", Retry::No) });
        }
        self.failure(operation.id)
    }

    async fn drain(&self, operation: &Operation) -> Result<(), Failure> {
        self.write("drain", operation.id);
        if self.hang.contains(&operation.id.0) {
            std::future::pending::<()>().await;
        }
        self.failure(operation.id)
    }

    async fn watch(
        &self,
        operation: &Operation,
        replica: &Replica,
        window: Duration,
        _: &Control<'_>,
    ) -> Result<(), Failure> {
        self.write("watch", operation.id);
        sleep(window).await;
        self.failure(operation.id)
            .map_err(|failure| Failure { service: Some(replica.service.clone()), ..failure })
    }

    async fn run_hook(&self, operation: &Operation, control: &Control<'_>) -> Result<(), Stopped<Failure>> {
        self.write("hook", operation.id);
        if self.hang.contains(&operation.id.0) {
            tokio::select! {
                () = control.cancelled() => return Err(Stopped::Cancelled),
                () = control.expired() => {}
            }
        }
        Ok(self.failure(operation.id)?)
    }

    async fn leave_out(&self, operation: &Operation) -> Result<(), Failure> {
        self.write("leave out", operation.id);
        Ok(())
    }

    async fn undo(&self, operation: &Operation, _: Undo, control: &Control<'_>) -> Result<(), Failure> {
        let _permit = control.permit().await?;
        self.write("undo", operation.id);
        match self.undo_failures.borrow_mut().get_mut(&operation.id.0).and_then(VecDeque::pop_front) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    async fn watch_restored(&self, _: &Control<'_>) -> Vec<(OpId, Failure)> {
        self.not_restored.iter().map(|&id| (OpId(id), Failure::new("exited", Retry::No))).collect()
    }

    async fn is_reachable(&self) -> bool {
        self.pings.set(self.pings.get() + 1);
        !self.unreachable.get()
    }
}

/// A fence that opens after a time, or never.
struct Timed {
    opens: Option<Instant>,
}

impl Fence for Timed {
    fn check(&self) -> Result<(), Closed> {
        if self.opens.is_some_and(|opens| Instant::now() >= opens) { Ok(()) } else { Err(Closed) }
    }

    fn opens(&self, within: Duration) -> LocalBoxFuture<'_, Result<(), Closed>> {
        Box::pin(async move {
            let end = Instant::now() + within;
            tokio::time::sleep_until(self.opens.unwrap_or(end).min(end)).await;
            self.check()
        })
    }
}

fn replica(number: u32) -> Replica {
    Replica { service: "web".into(), number }
}

fn container(number: u32) -> ContainerRef {
    ContainerRef::Existing { id: ContainerId(number.to_string().repeat(64)), name: format!("web-{number}") }
}

fn create() -> Action {
    Action::CreateVolume { key: "data".into(), name: "data".into() }
}

fn start(number: u32) -> Action {
    Action::StartContainer { replica: replica(number), container: container(number) }
}

fn wait(number: u32) -> Action {
    tolerant_wait(number, Tolerance::default(), false)
}

fn tolerant_wait(number: u32, tolerance: Tolerance, optional: bool) -> Action {
    let gate = Gate::Healthy { probe: true };
    Action::Await {
        replica: replica(number),
        container: container(number),
        gate,
        deadline: None,
        optional,
        tolerance,
    }
}

fn hook(point: HookPoint, required: bool) -> Action {
    let hook = HookCall { point, number: 1, of: 1, required, grace: None };
    Action::RunHook { replica: replica(1), container: container(1), hook }
}

fn signal() -> Action {
    Action::KillContainer { replica: replica(1), container: container(1), signal: "SIGHUP".into() }
}

/// A plan of these actions, each behind the given earlier operations, all with an undo.
fn plan_of(actions: Vec<(Action, &[usize])>) -> Plan {
    let operation = |(index, (action, needs)): (usize, (Action, &[usize]))| Operation {
        id: OpId(index + 1),
        needs: needs.iter().map(|&id| OpId(id)).collect(),
        group: Group::Service("web".into()),
        action,
        cause: Default::default(),
        disruptive: false,
        one_way: false,
        undo: Some(Undo::Remove),
    };
    Plan {
        project: "p".into(),
        images: Vec::new(),
        operations: actions.into_iter().enumerate().map(operation).collect(),
        barrier: None,
        on_failure: OnFailure::Undo,
        unchanged: vec![],
        notes: vec![],
    }
}

fn changes(needs: &[&'static [usize]]) -> Plan {
    plan_of(needs.iter().map(|&needs| (create(), needs)).collect())
}

/// What a run did, and when it was over.
struct Outcome {
    report: Report<Failure>,
    log: Vec<String>,
    took: Duration,
    events: Vec<Event>,
}

impl Outcome {
    fn failed(&self) -> Vec<usize> {
        self.report.failures.iter().map(|(id, _)| id.0).collect()
    }

    fn undo_failed(&self) -> Vec<usize> {
        self.report.undo_failures.iter().map(|(id, _)| id.0).collect()
    }

    fn warnings(&self) -> Vec<&str> {
        self.events.iter().filter_map(warning).collect()
    }
}

fn warning(event: &Event) -> Option<&str> {
    match event {
        Event::Warning(text) => Some(text),
        _ => None,
    }
}

/// The conditions of a run.
#[derive(Default)]
struct Conditions<'a> {
    fence: Option<&'a dyn Fence>,
    record: Option<watch::Receiver<Option<bool>>>,
    interrupt: Interrupt,
    parallel: Option<usize>,
}

async fn run(plan: &Plan, target: &Fake) -> Outcome {
    run_under(plan, target, Conditions::default()).await
}

async fn run_under(plan: &Plan, target: &Fake, conditions: Conditions<'_>) -> Outcome {
    let (events, mut received) = mpsc::unbounded_channel();
    let options = RunOptions {
        parallel: conditions.parallel.unwrap_or(16),
        wait: 100 * SECOND,
        fence: conditions.fence,
        record: conditions.record,
        events,
    };
    let begun = Instant::now();
    let report = execute(plan, target, options, &conditions.interrupt).await;
    let mut events = Vec::new();
    while let Ok(event) = received.try_recv() {
        events.push(event);
    }
    Outcome { report, log: target.log(), took: begun.elapsed(), events }
}

fn lost() -> Failure {
    Failure::new("connection lost", Retry::Reconnect)
}

fn late() -> Failure {
    Failure::new("no answer in time", Retry::Late)
}

#[tokio::test(start_paused = true)]
async fn independent_operations_begin_before_either_ends() {
    let target = Fake { takes: SECOND, ..Fake::default() };
    let outcome = run(&changes(&[&[], &[], &[1, 2]]), &target).await;
    assert_eq!(outcome.report.end, End::Done);
    assert_eq!(outcome.log, ["do 1", "do 2", "do 3"]);
    assert_eq!(outcome.took.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_changes_run_at_once_than_allowed() {
    let target = Fake { takes: SECOND, ..Fake::default() };
    let conditions = Conditions { parallel: Some(2), ..Conditions::default() };
    let outcome = run_under(&changes(&[&[], &[], &[], &[]]), &target, conditions).await;
    assert_eq!(target.most_in_flight.get(), 2);
    assert_eq!(outcome.took.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_undoes_everything_begun_dependants_first() {
    let outcome = run(&changes(&[&[], &[1], &[2], &[3]]), &Fake::broken(3)).await;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.failed(), [3]);
    assert_eq!(outcome.report.skipped, [OpId(4)]);
    assert_eq!(outcome.log, ["do 1", "do 2", "do 3", "undo 3", "undo 2", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_cancels_the_waits_of_others() {
    let target = Fake { hang: [1].into(), ..Fake::broken(2) };
    let outcome = run(&plan_of(vec![(wait(1), &[]), (create(), &[])]), &target).await;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.failed(), [2]);
    assert_eq!(outcome.took.as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_is_reported_and_does_not_stop_the_others() {
    let target = Fake::broken(3).undo_fails(2, &[Failure::new("broken", Retry::No)]);
    let outcome = run(&changes(&[&[], &[1], &[2]]), &target).await;
    assert_eq!(outcome.report.end, End::UndoIncomplete);
    assert_eq!(outcome.undo_failed(), [2]);
    assert_eq!(outcome.log[3..], ["undo 3", "undo 2", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_restored_container_that_does_not_stay_up_counts_as_not_undone() {
    let target = Fake { not_restored: [1].into(), ..Fake::broken(2) };
    let outcome = run(&changes(&[&[], &[1]]), &target).await;
    assert_eq!(outcome.report.end, End::UndoIncomplete);
    assert_eq!(outcome.undo_failed(), [1]);
}

#[tokio::test(start_paused = true)]
async fn after_the_barrier_nothing_is_undone_and_the_rest_is_done() {
    let plan = Plan { barrier: Some(OpId(2)), ..changes(&[&[], &[1], &[2], &[2], &[4]]) };
    let outcome = run(&plan, &Fake::broken(3)).await;
    assert_eq!(outcome.report.end, End::Unsettled);
    assert_eq!(outcome.log, ["do 1", "do 2", "do 3", "do 4", "do 5"]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_while_the_barrier_is_passed_comes_too_late() {
    let interrupt = Interrupt::default();
    let target = Fake { interrupt: RefCell::new(Some((1, interrupt.clone()))), ..Fake::default() };
    let plan = Plan { barrier: Some(OpId(1)), ..changes(&[&[], &[1]]) };
    let outcome = run_under(&plan, &target, Conditions { interrupt, ..Conditions::default() }).await;
    assert_eq!(outcome.report.end, End::Done);
    assert_eq!(outcome.log, ["do 1", "do 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_goes_on_does_all_that_does_not_need_the_failed_operation() {
    let plan = Plan { on_failure: OnFailure::GoOn, ..changes(&[&[], &[1], &[], &[3]]) };
    let outcome = run(&plan, &Fake::broken(1)).await;
    assert_eq!(outcome.report.end, End::Failed);
    assert_eq!(outcome.report.skipped, [OpId(2)]);
    assert_eq!(outcome.log, ["do 1", "do 3", "do 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_halts_begins_nothing_more_and_undoes_nothing() {
    let plan = Plan { on_failure: OnFailure::Halt, ..changes(&[&[], &[1]]) };
    let outcome = run(&plan, &Fake::broken(1)).await;
    assert_eq!(outcome.report.end, End::Failed);
    assert_eq!(outcome.log, ["do 1"]);
}

/// A worker that is stopped and another operation beside it.
fn stop_of_a_worker(on_failure: OnFailure) -> Plan {
    let of = |number: u32| (replica(number), container(number));
    let ((replica, worker), required) = (of(1), on_failure != OnFailure::GoOn);
    let quiesce = Action::Quiesce { replica: replica.clone(), container: worker.clone(), required };
    let drain = Action::Drain {
        replica: replica.clone(),
        container: worker.clone(),
        deadline: 900 * SECOND,
        required,
    };
    let stop = Action::StopContainer { replica, container: worker, grace: None };
    let mut plan = plan_of(vec![(quiesce, &[]), (drain, &[1]), (stop, &[2]), (create(), &[])]);
    plan.on_failure = on_failure;
    plan.operations[0].undo = Some(Undo::Resume);
    plan.operations[1].undo = None;
    plan.operations[2].undo = None;
    plan
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_not_stopped_takes_work_again_whatever_the_plan_undoes() {
    for on_failure in [OnFailure::Undo, OnFailure::GoOn, OnFailure::Halt] {
        let interrupt = Interrupt::default();
        let target = Fake { hang: [2].into(), ..Fake::default() };
        let plan = stop_of_a_worker(on_failure);
        let press = async {
            sleep(SECOND).await;
            interrupt.end.cancel();
        };
        let conditions = Conditions { interrupt: interrupt.clone(), ..Conditions::default() };
        let (outcome, ()) = tokio::join!(run_under(&plan, &target, conditions), press);
        assert!(outcome.log.contains(&"undo 1".to_owned()), "{on_failure:?}: {:?}", outcome.log);
        assert!(!outcome.log.contains(&"do 3".to_owned()), "{on_failure:?}: {:?}", outcome.log);
    }
    // One that is stopped stays so.
    let outcome = run(&stop_of_a_worker(OnFailure::Halt), &Fake::broken(3)).await;
    assert!(!outcome.log.contains(&"undo 1".to_owned()), "{:?}", outcome.log);
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_a_time_of_its_own() {
    let target = Fake::default();
    let plan = stop_of_a_worker(OnFailure::GoOn);
    let outcome = run(&plan, &target).await;
    assert_eq!(outcome.report.end, End::Done);
    let failing = run(&plan, &Fake::broken(2)).await;
    assert_eq!(failing.warnings().len(), 1, "a failed hand-over keeps no stop from happening");
    assert!(failing.log.contains(&"do 3".to_owned()), "{:?}", failing.log);
    let refusing = run(&stop_of_a_worker(OnFailure::Undo), &Fake::broken(2)).await;
    assert!(!refusing.log.contains(&"do 3".to_owned()), "{:?}", refusing.log);
}

#[tokio::test(start_paused = true)]
async fn one_interrupt_undoes_and_two_leave_everything_as_it_is() {
    let plan = plan_of(vec![(create(), &[]), (wait(1), &[1])]);
    let interrupted = async |twice: bool| {
        let interrupt = Interrupt::default();
        let target = Fake { hang: [2].into(), ..Fake::default() };
        let press = async {
            sleep(SECOND).await;
            interrupt.end.cancel();
            if twice {
                interrupt.abort.cancel();
            }
        };
        let conditions = Conditions { interrupt: interrupt.clone(), ..Conditions::default() };
        tokio::join!(run_under(&plan, &target, conditions), press).0
    };
    let once = interrupted(false).await;
    assert_eq!((once.report.end, once.report.interrupted), (End::Undone, true));
    assert_eq!(once.log, ["do 1", "wait 2", "undo 1"]);
    let twice = interrupted(true).await;
    assert_eq!((twice.report.end, twice.report.interrupted), (End::Aborted, true));
    assert_eq!(twice.log, ["do 1", "wait 2"]);
}

#[tokio::test(start_paused = true)]
async fn all_waits_together_end_at_the_deadline_and_time_between_them_does_not_count() {
    let target = Fake { takes: 50 * SECOND, hang: [3].into(), ..Fake::default() };
    let plan = plan_of(vec![(create(), &[]), (wait(1), &[]), (wait(2), &[1])]);
    let outcome = run(&plan, &target).await;
    assert_eq!(outcome.failed(), [3]);
    assert_eq!(outcome.took.as_secs(), 150, "50 s of a change, then 100 s of waits");
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_was_lost_is_made_again_only_if_it_was_not_made() {
    let made = Fake { applied: [1].into(), ..Fake::fails(1, &[lost()]) };
    let outcome = run(&changes(&[&[]]), &made).await;
    assert_eq!(
        (outcome.report.end, &outcome.log[..]),
        (End::Done, &["do 1", "look at 1"].map(String::from)[..])
    );

    let outcome = run(&changes(&[&[]]), &Fake::fails(1, &[lost()])).await;
    assert_eq!(outcome.report.end, End::Done);
    assert_eq!(outcome.log, ["do 1", "look at 1", "do 1"]);

    let outcome = run(&changes(&[&[]]), &Fake::fails(1, &[lost(), lost(), lost()])).await;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.log, ["do 1", "look at 1", "do 1", "look at 1", "do 1", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_answer_in_time_is_never_made_again() {
    let made = Fake { applied: [1].into(), ..Fake::fails(1, &[late()]) };
    assert_eq!(run(&changes(&[&[]]), &made).await.report.end, End::Done);
    let outcome = run(&changes(&[&[]]), &Fake::fails(1, &[late()])).await;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.log, ["do 1", "look at 1", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_never_sent_twice() {
    let outcome = run(&plan_of(vec![(signal(), &[])]), &Fake::fails(1, &[lost()])).await;
    assert_eq!(outcome.failed(), [1]);
    assert_eq!(outcome.log, ["do 1", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_come_back_is_waited_for_once_in_each_direction() {
    let target = Fake::fails(2, &[lost()]).undo_fails(1, &[lost(), lost(), lost()]).undo_fails(2, &[lost()]);
    target.unreachable.set(true);
    let outcome = run(&changes(&[&[], &[1]]), &target).await;
    assert_eq!(outcome.report.end, End::UndoIncomplete);
    assert_eq!(outcome.log, ["do 1", "do 2", "undo 2", "undo 1"]);
    assert_eq!(outcome.took.as_secs(), 120, "60 s forward and 60 s for the undo");
    assert_eq!(outcome.warnings().len(), 2, "one warning in each direction: {:?}", outcome.warnings());
}

#[tokio::test(start_paused = true)]
async fn an_undo_is_repeated_after_a_lost_or_late_answer_and_after_a_refusal_of_an_ending_target() {
    let refused = Failure::new("shutting down", Retry::After(2 * SECOND));
    for failures in [vec![lost(), lost()], vec![late()], vec![refused.clone(), refused]] {
        let target = Fake::broken(2).undo_fails(1, &failures);
        let outcome = run(&changes(&[&[], &[1]]), &target).await;
        assert_eq!(outcome.report.end, End::Undone, "{failures:?}");
        let undone = outcome.log.iter().filter(|entry| *entry == "undo 1").count();
        assert_eq!(undone, failures.len() + 1, "{failures:?}");
    }
    let outcome = run(&changes(&[&[], &[1]]), &Fake::broken(2).undo_fails(1, &[late(), late()])).await;
    assert_eq!(outcome.report.end, End::UndoIncomplete, "a late undo is repeated once");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_the_target_was_not_asked_for_needs_no_undo() {
    let interrupt = Interrupt::default();
    let target = Fake { takes: SECOND, ..Fake::default() };
    let press = async {
        sleep(SECOND / 2).await;
        interrupt.end.cancel();
    };
    let plan = changes(&[&[], &[]]);
    // The second change waits for the only permit.
    let conditions = Conditions { interrupt: interrupt.clone(), parallel: Some(1), ..Conditions::default() };
    let outcome = tokio::join!(run_under(&plan, &target, conditions), press).0;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.log, ["do 1", "undo 1"]);
}

#[tokio::test(start_paused = true)]
async fn behind_a_closed_fence_no_change_begins() {
    let closed = Timed { opens: None };
    let target = Fake::default();
    let conditions = Conditions { fence: Some(&closed), ..Conditions::default() };
    let outcome = run_under(&changes(&[&[], &[1]]), &target, conditions).await;
    assert_eq!(outcome.report.end, End::Undone);
    assert_eq!(outcome.failed(), [1]);
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
    assert_eq!(outcome.took.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_until_the_fence_opens() {
    let opens = Timed { opens: Some(Instant::now() + 20 * SECOND) };
    let target = Fake::default();
    let conditions = Conditions { fence: Some(&opens), ..Conditions::default() };
    let outcome = run_under(&changes(&[&[]]), &target, conditions).await;
    assert_eq!((outcome.report.end, outcome.took.as_secs()), (End::Done, 20));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tolerated_behind_a_closed_fence() {
    let closed = Timed { opens: None };
    let target = Fake::default();
    let plan = plan_of(vec![(hook(HookPoint::PreStop, false), &[]), (create(), &[1])]);
    let conditions = Conditions { fence: Some(&closed), ..Conditions::default() };
    let outcome = run_under(&plan, &target, conditions).await;
    assert_eq!((outcome.failed(), outcome.warnings()), (vec![1], vec![]));
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
}

#[tokio::test(start_paused = true)]
async fn only_creations_begin_before_the_run_is_recorded() {
    let plan = plan_of(vec![(create(), &[]), (start(1), &[])]);
    for recorded in [true, false] {
        let (written, record) = watch::channel(None);
        let target = Fake::default();
        let record_start = async {
            sleep(SECOND).await;
            assert_eq!(*target.log.borrow(), ["do 1"], "before the record");
            written.send_replace(Some(recorded));
        };
        let conditions = Conditions { record: Some(record), ..Conditions::default() };
        let outcome = tokio::join!(run_under(&plan, &target, conditions), record_start).0;
        let started = outcome.log.contains(&"do 2".to_string());
        assert_eq!(started, recorded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_what_nothing_requires_is_a_warning() {
    for action in [tolerant_wait(1, Tolerance::default(), true), hook(HookPoint::PreStop, false)] {
        let plan = plan_of(vec![(action, &[]), (create(), &[1])]);
        let outcome = run(&plan, &Fake::broken(1)).await;
        assert_eq!(outcome.report.end, End::Done);
        assert_eq!(outcome.warnings().len(), 1);
        assert_eq!(outcome.log.last().unwrap(), "do 2");
    }
    for action in [wait(1), hook(HookPoint::PreStop, true), hook(HookPoint::PostStart, true)] {
        let outcome = run(&plan_of(vec![(action, &[])]), &Fake::broken(1)).await;
        assert_eq!(outcome.report.end, End::Undone);
    }
}

#[tokio::test(start_paused = true)]
async fn update_config_lets_failures_pass_up_to_its_limit() {
    let one = Tolerance { failures: 1, pauses: false };
    let unready = |id| {
        (id, VecDeque::from([Failure { service: Some("web".into()), ..Failure::new("unready", Retry::No) }]))
    };
    let waits = || vec![(tolerant_wait(1, one, false), &[][..]), (tolerant_wait(2, one, false), &[1][..])];
    let target = Fake { failures: RefCell::new([unready(1)].into()), ..Fake::default() };
    let outcome = run(&plan_of(waits()), &target).await;
    assert_eq!((outcome.report.end, outcome.warnings().len()), (End::Done, 1));
    let target = Fake { failures: RefCell::new([unready(1), unready(2)].into()), ..Fake::default() };
    let outcome = run(&plan_of(waits()), &target).await;
    assert_eq!((outcome.report.end, outcome.failed()), (End::Undone, vec![2]));
}

#[tokio::test(start_paused = true)]
async fn a_paused_update_leaves_out_the_replicas_that_it_did_not_begin() {
    let pauses = Tolerance { failures: 0, pauses: true };
    let plan = plan_of(vec![
        (start(1), &[]),
        (tolerant_wait(1, pauses, false), &[1]),
        (start(2), &[2]),
        (tolerant_wait(2, pauses, false), &[3]),
    ]);
    let outcome = run(&plan, &Fake::broken(2)).await;
    assert_eq!((outcome.report.end, outcome.failed()), (End::Paused, vec![2]));
    assert_eq!(outcome.log, ["do 1", "wait 2", "leave out 3"]);
}

#[tokio::test(start_paused = true)]
async fn each_replica_of_a_stability_window_is_judged_by_itself() {
    let pauses = Tolerance { failures: 0, pauses: true };
    let window = Action::Steady {
        containers: vec![(replica(1), container(1)), (replica(2), container(2))],
        window: 2 * SECOND,
    };
    let plan = plan_of(vec![(tolerant_wait(1, pauses, false), &[]), (window, &[1])]);
    let outcome = run(&plan, &Fake::broken(2)).await;
    assert_eq!((outcome.report.end, outcome.failed()), (End::Paused, vec![2]));
    assert_eq!(
        (&outcome.log[..], outcome.took.as_secs()),
        (&["wait 1", "watch 2", "watch 2"].map(String::from)[..], 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_before_a_stop_does_not_use_the_time_of_waits() {
    let hooks = vec![(hook(HookPoint::PostStart, true), &[][..])];
    let target = Fake { hang: [1].into(), ..Fake::default() };
    let outcome = run(&plan_of(hooks), &target).await;
    assert_eq!(outcome.took.as_secs(), 100);
    let target = Fake { hang: [1].into(), ..Fake::default() };
    let interrupt = Interrupt::default();
    let press = async {
        sleep(1000 * SECOND).await;
        interrupt.end.cancel();
    };
    let conditions = Conditions { interrupt: interrupt.clone(), ..Conditions::default() };
    let plan = plan_of(vec![(hook(HookPoint::PreStop, true), &[])]);
    let outcome = tokio::join!(run_under(&plan, &target, conditions), press).0;
    assert_eq!((outcome.took.as_secs(), outcome.report.interrupted), (1000, true));
}

#[tokio::test(start_paused = true)]
async fn a_subject_is_undone_with_the_last_of_its_operations() {
    let plan = plan_of(vec![(start(1), &[]), (start(1), &[1]), (wait(1), &[2])]);
    let outcome = run(&plan, &Fake::broken(3)).await;
    let undone = |event: &&Event| matches!(event, Event::Phase { phase: Phase::Undone, .. });
    assert_eq!(outcome.events.iter().filter(undone).count(), 1);
    assert!(matches!(outcome.events.last(), Some(Event::Phase { phase: Phase::Undone, .. })));
}
