//! Every engine call once, on a real engine.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use sofa::testing::compose::model::{Command, Healthcheck, HealthcheckTest, Network, Project, Service};
use sofa::testing::engine::RestartPolicy;
use sofa::testing::engine::container::{Removal, WaitFor};
use sofa::testing::engine::convert::{self, Instance, NewVolume};
use sofa::testing::engine::events::Action;
use sofa::testing::engine::exec::ExecCommand;
use sofa::testing::engine::logs::{LogQuery, OutputStream};
use sofa::testing::engine::{Engine, Wanted};
use sofa::testing::plan::observed::{ContainerId, Health, State};

use crate::support::real_engine::TestProject;

/// A service that runs a shell script on the test image.
fn script(text: &str) -> Service {
    let words = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
    Service {
        name: "web".into(),
        command: Command(Some(words)),
        network_mode: "none".to_owned(),
        ..Service::default()
    }
}

fn labels(test: &TestProject) -> BTreeMap<String, String> {
    let pairs = [
        ("com.docker.compose.project", test.name()),
        ("com.docker.compose.config-hash", "h"),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.container-number", "1"),
        ("com.docker.compose.oneoff", "False"),
    ];
    pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn instance(test: &TestProject, suffix: &str) -> Instance {
    let name = format!("{}-{suffix}", test.name());
    Instance {
        final_name: name.clone(),
        name,
        image: test.image().to_owned(),
        labels: labels(test),
        service_aliases: true,
        publish: true,
        ..Instance::default()
    }
}

async fn create(test: &TestProject, suffix: &str, service: &Service) -> ContainerId {
    let engine = test.engine();
    let new =
        convert::container(&Project::default(), service, &instance(test, suffix), engine.target()).unwrap();
    engine.create(&new).await.unwrap().id
}

async fn state(engine: &Engine, project: &str) -> (State, Health) {
    let observed = engine.observe(project, &Wanted::default()).await.unwrap();
    (observed.containers[0].state.clone(), observed.containers[0].health)
}

#[tokio::test]
async fn a_container_lives_and_dies() {
    let Some(test) = TestProject::new("life").await else {
        return;
    };
    let engine = test.engine();
    let id = create(
        &test,
        "web-1",
        &script("trap 'exit 7' TERM; echo out; echo err >&2; while :; do sleep 0.1; done"),
    )
    .await;
    assert_eq!(state(engine, test.name()).await.0, State::Created);
    let clash =
        convert::container(&Project::default(), &script(""), &instance(&test, "web-1"), engine.target())
            .unwrap();
    let error = engine.create(&clash).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");

    engine.start(&id).await.unwrap();
    engine.start(&id).await.unwrap();
    assert_eq!(state(engine, test.name()).await.0, State::Running);
    engine.set_restart_policy(&id, RestartPolicy::OnFailure(3)).await.unwrap();
    assert_eq!(engine.inspect(id.as_str()).await.unwrap().restart_policy, RestartPolicy::OnFailure(3));
    engine.set_restart_policy(&id, RestartPolicy::No).await.unwrap();

    engine.rename(&id, &format!("{}-other", test.name())).await.unwrap();
    let details = engine.inspect(id.as_str()).await.unwrap();
    assert_eq!(details.name, format!("{}-other", test.name()));
    assert!(details.pid > 0 && details.started.is_some() && details.finished.is_none());

    engine.pause(&id).await.unwrap();
    assert_eq!(state(engine, test.name()).await.0, State::Paused);
    engine.unpause(&id).await.unwrap();

    let wait = engine.wait(&id, WaitFor::NotRunning);
    let stop = engine.stop(&id, Some(Duration::from_secs(5)));
    let (code, stopped) = tokio::join!(wait, stop);
    stopped.unwrap();
    assert_eq!(code.unwrap(), 7, "a code that is not 0 is a value, not an error");
    assert_eq!(state(engine, test.name()).await.0, State::Exited(7));
    assert!(engine.kill(&id, "SIGKILL").await.unwrap_err().is_conflict());
    engine.remove(&id, Removal::default()).await.unwrap();
    assert!(engine.remove(&id, Removal::default()).await.unwrap_err().is_not_found());
    assert!(engine.inspect(id.as_str()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn logs_come_by_stream_and_by_line() {
    let Some(test) = TestProject::new("logs").await else {
        return;
    };
    let engine = test.engine();
    let id = create(&test, "web-1", &script("echo one; echo two >&2; printf three")).await;
    engine.start(&id).await.unwrap();
    engine.wait(&id, WaitFor::NotRunning).await.unwrap();
    let query = LogQuery { timestamps: true, follow: true, ..LogQuery::default() };
    let lines: Vec<_> = engine.log_lines(&id, &query).await.unwrap().map(Result::unwrap).collect().await;
    let mut seen: Vec<_> = lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
    seen.sort();
    assert_eq!(
        seen,
        [(OutputStream::Stdout, "one"), (OutputStream::Stdout, "three"), (OutputStream::Stderr, "two")]
    );
    assert!(lines.iter().all(|line| line.time.is_some()));
    let tail = engine.log_tail(&id, 1).await.unwrap();
    assert_eq!(tail.len(), 1);
    let since = lines.iter().filter_map(|line| line.time).max().unwrap();
    let query = LogQuery { since: Some(since), ..LogQuery::default() };
    let late: Vec<_> = engine.log_lines(&id, &query).await.unwrap().collect().await;
    assert_eq!(late.len(), 1, "`since` keeps its nanoseconds");
}

#[tokio::test]
async fn a_terminals_log_has_no_frames() {
    let Some(test) = TestProject::new("tty").await else {
        return;
    };
    // The engine may lose what a terminal shows in the moment of its end.
    let service = Service { tty: true, ..script("echo one; echo two >&2; sleep 1") };
    let id = create(&test, "web-1", &service).await;
    test.engine().start(&id).await.unwrap();
    test.engine().wait(&id, WaitFor::NotRunning).await.unwrap();
    let tail = test.engine().log_tail(&id, 10).await.unwrap();
    let texts: Vec<_> = tail.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["one", "two"]);
}

#[tokio::test]
async fn exec_tells_exit_code_and_output_and_gives_up_in_time() {
    let Some(test) = TestProject::new("exec").await else {
        return;
    };
    let engine = test.engine();
    let id = create(&test, "web-1", &script("sleep 60")).await;
    engine.start(&id).await.unwrap();
    let run = |argv: &[&str]| ExecCommand {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: vec!["GREETING=hello".to_owned()],
        working_dir: Some("/tmp".to_owned()),
        ..ExecCommand::default()
    };
    let patience = Duration::from_secs(20);
    let command = run(&["/bin/sh", "-c", "echo $GREETING $PWD; echo no >&2; exit 3"]);
    let outcome = engine.exec(&id, &command, patience).await.unwrap();
    assert_eq!(outcome.exit_code, Some(3));
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), (&b"hello /tmp\n"[..], &b"no\n"[..]));
    let outcome = engine.exec(&id, &run(&["/bin/sleep", "30"]), Duration::from_millis(700)).await.unwrap();
    assert_eq!(outcome.exit_code, None);
    let missing = engine.exec(&id, &run(&["/bin/nothing"]), patience).await;
    assert!(
        missing.as_ref().is_ok_and(|o| matches!(o.exit_code, Some(126 | 127)))
            || missing.as_ref().is_err_and(|e| e.status().is_some()),
        "{missing:?}"
    );
    let many = run(&["/bin/sh", "-c", "seq 1 20000"]);
    let outcome = engine.exec(&id, &many, patience).await.unwrap();
    assert_eq!(outcome.stdout.len(), 64 * 1024);
    assert!(outcome.stdout.ends_with(b"20000\n"), "the end is kept");
    engine.stop(&id, Some(Duration::ZERO)).await.unwrap();
    assert!(engine.exec(&id, &run(&["/bin/true"]), patience).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn events_tell_of_health_and_of_the_end() {
    let Some(test) = TestProject::new("events").await else {
        return;
    };
    let engine = test.engine();
    let second = Some(Duration::from_secs(1).into());
    let healthcheck = Healthcheck {
        test: HealthcheckTest(vec!["CMD-SHELL".to_owned(), "echo fine; test -e /tmp/ok".to_owned()]),
        interval: second,
        timeout: second,
        retries: Some(1),
        ..Healthcheck::default()
    };
    let service = Service { healthcheck: Some(healthcheck), ..script("touch /tmp/ok; sleep 60") };
    let before = jiff::Timestamp::now();
    let id = create(&test, "web-1", &service).await;
    let mut events = engine.events(test.name(), Some(before)).await.unwrap();
    engine.start(&id).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        assert_eq!((event.service.as_str(), &event.id), ("web", &id));
        if event.action == Action::Health(Health::Healthy) {
            assert_eq!(state(engine, test.name()).await, (State::Running, Health::Healthy));
            let details = engine.inspect(id.as_str()).await.unwrap();
            assert_eq!(details.probes.last().unwrap().output, "fine");
            let check = details.healthcheck.unwrap();
            assert_eq!((check.retries, check.interval), (1, Duration::from_secs(1)));
            assert_eq!(check.command, ["/bin/sh", "-c", "echo fine; test -e /tmp/ok"]);
            engine.kill(&id, "SIGKILL").await.unwrap();
        }
        seen.push(event.action.clone());
        if matches!(event.action, Action::Die(_)) {
            break;
        }
    }
    assert_eq!(seen.first(), Some(&Action::Create), "since reaches back before the subscription");
    assert!(seen.contains(&Action::Start));
    assert_eq!(seen.last(), Some(&Action::Die(137)));
}

#[tokio::test]
async fn networks_and_volumes_are_made_listed_and_removed() {
    let Some(test) = TestProject::new("objects").await else {
        return;
    };
    let engine = test.engine();
    let network = Network { name: format!("{}_front", test.name()), ..Network::default() };
    let labels = BTreeMap::from([("com.docker.compose.project".to_owned(), test.name().to_owned())]);
    let new = convert::network(&network, labels.clone());
    let id = engine.create_network(&new).await.unwrap();
    assert!(engine.create_network(&new).await.unwrap_err().is_conflict(), "no second network of one name");
    let volume = NewVolume::local(&format!("{}_data", test.name()), labels);
    engine.create_volume(&volume).await.unwrap();
    engine.create_volume(&volume).await.unwrap();
    let observed = engine.observe(test.name(), &Wanted::default()).await.unwrap();
    assert_eq!(observed.networks[0].name, network.name);
    assert_eq!(observed.volumes[0].name, volume.name());

    let container = create(&test, "web-1", &script("sleep 60")).await;
    engine.disconnect("none", &container, true).await.unwrap();
    engine.connect_container(&network.name, &container, Default::default()).await.unwrap();
    engine.start(&container).await.unwrap();
    let observed = engine.observe(test.name(), &Wanted::default()).await.unwrap();
    assert!(!observed.containers[0].networks[&network.name].address.is_empty());
    assert!(engine.remove_network(&id).await.is_err(), "it is in use");
    engine.remove(&container, Removal { force: true, anonymous_volumes: true }).await.unwrap();
    engine.remove_network(&id).await.unwrap();
    engine.remove_volume(volume.name()).await.unwrap();
    assert!(engine.remove_volume(volume.name()).await.unwrap_err().is_not_found());
    let observed = engine.observe(test.name(), &Wanted::default()).await.unwrap();
    assert!(observed.networks.is_empty() && observed.volumes.is_empty());
}

#[tokio::test]
async fn images_are_named_found_and_removed() {
    let Some(test) = TestProject::new("images").await else {
        return;
    };
    let engine = test.engine();
    let name = format!("{}:v1", test.name());
    engine.tag_image(test.image(), &name.parse().unwrap()).await.unwrap();
    let missing = format!("{}:missing", test.name());
    let wanted = Wanted { images: [name.clone(), missing].into(), ..Wanted::default() };
    let observed = engine.observe(test.name(), &wanted).await.unwrap();
    assert_eq!(observed.images.keys().collect::<Vec<_>>(), [&name]);
    assert!(!observed.images[&name].healthcheck);
    engine.remove_image(&name, false).await.unwrap();
    assert!(engine.remove_image(&name, false).await.unwrap_err().is_not_found());
    let pull = engine.pull(&"localhost:1/nothing/there".parse().unwrap(), None, None).await;
    let error = match pull {
        Err(error) => error,
        Ok(stream) => stream.filter_map(|item| async { item.err() }).collect::<Vec<_>>().await.remove(0),
    };
    assert!(error.to_string().starts_with("pull of image `localhost:1/nothing/there`: "), "{error}");
}

#[tokio::test]
async fn files_go_into_containers_that_never_ran() {
    let Some(test) = TestProject::new("archive").await else {
        return;
    };
    let engine = test.engine();
    let id = create(&test, "web-1", &script("stat -c %a:%u:%g /etc/new/secret; cat /etc/new/secret")).await;
    let file = convert::FileUpload {
        target: "/etc/new/secret".to_owned(),
        content: b"hush\n".to_vec(),
        uid: 12,
        gid: 34,
        mode: 0o440,
    };
    engine.upload_files(&id, &[file]).await.unwrap();
    let archive = engine.download(&id, "/etc/new/secret", 1 << 20).await.unwrap();
    assert!(archive.windows(4).any(|bytes| bytes == b"hush"));
    assert!(engine.download(&id, "/etc/none", 1 << 20).await.unwrap_err().is_not_found());
    assert!(engine.download(&id, "/bin/busybox", 1000).await.is_err(), "larger than allowed");
    engine.start(&id).await.unwrap();
    engine.wait(&id, WaitFor::NotRunning).await.unwrap();
    let lines: Vec<_> = engine.log_tail(&id, 10).await.unwrap().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["440:12:34", "hush"]);
}
