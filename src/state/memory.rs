//! A storage in memory whose clock is tokio's, and the rules of lock and store tested on it with a paused clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fence::Fence;
use super::head::RunEntry;
use super::{
    ContentKey, ErrorKind, Found, Head, Held, Holder, Lock, LockChange, LockChangeKind, LockError, LockId,
    LockSignal, LockStorage, LockTokens, Operator, RecordContent, RecordFile, RecordStorage, Snapshot,
    StateError, StorageError, Store,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}")]
struct MemoryError(ErrorKind);

impl StorageError for MemoryError {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

/// The state of one project. Clones share it.
#[derive(Debug, Clone)]
struct Memory {
    begun: Instant,
    content: Arc<Mutex<Content>>,
    /// Counts changes, for those who watch a lock.
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Content {
    locks: u64,
    lock: Option<StoredLock>,
    /// Every change of a lock, with its time.
    history: Vec<(LockId, LockChange)>,
    records: Option<BTreeMap<String, Vec<u8>>>,
    marked: bool,
    /// The next writes that fail.
    write_errors: Vec<ErrorKind>,
    /// The next creation is done, and its answer is lost.
    lose_creation: bool,
    /// How many files of the next write are written.
    cut_after: Option<usize>,
}

#[derive(Debug, Clone)]
struct StoredLock {
    held: Held,
    cancel: Option<String>,
}

impl Memory {
    fn new() -> Memory {
        Memory { begun: Instant::now(), content: Arc::default(), changes: Arc::new(watch::Sender::new(0)) }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    fn change(&self, content: &mut Content, lock: &LockId, kind: LockChangeKind) {
        content.history.push((lock.clone(), LockChange { time: Some(LockStorage::now(self)), kind }));
        self.changes.send_modify(|count| *count += 1);
    }

    fn change_lock(&self, lock: &LockId, change: impl FnOnce(&mut StoredLock)) -> Result<(), MemoryError> {
        let mut content = self.content();
        if let Some(error) = content.write_errors.pop() {
            return Err(MemoryError(error));
        }
        let found = content.lock.as_mut().filter(|found| found.held.id == *lock);
        change(found.ok_or(MemoryError(ErrorKind::Missing))?);
        self.change(&mut content, lock, LockChangeKind::Written);
        Ok(())
    }

    /// Removes the lock as somebody does who does not know what it is.
    fn prune(&self) {
        let mut content = self.content();
        let lock = content.lock.take().unwrap();
        self.change(&mut content, &lock.held.id, LockChangeKind::Removed);
    }
}

impl LockStorage for Memory {
    type Error = MemoryError;

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.begun.elapsed()).unwrap()
    }

    async fn create_lock(&self, project: &str, holder: &Holder) -> Result<LockId, MemoryError> {
        let now = LockStorage::now(self);
        let mut content = self.content();
        if content.lock.is_some() {
            return Err(MemoryError(ErrorKind::Conflict));
        }
        content.locks += 1;
        let id = LockId(format!("lock {}", content.locks));
        let holder = Some(holder.clone());
        let held = Held { project: project.into(), id: id.clone(), holder, since: now, renewed: now, now };
        content.lock = Some(StoredLock { held, cancel: None });
        match std::mem::take(&mut content.lose_creation) {
            true => Err(MemoryError(ErrorKind::Unclear)),
            false => Ok(id),
        }
    }

    async fn find_lock(&self, _: &str) -> Result<Option<Held>, MemoryError> {
        let now = LockStorage::now(self);
        Ok(self.content().lock.clone().map(|lock| Held { now, ..lock.held }))
    }

    async fn renew_lock(&self, lock: &LockId) -> Result<(), MemoryError> {
        let now = LockStorage::now(self);
        self.change_lock(lock, |lock| lock.held.renewed = now)
    }

    async fn request_cancel(&self, lock: &LockId, by: &str) -> Result<(), MemoryError> {
        self.change_lock(lock, |lock| lock.cancel = Some(by.to_owned()))
    }

    async fn cancel_request(&self, lock: &LockId) -> Result<Option<String>, MemoryError> {
        let content = self.content();
        let found = content.lock.as_ref().filter(|found| found.held.id == *lock);
        Ok(found.and_then(|found| found.cancel.clone()))
    }

    async fn watch_lock(
        &self,
        lock: &LockId,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<LockChange, MemoryError>>, MemoryError> {
        let next = match since {
            None => self.content().history.len(),
            Some(since) => {
                let content = self.content();
                content.history.iter().take_while(|(_, change)| change.time < Some(since)).count()
            }
        };
        let (storage, lock) = (self.clone(), lock.clone());
        let changes = stream::unfold((next, self.changes.subscribe()), move |(mut next, mut news)| {
            let (storage, lock) = (storage.clone(), lock.clone());
            async move {
                loop {
                    let found = storage.content().history.get(next).cloned();
                    match found {
                        Some((id, change)) if id == lock => return Some((Ok(change), (next + 1, news))),
                        Some(_) => next += 1,
                        None => news.changed().await.ok()?,
                    }
                }
            }
        });
        Ok(changes.boxed())
    }

    async fn take_away_lock(&self, _: &str, lock: &LockId) -> Result<(), MemoryError> {
        self.change(&mut self.content(), lock, LockChangeKind::TakenAway);
        self.remove_lock(lock).await
    }

    async fn remove_lock(&self, lock: &LockId) -> Result<(), MemoryError> {
        let mut content = self.content();
        if content.lock.take_if(|found| found.held.id == *lock).is_some() {
            self.change(&mut content, lock, LockChangeKind::Removed);
        }
        Ok(())
    }

    async fn wait_until_released(&self, lock: &LockId) -> Result<(), MemoryError> {
        let mut news = self.changes.subscribe();
        while self.content().lock.as_ref().is_some_and(|found| found.held.id == *lock) {
            news.changed().await.unwrap();
        }
        Ok(())
    }
}

impl RecordStorage for Memory {
    type Error = MemoryError;

    async fn create_place(&self, _: &str, _: Option<&ContentKey>) -> Result<(), MemoryError> {
        self.content().records.get_or_insert_default();
        Ok(())
    }

    async fn read_files(&self, _: &str, path: &str, _: usize) -> Result<Vec<Vec<u8>>, MemoryError> {
        let content = self.content();
        let folder = format!("{path}/");
        let named = |name: &str| name == path || name.starts_with(&folder);
        let files = content.records.iter().flatten().filter(|(name, _)| named(name));
        let files: Vec<Vec<u8>> = files.map(|(_, content)| content.clone()).collect();
        if files.is_empty() { Err(MemoryError(ErrorKind::Missing)) } else { Ok(files) }
    }

    async fn write_files(&self, _: &str, files: Vec<RecordContent>) -> Result<(), MemoryError> {
        let mut content = self.content();
        let cut = content.cut_after.take();
        let records = content.records.as_mut().ok_or(MemoryError(ErrorKind::Missing))?;
        for (number, file) in files.into_iter().enumerate() {
            if cut == Some(number) {
                records.insert(file.path, file.content[..file.content.len() / 2].to_vec());
                return Err(MemoryError(ErrorKind::Unclear));
            }
            records.insert(file.path, file.content);
        }
        Ok(())
    }

    async fn mark_unfinished(&self, _: &str) -> Result<(), MemoryError> {
        self.content().marked = true;
        Ok(())
    }

    async fn clear_unfinished(&self, _: &str) -> Result<(), MemoryError> {
        self.content().marked = false;
        Ok(())
    }

    async fn is_marked_unfinished(&self, _: &str) -> Result<bool, MemoryError> {
        Ok(self.content().marked)
    }
}

const LEASE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// A holder whose process this one cannot see: only its lease shows whether it runs.
fn holder(user: &str) -> Holder {
    let operator = Operator { user: user.into(), host: "elsewhere".into() };
    Holder { process: None, ..Holder::of_this_process(operator, "deploy".into(), LEASE) }
}

fn tokens() -> LockTokens {
    LockTokens { cancel: CancellationToken::new(), lost: CancellationToken::new() }
}

/// A fence by tokio's clock.
fn fence(storage: &Memory) -> Fence {
    let begun = storage.begun;
    Fence::timed(LEASE * 2 / 3, Arc::new(move || begun.elapsed()))
}

async fn take(storage: &Memory, user: &str) -> Result<Lock<Memory>, LockError<MemoryError>> {
    Lock::take_with(fence(storage), storage, "p", &holder(user), tokens(), |_| {}).await
}

async fn take_with(storage: &Memory, user: &str, tokens: &LockTokens) -> Lock<Memory> {
    let fence = fence(storage);
    Lock::take_with(fence, storage, "p", &holder(user), tokens.clone(), |_| {}).await.unwrap()
}

fn user(storage: &Memory) -> Option<String> {
    let holder = storage.content().lock.as_ref()?.held.holder.clone();
    holder.map(|holder| holder.operator.user)
}

/// Lets the keepers of locks run.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_renews_refuses_within_one_renewal() {
    let storage = Memory::new();
    let first = take(&storage, "ann").await.unwrap();
    pass(5 * LEASE + SECOND).await;
    let begun = Instant::now();
    let refused = take(&storage, "bob").await.unwrap_err();
    assert!(
        matches!(&refused, LockError::Held(held) if held.holder.as_ref().unwrap().operator.user == "ann")
    );
    assert!(begun.elapsed() <= LEASE / 3, "{:?}", begun.elapsed());
    assert!(first.fence().check().is_ok());
    first.release().await.unwrap();
    take(&storage, "bob").await.unwrap().release().await.unwrap();
    assert_eq!(user(&storage), None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_holder_loses_the_lock_when_its_lease_ends_and_not_before() {
    let storage = Memory::new();
    drop(take(&storage, "ann").await.unwrap());
    let begun = Instant::now();
    let lock = take(&storage, "bob").await.unwrap();
    assert!((LEASE..=LEASE + 2 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(user(&storage).as_deref(), Some("bob"));
    lock.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_fence_closes_before_another_may_take_the_lock() {
    let storage = Memory::new();
    let first = take(&storage, "ann").await.unwrap();
    storage.content().write_errors = vec![ErrorKind::Unavailable; 10_000];
    pass(LEASE * 2 / 3 - SECOND).await;
    assert!(first.fence().check().is_ok());
    pass(SECOND).await;
    assert!(first.fence().check().is_err());
    assert!(
        Lock::find(&storage, "p").await.unwrap().unwrap().is_alive(),
        "the lease is longer than the fence"
    );
    storage.content().write_errors.clear();
    pass(SECOND).await;
    assert!(first.fence().check().is_ok(), "it still has the lock, and renewed it");
}

#[tokio::test(start_paused = true)]
async fn of_many_who_wait_for_a_silent_holder_one_gets_the_lock() {
    let storage = Memory::new();
    drop(take(&storage, "ann").await.unwrap());
    let users: Vec<String> = (0..8).map(|number| format!("user {number}")).collect();
    let outcomes = futures_util::future::join_all(users.iter().map(|user| take(&storage, user))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().flat_map(Result::as_ref).all(|lock| lock.fence().check().is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_for_the_lock_ends_at_once() {
    let storage = Memory::new();
    drop(take(&storage, "ann").await.unwrap());
    let tokens = tokens();
    let bob = holder("bob");
    let waits = Lock::take_with(fence(&storage), &storage, "p", &bob, tokens.clone(), |_| {
        tokens.cancel.cancel();
    });
    let begun = Instant::now();
    assert!(matches!(waits.await, Err(LockError::Interrupted)));
    assert_eq!((begun.elapsed(), user(&storage).as_deref()), (Duration::ZERO, Some("ann")));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_created_although_its_answer_was_lost_belongs_to_its_holder() {
    let storage = Memory::new();
    storage.content().lose_creation = true;
    let lock = take(&storage, "ann").await.unwrap();
    assert_eq!(storage.content().locks, 1);
    lock.release().await.unwrap();
    assert_eq!(user(&storage), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_to_cancel_reaches_the_holder() {
    let storage = Memory::new();
    let tokens = tokens();
    let lock = take_with(&storage, "ann", &tokens).await;
    let held = Lock::find(&storage, "p").await.unwrap().unwrap();
    Lock::ask_to_cancel(&storage, &held, "`stop` by bob").await.unwrap();
    tokens.cancel.cancelled().await;
    assert_eq!(lock.signal(), Some(LockSignal::Cancel { by: "`stop` by bob".into() }));
    assert!(!tokens.lost.is_cancelled() && lock.fence().check().is_ok());
    let (released, waited) = tokio::join!(lock.release(), Lock::wait_for_release(&storage, &held));
    assert_eq!((released, waited), (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_taken_away_stops_its_holder_and_is_not_created_again() {
    let storage = Memory::new();
    let tokens = tokens();
    let lock = take_with(&storage, "ann", &tokens).await;
    let held = Lock::find(&storage, "p").await.unwrap().unwrap();
    Lock::take_away(&storage, &held).await.unwrap();
    tokens.lost.cancelled().await;
    assert!(lock.fence().check().is_err() && !tokens.cancel.is_cancelled());
    let successor = take(&storage, "bob").await.unwrap();
    lock.release().await.unwrap();
    assert_eq!(user(&storage).as_deref(), Some("bob"), "the release of a lost lock touches no later one");
    successor.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_pruned_is_created_again_while_the_fence_is_open() {
    let storage = Memory::new();
    let tokens = tokens();
    let lock = take_with(&storage, "ann", &tokens).await;
    storage.prune();
    pass(SECOND).await;
    assert_eq!((user(&storage).as_deref(), storage.content().locks), (Some("ann"), 2));
    assert_eq!(lock.signal(), None);

    storage.content().write_errors = vec![ErrorKind::Unavailable; 10_000];
    pass(LEASE).await;
    storage.prune();
    tokens.lost.cancelled().await;
    assert_eq!((user(&storage), lock.signal()), (None, Some(LockSignal::Lost)));
}

#[tokio::test(start_paused = true)]
async fn another_holder_that_came_first_after_a_prune_keeps_the_lock() {
    let storage = Memory::new();
    let tokens = tokens();
    let lock = take_with(&storage, "ann", &tokens).await;
    storage.prune();
    storage.create_lock("p", &holder("bob")).await.unwrap();
    tokens.lost.cancelled().await;
    lock.release().await.unwrap();
    assert_eq!(user(&storage).as_deref(), Some("bob"));
}

/// A head with the run of this number.
fn head(number: u64) -> Head {
    let run = RunEntry {
        number,
        verb: "deploy".into(),
        mode: None,
        operator: Operator::default(),
        began: Timestamp::UNIX_EPOCH,
        outcome: None,
        reach: None,
    };
    Head { run: Some(run), ..Head::default() }
}

async fn store() -> (Memory, Store<Memory>, Snapshot) {
    let storage = Memory::new();
    let store = Store::of(&storage, "p");
    assert_eq!(store.read().await.unwrap(), Found::Missing);
    let empty = store.ensure(&ContentKey::generate().unwrap()).await.unwrap();
    assert_eq!(empty, Snapshot::default());
    let first = store.write(&empty, head(1), &[(RecordFile::Plan(1), b"plan 1".to_vec())]).await.unwrap();
    (storage, store, first)
}

#[tokio::test]
async fn a_write_cut_in_any_file_leaves_the_old_head_with_its_parts() {
    for cut in 0..3 {
        let (storage, store, first) = store().await;
        let parts = [(RecordFile::Plan(2), b"plan 2".to_vec()), (RecordFile::Logs(2), b"logs 2".to_vec())];
        storage.content().cut_after = Some(cut);
        store.write(&first, head(2), &parts).await.unwrap_err();
        assert_eq!(store.read().await.unwrap(), Found::Whole(first.clone().into()), "cut in file {cut}");
        assert_eq!(store.part(RecordFile::Plan(1)).await.unwrap(), b"plan 1");
        let second = store.write(&first, head(2), &parts).await.unwrap();
        assert_eq!(store.read().await.unwrap(), Found::Whole(second.into()));
        assert_eq!(store.part(RecordFile::Plan(2)).await.unwrap(), b"plan 2");
    }
}

#[tokio::test]
async fn a_file_that_was_used_again_is_not_read_as_the_old_one() {
    let (_, store, first) = store().await;
    store.write(&first, head(3), &[(RecordFile::Plan(3), b"plan 3".to_vec())]).await.unwrap();
    assert!(matches!(store.part(RecordFile::Plan(1)).await, Err(StateError::Damaged { .. })));
    assert_eq!(store.part(RecordFile::Plan(3)).await.unwrap(), b"plan 3");
}

#[tokio::test]
async fn damaged_records_are_reported_and_the_next_write_replaces_them() {
    let (storage, store, _) = store().await;
    for content in storage.content().records.as_mut().unwrap().values_mut() {
        content.truncate(10);
    }
    assert_eq!(store.read().await.unwrap(), Found::Damaged);
    let again = store.write(&Snapshot::default(), head(7), &[]).await.unwrap();
    assert_eq!(store.read().await.unwrap(), Found::Whole(again.into()));
}

#[tokio::test]
async fn the_mark_of_an_unfinished_run_is_set_and_removed() {
    let (_, store, _) = store().await;
    assert!(!store.is_marked_unfinished().await.unwrap());
    store.mark_unfinished().await.unwrap();
    assert!(store.is_marked_unfinished().await.unwrap());
    store.clear_unfinished().await.unwrap();
    assert!(!store.is_marked_unfinished().await.unwrap());
}
