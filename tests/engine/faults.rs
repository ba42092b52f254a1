//! Faults during a run: refusals, missing answers, broken connections and streams, unknown words.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use sofa::testing::compose::model::{Healthcheck, HealthcheckTest, Service};
use sofa::testing::engine::events::Action;
use sofa::testing::engine::exec::ExecCommand;
use sofa::testing::engine::logs::{LogQuery, OutputStream};
use sofa::testing::engine::{Engine, EngineError, Host};
use sofa::testing::plan::observed::{Health, State};
use sofa::testing::state::{ErrorKind, StorageError};

use crate::requests::{create, new_container, service};
use crate::support::fake_engine::{ExecReply, FakeEngine, Fault, Script};

fn with_healthcheck() -> Service {
    let test = HealthcheckTest(vec!["CMD".to_owned(), "true".to_owned()]);
    Service { healthcheck: Some(Healthcheck { test, ..Healthcheck::default() }), ..service() }
}

#[tokio::test]
async fn a_broken_connection_says_that_the_call_may_have_happened() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    fake.fault(Fault::on("POST", "/containers/create").cut_after());
    let error = engine.create(&new_container(&engine, &service(), "p-web-1")).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Stream { .. })
            && error.kind() == ErrorKind::Unclear
            && error.is_connection(),
        "{error:?}"
    );
    assert_eq!(fake.state().names(), ["p-web-1"], "it did happen");
    fake.fault(Fault::on("POST", "/containers/create").cut_before());
    engine.create(&new_container(&engine, &service(), "p-web-2")).await.unwrap_err();
    assert_eq!(fake.state().names(), ["p-web-1"], "it did not");
    engine.list_volumes().await.unwrap();
}

#[tokio::test]
async fn a_read_is_tried_twice_and_a_change_never() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    fake.forget_calls();
    fake.fault(Fault::on("GET", "/volumes").cut_before());
    engine.list_volumes().await.unwrap();
    assert_eq!(fake.calls(), ["GET /volumes", "GET /volumes"]);
    fake.fault(Fault::on("GET", "/volumes").cut_before().always());
    assert!(engine.list_volumes().await.unwrap_err().is_connection());
    fake.forget_calls();
    fake.fault(Fault::on("POST", "/containers/*/start").cut_before());
    assert_eq!(engine.start(&id).await.unwrap_err().kind(), ErrorKind::Unclear);
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn silence_ends_with_the_calls_own_deadline() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    fake.fault(Fault::on("GET", "/volumes").hang());
    // From here on time jumps to the next deadline whenever nothing else can happen.
    tokio::time::pause();
    let error = engine.list_volumes().await.unwrap_err();
    assert_eq!(error.to_string(), "list of volumes: no answer from the engine within 60 s");
    fake.fault(Fault::on("POST", "/containers/*/stop").hang());
    let error = engine.stop(&id, Some(Duration::from_secs(300))).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Timeout { after, .. } if after == Duration::from_secs(360)),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_without_a_grace_period_of_its_own_has_the_containers() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let patience = Duration::from_millis(200);
    let engine = Engine::connect(Host::resolve(Some(&fake.address())).unwrap(), patience).await.unwrap();
    let grace = Some(Duration::from_secs(1).into());
    let id = create(&engine, &Service { stop_grace_period: grace, ..service() }).await;
    engine.start(&id).await.unwrap();
    fake.script("web", Script::default().stops_after(900));
    engine.stop(&id, None).await.unwrap();
    fake.fault(Fault::on("POST", "/containers/*/stop").hang());
    let error = engine.stop(&id, None).await.unwrap_err();
    let after = Duration::from_millis(1200);
    assert!(matches!(error, EngineError::Timeout { after: found, .. } if found == after), "{error}");
}

#[tokio::test]
async fn an_engine_that_restarted_is_used_again() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    engine.list_volumes().await.unwrap();
    let events = engine.events("p", None).await.unwrap();
    fake.break_connections();
    let last = events.collect::<Vec<_>>().await.pop().unwrap();
    assert!(last.unwrap_err().is_connection());
    engine.list_volumes().await.unwrap();
}

#[tokio::test]
async fn words_that_nobody_knows_sink_nothing() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    let mut events = engine.events("p", None).await.unwrap();
    let strange = json!({"Type": "pod", "Action": "evict", "Actor": {"ID": "x", "Attributes": null}});
    let daemon = json!({"Type": "daemon", "Action": "reload"});
    for event in [strange, daemon] {
        fake.tell(event);
    }
    engine.start(&id).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().action, Action::Start);
    fake.state().containers.get_mut(id.as_str()).unwrap().body["HostConfig"]["Mounts"] =
        json!([{"Type": "hologram", "Target": "/x"}]);
    let observed = engine.observe("p", &Default::default()).await.unwrap();
    assert_eq!(observed.containers[0].mounts[0].kind, "hologram");
}

#[tokio::test]
async fn events_since_a_moment_lose_nothing_before_the_subscription() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.script("web", Script::default().healthy_after(30).exits(3, 60));
    let engine = fake.connect().await;
    let before = jiff::Timestamp::now();
    let id = create(&engine, &with_healthcheck()).await;
    engine.start(&id).await.unwrap();
    let events: Vec<_> = engine
        .events("p", Some(before))
        .await
        .unwrap()
        .take(4)
        .map(|event| event.unwrap().action)
        .collect()
        .await;
    assert_eq!(events, [Action::Create, Action::Start, Action::Health(Health::Healthy), Action::Die(3)]);
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_and_what_came_is_kept() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.registry("app:9");
    fake.script("web", Script::default().logs(["one", "!two", "three"]));
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    engine.start(&id).await.unwrap();
    fake.fault(Fault::on("GET", "/containers/*/logs").cut_stream(12 + 12 + 9));
    let mut lines: Vec<_> = engine.log_lines(&id, &LogQuery::default()).await.unwrap().collect().await;
    assert!(lines.pop().unwrap().unwrap_err().is_connection());
    let texts: Vec<_> =
        lines.into_iter().map(|line| line.unwrap()).map(|line| (line.stream, line.text)).collect();
    assert_eq!(texts, [(OutputStream::Stdout, "one".to_owned()), (OutputStream::Stderr, "two".to_owned())]);
    fake.fault(Fault::on("POST", "/images/create").cut_stream(70));
    let pulled: Vec<_> = engine.pull(&"app:9".parse().unwrap(), None, None).await.unwrap().collect().await;
    assert!(pulled.last().unwrap().as_ref().unwrap_err().is_connection());
}

#[tokio::test]
async fn logs_follow_until_the_container_ends() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.script("web", Script::default().logs(["one", "two"]).exits(0, 40));
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    engine.start(&id).await.unwrap();
    let query = LogQuery { follow: true, timestamps: true, tail: Some(1), ..LogQuery::default() };
    let lines: Vec<_> = engine.log_lines(&id, &query).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "two");
    assert!(lines[0].time.is_some());
}

#[tokio::test]
async fn exec_answers_as_the_script_says_and_in_time() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let reply =
        ExecReply { code: 5, stdout: "out".into(), stderr: "err".into(), takes: Duration::from_millis(5) };
    fake.script("web", Script::default().exec(reply.clone()));
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    let command =
        ExecCommand { argv: vec!["x".to_owned()], user: Some("1000".to_owned()), ..ExecCommand::default() };
    let stopped = engine.exec(&id, &command, Duration::from_secs(5)).await.unwrap_err();
    assert!(stopped.is_conflict());
    engine.start(&id).await.unwrap();
    let outcome = engine.exec(&id, &command, Duration::from_secs(5)).await.unwrap();
    assert_eq!(outcome.exit_code, Some(5));
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), (&b"out"[..], &b"err"[..]));
    let asked = fake.state().execs.values().next().unwrap().body.clone();
    assert_eq!((&asked["Cmd"], &asked["User"]), (&json!(["x"]), &json!("1000")));
    fake.script("web", Script::default().exec(ExecReply { takes: Duration::from_secs(60), ..reply }));
    let outcome = engine.exec(&id, &command, Duration::from_millis(50)).await.unwrap();
    assert_eq!(outcome.exit_code, None);
}

#[tokio::test]
async fn a_pull_tells_its_steps_and_its_failure() {
    let fake = FakeEngine::start();
    fake.registry("app:2");
    let engine = fake.connect().await;
    let steps: Vec<_> =
        engine.pull(&"app:2".parse().unwrap(), None, None).await.unwrap().map(Result::unwrap).collect().await;
    let download = steps.iter().find(|step| step.status == "Downloading").unwrap();
    assert_eq!((download.layer.as_deref(), download.current, download.total), (Some("layer1"), 10, 20));
    assert!(engine.inspect_image("app:2").await.unwrap().is_some());
    let error = engine.pull(&"app:3".parse().unwrap(), None, None).await.err().unwrap();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        "pull of image `app:3`: manifest for app:3 not found: manifest unknown: manifest unknown"
    );
}

#[tokio::test]
async fn a_container_restarts_by_its_policy_until_it_may_not() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.script("web", Script::default().exits(1, 1));
    let engine = fake.connect().await;
    let service = Service { restart: "on-failure:2".to_owned(), ..service() };
    let id = create(&engine, &service).await;
    engine.start(&id).await.unwrap();
    for _ in 0..200 {
        let details = engine.inspect(id.as_str()).await.unwrap();
        if details.state == State::Exited(1) {
            assert_eq!(details.restarts, 2);
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never stayed down");
}

#[tokio::test]
async fn a_taken_host_port_fails_the_start() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let port = sofa::testing::compose::model::Port {
        target: 80,
        published: "8080".to_owned(),
        protocol: "tcp".to_owned(),
        ..Default::default()
    };
    let service = Service { ports: vec![port], ..service() };
    let mut ids = Vec::new();
    for name in ["p-web-1", "p-web-2"] {
        ids.push(engine.create(&new_container(&engine, &service, name)).await.unwrap().id);
    }
    engine.start(&ids[0]).await.unwrap();
    let error = engine.start(&ids[1]).await.unwrap_err();
    assert!(
        error.to_string().ends_with("Bind for 0.0.0.0:8080 failed: port is already allocated"),
        "{error}"
    );
}
