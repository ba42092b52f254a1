//! What `sofa` keeps on the engine: records that survive a write cut anywhere, a prune, and an older `sofa`.

use jiff::Timestamp;
use sofa::testing::docker::state::{StateError, Store, content_key};
use sofa::testing::engine::{Engine, Wanted};
use sofa::testing::plan::observed::ContainerId;
use sofa::testing::state::head::{Operator, RunEntry};
use sofa::testing::state::{ContentKey, Found, Head, RecordFile, Snapshot};

use crate::support::fake_engine::FakeEngine;

/// A head with the run of this number.
fn head(number: u64) -> Head {
    let run = RunEntry {
        number,
        verb: "deploy".into(),
        mode: None,
        operator: Operator { user: "ann".into(), host: "desk".into() },
        began: Timestamp::UNIX_EPOCH,
        outcome: None,
        reach: None,
    };
    Head { run: Some(run), ..Head::default() }
}

/// A store with a first record and its plan.
async fn store(engine: &Engine) -> (Store, Snapshot) {
    let store = Store::of(engine, "p");
    let empty = store.ensure(&ContentKey::generate().unwrap()).await.unwrap();
    assert_eq!(empty, Snapshot::default());
    let first = store.write(&empty, head(1), &[(RecordFile::Plan(1), b"plan 1".to_vec())]).await.unwrap();
    (store, first)
}

#[tokio::test]
async fn the_store_is_made_from_nothing_and_read_with_one_call() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    assert_eq!(Store::of(&engine, "p").read().await.unwrap(), Found::Missing);
    let (store, first) = store(&engine).await;
    fake.forget_calls();
    assert_eq!(store.read().await.unwrap(), Found::Whole(first.into()));
    assert_eq!(fake.calls(), ["GET /containers/sofa.state.p/archive?path=/state/head"]);
    assert_eq!(store.part(RecordFile::Plan(1)).await.unwrap(), b"plan 1");
    assert_eq!(fake.state().names(), ["sofa.state.p"]);
}

#[tokio::test]
async fn a_write_cut_at_any_byte_leaves_the_old_head_or_the_new_one_with_all_its_parts() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let (store, first) = store(&engine).await;
    let before = fake.state().volumes["sofa.state.p"].files.clone();
    store.write(&first, head(2), &[(RecordFile::Plan(2), b"plan 2".to_vec())]).await.unwrap();
    let upload = fake.request("PUT /containers/sofa.state.p/archive").body;
    let (mut old, mut new) = (0, 0);
    for length in 0..=upload.len() {
        fake.state().volumes.get_mut("sofa.state.p").unwrap().files = before.clone();
        let container = ContainerId("sofa.state.p".into());
        engine.upload(&container, "/", upload.slice(..length)).await.unwrap();
        let Found::Whole(found) = store.read().await.unwrap() else {
            panic!("nothing is read after a cut at byte {length}");
        };
        let number = found.head.run.as_ref().unwrap().number;
        *(if number == 1 { &mut old } else { &mut new }) += 1;
        let plan = store.part(RecordFile::Plan(number)).await.unwrap();
        assert_eq!(plan, format!("plan {number}").into_bytes(), "cut at byte {length}");
        // What was found is also what the next write begins from.
        if length % 64 != 0 {
            continue;
        }
        store.write(&found, head(3), &[]).await.unwrap();
        assert_eq!(store.read().await.unwrap().or_empty().head, head(3), "cut at byte {length}");
    }
    assert!(old > 1000 && new > 1000, "{old} cuts left the old head, {new} the new one");
}

#[tokio::test]
async fn a_store_of_a_newer_format_is_refused_with_the_version_it_needs() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let (store, _) = store(&engine).await;
    {
        let mut state = fake.state();
        let file = state.volumes.get_mut("sofa.state.p").unwrap().files.get_mut("/head/1").unwrap();
        // printf '2 9.1.0 5\nfrom the future' | sha256sum
        file.content = b"sofa-state 2 9.1.0 5 15 db0fb182dd9f03d0b8ed64bfcba5655ec7d215c948a84521e763b2d70492b8b7\nfrom the future".to_vec();
    }
    let error = store.read().await.unwrap_err();
    assert!(matches!(&error, StateError::Newer { needs, .. } if needs == "9.1.0"), "{error:?}");
}

#[tokio::test]
async fn a_pruned_container_is_made_again_and_the_records_and_the_key_are_still_there() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let (store, first) = store(&engine).await;
    let key = content_key(&engine.observe("p", &Wanted::default()).await.unwrap()).unwrap();
    fake.state().containers.clear();
    fake.state().images.clear();
    assert_eq!(store.read().await.unwrap(), Found::Missing);
    assert_eq!(store.ensure(&ContentKey::generate().unwrap()).await.unwrap(), first);
    let observed = engine.observe_project("p").await.unwrap();
    assert_eq!(content_key(&observed), Some(key));
}

#[tokio::test]
async fn a_store_that_is_gone_begins_anew_with_a_new_key() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let (store, _) = store(&engine).await;
    let key = content_key(&engine.observe_project("p").await.unwrap()).unwrap();
    fake.state().containers.clear();
    fake.state().volumes.clear();
    assert_eq!(content_key(&engine.observe_project("p").await.unwrap()), None);
    let new = ContentKey::generate().unwrap();
    assert_eq!(store.ensure(&new).await.unwrap(), Snapshot::default());
    let found = content_key(&engine.observe_project("p").await.unwrap()).unwrap();
    assert_eq!(found, new);
    assert!(!found.created(&key.digest(b"config")), "digests of the lost key are not mistaken for changes");
}

#[tokio::test]
async fn files_that_are_not_records_count_as_none() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let (store, _) = store(&engine).await;
    for file in fake.state().volumes.get_mut("sofa.state.p").unwrap().files.values_mut() {
        file.content = b"scribble".to_vec();
    }
    assert_eq!(store.read().await.unwrap(), Found::Damaged);
    assert!(matches!(store.part(RecordFile::Plan(1)).await, Err(StateError::Damaged { .. })));
    let again = store.write(&Snapshot::default(), head(7), &[]).await.unwrap();
    assert_eq!(store.read().await.unwrap(), Found::Whole(again.into()));
}

#[tokio::test]
async fn the_store_is_no_part_of_the_project() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    store(&engine).await;
    let observed = engine.observe("p", &Wanted::default()).await.unwrap();
    assert!(observed.containers.is_empty() && observed.volumes.is_empty() && observed.store.is_some());
    let other = engine.observe("q", &Wanted::default()).await.unwrap();
    assert!(other.store.is_none());
}
