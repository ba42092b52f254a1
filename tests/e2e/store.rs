//! What `sofa` keeps on the engine, on a real one.

use sofa::testing::docker::state::{Store, content_key};
use sofa::testing::engine::Wanted;
use sofa::testing::plan::observed::{ContainerId, State};
use sofa::testing::state::{ContentKey, Found, Head, RecordFile};

use crate::support::real_engine::TestProject;

#[tokio::test]
async fn records_are_written_cut_and_read_in_a_container_that_never_runs() {
    let Some(test) = TestProject::new("store").await else {
        return;
    };
    let engine = test.engine();
    let store = Store::of(engine, test.name());
    assert_eq!(store.read().await.unwrap(), Found::Missing);
    let empty = store.ensure(&ContentKey::generate().unwrap()).await.unwrap();
    let plan = vec![b'x'; 300_000];
    let first = store.write(&empty, Head::default(), &[(RecordFile::Plan(1), plan.clone())]).await.unwrap();
    assert_eq!(store.read().await.unwrap(), Found::Whole(first.clone().into()));
    assert_eq!(store.part(RecordFile::Plan(1)).await.unwrap(), plan);

    // An upload that ends early: the other head is read.
    let container = ContainerId(format!("sofa.state.{}", test.name()));
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5000);
    header.set_mode(0o600);
    archive.append_data(&mut header, "state/head/0", &[b'y'; 5000][..]).unwrap();
    let cut = archive.into_inner().unwrap()[..2000].to_vec();
    drop(engine.upload(&container, "/", cut.into()).await);
    assert_eq!(store.read().await.unwrap(), Found::Whole(first.clone().into()));
    let second = store.write(&first, Head::default(), &[]).await.unwrap();
    assert_eq!(store.read().await.unwrap(), Found::Whole(second.clone().into()));

    // `docker container prune`: volume, records and key are there again with the next container.
    let observed = engine.observe(test.name(), &Wanted::default()).await.unwrap();
    let key = content_key(&observed).unwrap();
    let shelf = observed.foreign.iter().find(|found| found.name == container.as_str()).unwrap();
    assert_eq!(shelf.state, State::Created);
    engine.remove(&shelf.id, Default::default()).await.unwrap();
    assert_eq!(store.read().await.unwrap(), Found::Missing);
    assert_eq!(store.ensure(&ContentKey::generate().unwrap()).await.unwrap(), second);
    assert_eq!(content_key(&engine.observe_project(test.name()).await.unwrap()), Some(key));
}
