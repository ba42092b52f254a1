//! What is asked of the engine, exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;
use sofa::testing::compose::model::{Command, Project, Service};
use sofa::testing::engine::RestartPolicy;
use sofa::testing::engine::container::{Removal, WaitFor};
use sofa::testing::engine::convert::{self, FileUpload, Instance};
use sofa::testing::engine::image::Credentials;
use sofa::testing::engine::{ApiVersion, Engine, EngineError, Host, PATIENCE, Wanted};
use sofa::testing::plan::observed::{ContainerId, Health, ImageId, State};

use crate::support::fake_engine::{FakeEngine, Fault, Script};

/// A container of service `web` of project `p`, ready to be created.
pub fn new_container(engine: &Engine, service: &Service, name: &str) -> convert::NewContainer {
    let labels = [
        ("com.docker.compose.project", "p"),
        ("com.docker.compose.config-hash", "h"),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.container-number", "1"),
    ];
    let instance = Instance {
        name: name.to_owned(),
        final_name: "p-web-1".to_owned(),
        image: "app:1".to_owned(),
        labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        service_aliases: true,
        publish: true,
        ..Instance::default()
    };
    convert::container(&project(), service, &instance, engine.target()).unwrap()
}

fn project() -> Project {
    let mut project = Project { name: "p".into(), ..Project::default() };
    for key in ["a", "b"] {
        let network =
            sofa::testing::compose::model::Network { name: format!("p_{key}"), ..Default::default() };
        project.networks.insert(key.into(), network);
    }
    project
}

/// A service with a command and no network.
pub fn service() -> Service {
    let command = Command(Some(vec!["run".to_owned()]));
    Service { name: "web".into(), command, network_mode: "none".to_owned(), ..Service::default() }
}

/// Creates and returns the container's id.
pub async fn create(engine: &Engine, service: &Service) -> ContainerId {
    engine.create(&new_container(engine, service, "p-web-1")).await.unwrap().id
}

#[tokio::test]
async fn connecting_is_one_ping_and_every_call_has_the_agreed_version() {
    for (newest, spoken) in [("1.41", "1.41"), ("1.47", "1.47"), ("1.99", "1.51")] {
        let fake = FakeEngine::speaking(newest);
        let engine = fake.connect().await;
        assert_eq!(fake.state().requests.len(), 1);
        assert_eq!(fake.state().requests[0].line(), "GET /_ping");
        assert_eq!(engine.api().to_string(), spoken);
        assert_eq!(engine.server().os, "linux");
        engine.list_volumes().await.unwrap();
        engine.pause(&ContainerId("x".to_owned())).await.unwrap_err();
        let versions: Vec<_> = fake.state().requests[1..].iter().map(|r| r.version.clone()).collect();
        assert_eq!(versions, [spoken, spoken], "raw calls and bollard's alike");
    }
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_said_with_its_reason() {
    let nothing = Engine::connect(Host::Unix("/nowhere/docker.sock".into()), PATIENCE).await.unwrap_err();
    assert_eq!(
        nothing.to_string(),
        "engine at `unix:///nowhere/docker.sock` is not reachable: the socket does not exist (is Docker installed and started?)"
    );
    let old = FakeEngine::speaking("1.39");
    let error = Engine::connect(Host::resolve(Some(&old.address())).unwrap(), PATIENCE).await.unwrap_err();
    assert!(matches!(error, EngineError::TooOld { api: ApiVersion { major: 1, minor: 39 }, .. }), "{error}");
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    drop(fake);
    let error = engine.list_volumes().await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
    let error = engine.start(&ContainerId("x".to_owned())).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Unreachable { host, .. } if host.starts_with("unix://")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_container_is_created_with_one_network_on_old_engines_and_the_rest_after_it() {
    let mut service = Service { network_mode: String::new(), ..service() };
    service.networks = [("a".into(), None), ("b".into(), None)].into();
    service.mac_address = "02:00:00:00:00:01".to_owned();
    for (api, later) in [("1.41", 1), ("1.44", 0)] {
        let fake = FakeEngine::speaking(api);
        fake.image("app:1");
        for name in ["p_a", "p_b"] {
            let network =
                sofa::testing::compose::model::Network { name: name.to_owned(), ..Default::default() };
            let engine = fake.connect().await;
            engine.create_network(&convert::network(&network, BTreeMap::new())).await.unwrap();
        }
        let engine = fake.connect().await;
        fake.forget_calls();
        create(&engine, &service).await;
        let calls = fake.calls();
        assert_eq!(calls[0], "POST /containers/create?name=p-web-1");
        assert_eq!(calls.len(), 1 + later, "{calls:?}");
        let body = fake.request("POST /containers/create").json();
        let endpoints = body["NetworkingConfig"]["EndpointsConfig"].as_object().unwrap();
        assert_eq!(endpoints.len(), 2 - later);
        assert_eq!(endpoints["p_a"]["Aliases"], json!(["p-web-1", "web"]));
        let own_mac = if later == 1 { json!("02:00:00:00:00:01") } else { json!(null) };
        assert_eq!(body["MacAddress"], own_mac);
    }
}

#[tokio::test]
async fn a_container_that_cannot_be_finished_is_removed_again() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let mut service = Service { network_mode: String::new(), ..service() };
    service.networks = [("a".into(), None), ("b".into(), None)].into();
    let network = sofa::testing::compose::model::Network { name: "p_a".to_owned(), ..Default::default() };
    engine.create_network(&convert::network(&network, BTreeMap::new())).await.unwrap();
    let error = engine.create(&new_container(&engine, &service, "p-web-1")).await.unwrap_err();
    assert!(error.is_not_found(), "network p_b is missing: {error}");
    assert!(fake.state().containers.is_empty(), "{:?}", fake.calls());
}

#[tokio::test]
async fn every_change_goes_to_an_id_and_asks_for_what_it_says() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    fake.forget_calls();
    engine.set_restart_policy(&id, RestartPolicy::OnFailure(3)).await.unwrap();
    engine.start(&id).await.unwrap();
    engine.rename(&id, "p-web-2").await.unwrap();
    engine.kill(&id, "SIGHUP").await.unwrap();
    engine.start(&id).await.unwrap();
    engine.stop(&id, Some(Duration::from_millis(1500))).await.unwrap();
    engine.stop(&id, None).await.unwrap();
    engine.remove(&id, Removal { force: true, anonymous_volumes: true }).await.unwrap();
    let calls: Vec<_> = fake.calls().iter().map(|call| call.replace(id.as_str(), "ID")).collect();
    assert_eq!(
        calls,
        [
            "POST /containers/ID/update",
            "POST /containers/ID/start",
            "POST /containers/ID/rename?name=p-web-2",
            "POST /containers/ID/kill?signal=SIGHUP",
            "POST /containers/ID/start",
            "POST /containers/ID/stop?t=2",
            "POST /containers/ID/stop",
            "DELETE /containers/ID?force=true&link=false&v=true",
        ]
    );
    let policy = fake.state().requests.iter().find(|r| r.path.ends_with("/update")).unwrap().json();
    assert_eq!(policy, json!({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}));
}

#[tokio::test]
async fn observing_is_a_constant_number_of_calls() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.script("web", Script::default().never_healthy());
    let engine = fake.connect().await;
    let healthcheck = sofa::testing::compose::model::Healthcheck {
        test: sofa::testing::compose::model::HealthcheckTest(vec!["CMD".to_owned(), "true".to_owned()]),
        ..Default::default()
    };
    let service = Service { healthcheck: Some(healthcheck), ..service() };
    for number in 0..5 {
        let id =
            engine.create(&new_container(&engine, &service, &format!("p-web-{number}"))).await.unwrap().id;
        engine.start(&id).await.unwrap();
    }
    fake.forget_calls();
    let images = ["app:1", "app:2"].map(str::to_owned).into();
    let wanted = Wanted { images, networks: ["bridge".to_owned()].into(), ..Wanted::default() };
    let observed = engine.observe("p", &wanted).await.unwrap();
    let mut calls = fake.calls();
    calls.sort();
    assert_eq!(
        calls,
        [
            "GET /containers/json?all=1",
            "GET /images/app:1/json",
            "GET /images/app:2/json",
            "GET /networks",
            "GET /volumes"
        ]
    );
    assert_eq!(observed.containers.len(), 5);
    assert_eq!(
        (&observed.containers[0].state, observed.containers[0].health),
        (&State::Running, Health::Starting)
    );
    assert_eq!(observed.images.keys().collect::<Vec<_>>(), ["app:1"]);
    assert_eq!(observed.networks.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["bridge"]);
    fake.forget_calls();
    engine.observe_project("p").await.unwrap();
    assert_eq!(fake.calls().len(), 3);
}

#[tokio::test]
async fn a_network_is_made_once_although_old_engines_would_make_two() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let network = sofa::testing::compose::model::Network { name: "p_a".to_owned(), ..Default::default() };
    let new = convert::network(&network, BTreeMap::new());
    engine.create_network(&new).await.unwrap();
    assert_eq!(fake.request("POST /networks/create").json()["CheckDuplicate"], true);
    assert!(engine.create_network(&new).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn credentials_reach_the_engine_in_the_alphabet_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    // In the standard alphabet this password's JSON has `+` and `/`.
    let password = "~~~???>>>~~~???>>>~~";
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("me:{password}"));
    let config = json!({ "auths": { "reg.example": { "auth": auth } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let credentials = Credentials::new(Some(folder.path().to_owned()));
    let auth = credentials.lookup("reg.example").await.unwrap();
    let fake = FakeEngine::start();
    fake.registry("reg.example/app:2");
    let engine = fake.connect().await;
    let image = "reg.example/app:2".parse().unwrap();
    let pull = engine.pull(&image, Some("linux/arm64"), auth.as_ref()).await.unwrap();
    drop(futures_util::StreamExt::collect::<Vec<_>>(pull).await);
    let request = fake.request("POST /images/create");
    assert_eq!(request.line(), "POST /images/create?fromImage=reg.example/app&platform=linux/arm64&tag=2");
    let header = &request.headers["x-registry-auth"];
    assert!(!header.contains(['+', '/']), "{header}");
    let decoded = base64::engine::general_purpose::URL_SAFE.decode(header).unwrap();
    let decoded: serde_json::Value = serde_json::from_slice(&decoded).unwrap();
    assert_eq!((&decoded["username"], &decoded["password"]), (&json!("me"), &json!(password)));
}

#[tokio::test]
async fn a_digest_is_asked_of_the_registry_with_its_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"{"auths": {"reg.example": {"auth": "bWU6eA=="}}}"#;
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let auth = Credentials::new(Some(folder.path().to_owned())).lookup("reg.example").await.unwrap();
    let fake = FakeEngine::start();
    fake.registry("reg.example/app:latest");
    let engine = fake.connect().await;
    let digest = engine.registry_digest(&"reg.example/app".parse().unwrap(), auth.as_ref()).await.unwrap();
    assert_eq!(digest, format!("sha256:{}", "d".repeat(64)));
    let request = fake.request("GET /distribution/reg.example/app:latest/json");
    assert!(request.headers.contains_key("x-registry-auth"));
    let error = engine.registry_digest(&"reg.example/none:2".parse().unwrap(), None).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        "digest of image `reg.example/none:2`: manifest unknown: reg.example/none:2"
    );
}

#[tokio::test]
async fn a_credential_helper_is_asked_before_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-sofatest");
    let script = "#!/bin/sh\nread -r server || true\n[ \"$server\" = reg.example ] || { echo 'credentials not found in native keychain'; exit 1; }\necho '{\"Username\":\"<token>\",\"Secret\":\"t0ken\"}'\n";
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = json!({ "credsStore": "sofatest", "auths": { "other.example": { "auth": "YTpi" } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let credentials = Credentials::new(Some(folder.path().to_owned())).with_helpers_in(folder.path());
    assert!(credentials.lookup("reg.example").await.unwrap().is_some());
    assert!(credentials.lookup("other.example").await.unwrap().is_some(), "not found in the store: the file");
    assert!(credentials.lookup("third.example").await.unwrap().is_none());
}

#[tokio::test]
async fn files_are_uploaded_with_the_container_and_refused_with_it() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    let file = FileUpload {
        target: "/run/secrets/x".to_owned(),
        content: b"hush".to_vec(),
        uid: 1,
        gid: 2,
        mode: 0o400,
    };
    engine.upload_files(&id, std::slice::from_ref(&file)).await.unwrap();
    let stored = fake.state().containers[id.as_str()].files["/run/secrets/x"].clone();
    assert_eq!((&stored.content[..], stored.uid, stored.gid, stored.mode), (&b"hush"[..], 1, 2, 0o400));
    assert!(!format!("{file:?}").contains("104"), "never printed: {file:?}");
    let archive = engine.download(&id, "/run/secrets", 1 << 16).await.unwrap();
    assert!(archive.windows(4).any(|window| window == b"hush"));
    assert!(engine.download(&id, "/nothing", 1 << 16).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_wait_returns_the_code_whatever_it_is() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    fake.script("web", Script::default().exits(42, 30));
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    let (code, started) = tokio::join!(engine.wait(&id, WaitFor::NextExit), engine.start(&id));
    started.unwrap();
    assert_eq!(code.unwrap(), 42);
    assert_eq!(engine.inspect(id.as_str()).await.unwrap().state, State::Exited(42));
}

#[tokio::test]
async fn refusals_keep_the_engines_words_and_name_the_call() {
    let fake = FakeEngine::start();
    fake.image("app:1");
    let engine = fake.connect().await;
    let id = create(&engine, &service()).await;
    fake.fault(Fault::on("POST", "/containers/*/start").status(500, "driver failed\n"));
    let error = engine.start(&id).await.unwrap_err();
    assert_eq!(error.to_string(), format!("start of container `{id}`: driver failed"));
    assert_eq!(error.status(), Some(500));
    let error = engine.create(&new_container(&engine, &service(), "p-web-1")).await.unwrap_err();
    assert!(error.is_conflict());
    assert!(error.to_string().starts_with("creation of container `p-web-1`: Conflict."), "{error}");
}

#[tokio::test]
async fn an_image_is_made_of_an_archive() {
    let fake = FakeEngine::start();
    let engine = fake.connect().await;
    let id: ImageId = engine
        .import_image(&"sofa.state:1".parse().unwrap(), vec![0; 1024].into(), &["CMD [\"x\"]"])
        .await
        .unwrap();
    assert_eq!(engine.inspect_image("sofa.state:1").await.unwrap().unwrap().id, id);
    assert_eq!(fake.request("POST /images/create").get("changes"), Some("CMD [\"x\"]"));
}

#[tokio::test]
async fn a_push_names_the_tag_and_tells_what_the_registry_refuses() {
    let fake = FakeEngine::start();
    fake.image("reg.example/app:2");
    fake.image("reg.example/forbidden/app:2");
    let engine = fake.connect().await;
    let push = async |image: &str| {
        let steps = engine.push(&image.parse().unwrap(), None).await?;
        let steps: Vec<_> = futures_util::StreamExt::collect(steps).await;
        steps.into_iter().collect::<Result<Vec<_>, _>>()
    };
    assert!(push("reg.example/app:2").await.is_ok());
    let request = fake.request("POST /images/reg.example/app/push");
    assert_eq!(request.line(), "POST /images/reg.example/app/push?tag=2");
    let header =
        base64::engine::general_purpose::URL_SAFE.decode(&request.headers["x-registry-auth"]).unwrap();
    assert_eq!(header, b"{}", "the engine wants it of those too who have no credentials");
    assert!(push("reg.example/forbidden/app:2").await.unwrap_err().to_string().contains("denied"));
    assert!(push("reg.example/none:1").await.unwrap_err().is_not_found());
}
