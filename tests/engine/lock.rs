//! The lock of a project: one holder at a time, also when a holder dies, sleeps or is asked to cancel.

use std::cell::Cell;
use std::time::{Duration, Instant};

use sofa::testing::docker::state::{Lock, LockError};
use sofa::testing::engine::Engine;
use sofa::testing::engine::state_container::lock_name;
use sofa::testing::state::{Held, Holder, LockSignal, LockTokens, Operator, Process};
use tokio_util::sync::CancellationToken;

use crate::support::fake_engine::{FakeEngine, Fault};

/// Short enough for tests; the engine's clock has whole seconds.
const LEASE: Duration = Duration::from_secs(3);

fn holder(user: &str) -> Holder {
    let operator = Operator { user: user.to_owned(), host: "desk".to_owned() };
    Holder::of_this_process(operator, "deploy production".to_owned(), LEASE)
}

/// A holder on another machine.
fn elsewhere(user: &str) -> Holder {
    let process = Process::own().map(|own| Process { boot: "another".to_owned(), ..own });
    Holder { process, ..holder(user) }
}

/// A holder on this machine whose process does not exist any more.
fn dead(user: &str) -> Holder {
    let process = Process::own().map(|own| Process { start: own.start + 1, ..own });
    Holder { process, ..holder(user) }
}

fn tokens() -> LockTokens {
    LockTokens { cancel: CancellationToken::new(), lost: CancellationToken::new() }
}

async fn take(engine: &Engine, holder: &Holder) -> Result<Lock, LockError> {
    Lock::take(engine, "p", holder, tokens(), |_| {}).await
}

/// The holder that stands in the way.
fn held(outcome: Result<Lock, LockError>) -> Held {
    match outcome {
        Err(LockError::Held(held)) => *held,
        other => panic!("not held by another: {other:?}"),
    }
}

/// Leaves a lock behind, as a process does that is killed.
async fn leave(engine: &Engine, holder: &Holder) {
    drop(take(engine, holder).await.unwrap());
}

#[tokio::test]
async fn a_lock_is_one_call_to_take_and_one_to_release() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    take(&engine, &holder("ann")).await.unwrap().release().await.unwrap();
    assert_eq!(fake.state().names(), [""; 0]);
    fake.forget_calls();
    take(&engine, &holder("ann")).await.unwrap().release().await.unwrap();
    let changes = fake.changes();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(changes[0], "POST /containers/create?name=sofa.lock.p");
    assert!(changes[1].starts_with("DELETE /containers/"), "{changes:?}");
}

#[tokio::test]
async fn a_holder_on_this_machine_that_lives_refuses_at_once_and_says_who_it_is() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let first = take(&engine, &holder("ann")).await.unwrap();
    let begun = Instant::now();
    let found = held(take(&engine, &holder("bob")).await);
    assert!(begun.elapsed() < Duration::from_secs(1));
    let text = found.to_string();
    assert!(text.starts_with("`deploy production` by ann on desk (pid "), "{text}");
    assert!(text.contains("ago), renewed 0s ago"), "{text}");
    first.release().await.unwrap();
    take(&engine, &holder("bob")).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn a_holder_on_this_machine_that_is_gone_is_taken_over_at_once() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    leave(&engine, &dead("ann")).await;
    let begun = Instant::now();
    let lock = take(&engine, &holder("bob")).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
    let found = Lock::find(&engine, "p").await.unwrap().unwrap();
    assert_eq!(found.holder.unwrap().operator.user, "bob");
    lock.release().await.unwrap();
}

#[tokio::test]
async fn a_holder_elsewhere_that_renews_refuses_and_a_silent_one_is_taken_over_within_its_lease() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let first = take(&engine, &elsewhere("ann")).await.unwrap();
    let (begun, told) = (Instant::now(), Cell::new(0));
    let outcome = Lock::take(&engine, "p", &holder("bob"), tokens(), |_| told.set(told.get() + 1)).await;
    assert_eq!(held(outcome).holder.unwrap().operator.user, "ann");
    assert!(begun.elapsed() < LEASE, "one renewal is enough: {:?}", begun.elapsed());
    assert_eq!(told.get(), 1);

    drop(first);
    let begun = Instant::now();
    take(&engine, &holder("bob")).await.unwrap().release().await.unwrap();
    assert!(begun.elapsed() < LEASE + Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn of_many_that_find_a_dead_holder_one_takes_over() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    for _ in 0..20 {
        leave(&engine, &dead("ann")).await;
        let holders: Vec<Holder> = (0..8).map(|n| holder(&format!("user {n}"))).collect();
        let outcomes = futures_util::future::join_all(holders.iter().map(|h| take(&engine, h))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((taken.len(), refused.len()), (1, 7));
        for lock in taken.into_iter().flatten() {
            lock.release().await.unwrap();
        }
        assert_eq!(fake.state().names(), [""; 0]);
    }
}

#[tokio::test]
async fn a_renewed_lock_is_held_for_longer_than_its_lease() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let lock = take(&engine, &elsewhere("ann")).await.unwrap();
    tokio::time::sleep(LEASE + Duration::from_millis(500)).await;
    assert!(lock.fence().check().is_ok());
    let found = Lock::find(&engine, "p").await.unwrap().unwrap();
    assert!(found.is_alive() && found.renewed > found.since, "{found}");
    lock.release().await.unwrap();
}

#[tokio::test]
async fn a_holder_whose_renewals_fail_begins_nothing_more() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let lock = take(&engine, &holder("ann")).await.unwrap();
    fake.fault(Fault::on("PUT", "/containers/*/archive").status(500, "disk full").always());
    tokio::time::sleep(LEASE).await;
    assert!(lock.fence().check().is_err());
    fake.state().faults.clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lock.fence().check().is_ok(), "it is still its lock, and renewed again");
    lock.release().await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_gets_no_answer_is_made_again_before_the_lease_is_in_doubt() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let lock = take(&engine, &holder("ann")).await.unwrap();
    fake.fault(Fault::on("PUT", "/containers/*/archive").hang());
    let end = tokio::time::Instant::now() + LEASE * 2;
    while tokio::time::Instant::now() < end {
        assert!(lock.fence().check().is_ok());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(fake.state().faults.is_empty(), "no renewal was left without an answer");
    lock.release().await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_taken_away_ends_its_holder_at_once_and_the_successor_is_let_be() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let tokens = tokens();
    let lock = Lock::take(&engine, "p", &holder("ann"), tokens.clone(), |_| {}).await.unwrap();
    let found = Lock::find(&engine, "p").await.unwrap().unwrap();
    Lock::take_away(&engine, &found).await.unwrap();
    let successor = take(&engine, &holder("bob")).await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), tokens.lost.cancelled()).await.unwrap();
    assert!(lock.fence().check().is_err() && !tokens.cancel.is_cancelled());
    assert_eq!(lock.signal(), Some(LockSignal::Lost));
    lock.release().await.unwrap();
    assert_eq!(fake.state().names(), [lock_name("p")]);
    successor.release().await.unwrap();
}

#[tokio::test]
async fn a_lock_that_was_only_removed_is_taken_again() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let tokens = tokens();
    let lock = Lock::take(&engine, "p", &holder("ann"), tokens.clone(), |_| {}).await.unwrap();
    fake.pruning()();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let found = held(take(&engine, &holder("bob")).await);
    assert_eq!(found.holder.as_ref().unwrap().operator.user, "ann");
    assert!(lock.signal().is_none() && !tokens.lost.is_cancelled());
    Lock::ask_to_cancel(&engine, &found, "`stop` by bob on server").await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), tokens.cancel.cancelled()).await.unwrap();
    tokio::time::sleep(LEASE).await;
    assert!(lock.fence().check().is_ok(), "it is renewed");
    lock.release().await.unwrap();
    assert_eq!(fake.state().names(), [""; 0]);
}

#[tokio::test]
async fn a_lock_that_was_removed_while_its_holder_could_not_renew_it_is_not_taken_again() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let tokens = tokens();
    let lock = Lock::take(&engine, "p", &holder("ann"), tokens.clone(), |_| {}).await.unwrap();
    fake.fault(Fault::on("PUT", "/containers/*/archive").status(500, "disk full").always());
    tokio::time::sleep(LEASE).await;
    fake.pruning()();
    tokio::time::timeout(Duration::from_secs(1), tokens.lost.cancelled()).await.unwrap();
    assert_eq!((lock.signal(), fake.state().names()), (Some(LockSignal::Lost), Vec::new()));
}

#[tokio::test]
async fn reads_and_subscriptions_that_hang_keep_nobody_from_renewing() {
    for path in ["/containers/*/archive", "/events"] {
        let fake = FakeEngine::start();
        let engine = fake.connect().await;
        fake.fault(Fault::on("GET", path).hang().always());
        let lock = take(&engine, &holder("ann")).await.unwrap();
        tokio::time::sleep(LEASE + Duration::from_millis(500)).await;
        assert!(lock.fence().check().is_ok(), "{path}");
        lock.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_holder_hears_at_once_that_it_is_to_cancel() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let tokens = tokens();
    let lock = Lock::take(&engine, "p", &holder("ann"), tokens.clone(), |_| {}).await.unwrap();
    let found = Lock::find(&engine, "p").await.unwrap().unwrap();
    Lock::ask_to_cancel(&engine, &found, "`stop` by bob on server").await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), tokens.cancel.cancelled()).await.unwrap();
    assert_eq!(lock.signal(), Some(LockSignal::Cancel { by: "`stop` by bob on server".to_owned() }));
    let released = Lock::wait_for_release(&engine, &found);
    let (released, _) = tokio::join!(released, lock.release());
    released.unwrap();
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_found_to_be_our_own() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    take(&engine, &holder("ann")).await.unwrap().release().await.unwrap();
    fake.fault(Fault::on("POST", "/containers/create").cut_after());
    let lock = take(&engine, &holder("ann")).await.unwrap();
    lock.release().await.unwrap();
    assert_eq!(fake.state().names(), [""; 0]);
    fake.fault(Fault::on("POST", "/containers/create").cut_before());
    take(&engine, &holder("ann")).await.unwrap().release().await.unwrap();
    fake.fault(Fault::on("DELETE", "/containers/*").cut_before());
    take(&engine, &holder("ann")).await.unwrap().release().await.unwrap();
    assert_eq!(fake.state().names(), [""; 0]);
}
