//! Workers and the GPUs of the whole engine.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::support::fake_engine::{ExecReply, Script};

/// A worker on this GPU, with this pool.
fn worker(gpu: &str, pool: &str) -> String {
    format!(
        "services:\n  gpu:\n    image: app:1\n    command: celery -A app worker --pool={pool} --concurrency=1\n    \
         gpus: [{{device_ids: [\"{gpu}\"]}}]\n    x-sofa: {{worker: celery}}\n"
    )
}

/// The output of the remote control in a container.
fn output(status: &str) -> ExecReply {
    ExecReply { stdout: format!("a line of the application\n@sofa {status}\n"), ..ExecReply::default() }
}

/// A container whose remote control prints this status.
fn worker_with(status: &str) -> Script {
    Script::default().command("/bin/sh", output(status))
}

/// A worker without a GPU, of a version.
fn cpu(version: &str) -> String {
    format!(
        "services:\n  cpu:\n    image: app:1\n    command: celery -A app worker\n    environment: {{V: \"{version}\"}}\n    \
         stop_grace_period: 1m\n    x-sofa: {{worker: celery}}\n"
    )
}

/// The tasks that the remote control in containers was asked to do, and the stops, in their order.
fn done(stage: &Stage) -> Vec<String> {
    let requests = stage.fake.state().requests.clone();
    let deed = |line: &str| match line {
        line if line.ends_with("/stop") || line.contains("/stop?") => Some("stop".to_owned()),
        _ => None,
    };
    let task = |body: &Value| {
        let mut variables = body["Env"].as_array()?.iter().filter_map(Value::as_str);
        variables.find_map(|variable| variable.strip_prefix("SOFA_TASK=").map(str::to_owned))
    };
    let all = requests.iter().filter(|request| request.method == "POST");
    all.filter_map(|request| match request.path.ends_with("/exec") {
        true => task(&request.json()),
        false => deed(&request.line()),
    })
    .collect()
}

#[test]
fn a_gpu_that_a_container_of_another_project_uses_is_told() {
    let stage = Stage::new(&worker("1", "solo"));
    stage.fake.script("gpu", worker_with(r#"{"workers": 1}"#));
    stage.ok(&["deploy"]);
    // The container becomes another project's.
    for container in stage.fake.state().containers.values_mut().filter(|found| found.name == "p-gpu-1") {
        container.name = "other-gpu-1".into();
        container.body["Labels"]["com.docker.compose.project"] = json!("other");
    }
    let shared = "service `gpu`: it uses GPU 1, as container `other-gpu-1` of another project does";
    let told = stage.ends(&["deploy"], 0);
    assert!(told.contains(shared), "{told}");
    let check = stage.sofa(&["check"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains(shared), "{check:?}");
    stage.compose(&worker("0", "solo"));
    let told = stage.ends(&["deploy"], 0);
    assert!(!told.contains("it uses GPU"), "{told}");
}

#[test]
fn a_worker_that_breaks_a_rule_is_refused_in_a_protected_mode_before_anything_changes() {
    let stage = Stage::new(&worker("0", "prefork"));
    stage.fake.script("gpu", worker_with(r#"{"workers": 1}"#));
    stage.ok(&["deploy"]);
    let settings = "modes: {stage: {files: [compose.yaml], protected: true, project_name: p}}\n";
    std::fs::write(stage.folder.path().join("sofa.yaml"), settings).unwrap();
    stage.fake.forget_calls();
    let told = stage.ends(&["deploy", "stage"], 5);
    assert!(
        told.contains("it uses a GPU, but its pool is prefork") && told.contains("`--pool=solo`"),
        "{told}"
    );
    assert_eq!(stage.fake.changes(), [""; 0]);
    stage.compose(&worker("0", "solo"));
    stage.ok(&["deploy", "stage"]);
    stage.fake.forget_calls();
    let told = stage.ends(&["scale", "stage", "gpu=2"], 5);
    assert!(told.contains("it has 2 containers, and each gets the same GPU"), "{told}");
    assert_eq!(stage.fake.changes(), [""; 0]);
}

/// A value without what means nothing to an engine: nulls, empty texts and lists, a count of 0.
fn said(value: &Value) -> Value {
    let is_nothing = |value: &Value| [json!(null), json!(""), json!([]), json!({}), json!(0)].contains(value);
    match value {
        Value::Object(map) => {
            let all = map.iter().map(|(key, value)| (key.clone(), said(value)));
            all.filter(|(_, value)| !is_nothing(value)).collect()
        }
        Value::Array(list) => list.iter().map(said).collect(),
        value => value.clone(),
    }
}

#[test]
fn devices_are_asked_for_as_docker_compose_does() {
    let stage = Stage::new(include_str!("gpus/compose.yaml"));
    stage.ok(&["deploy", "--no-wait"]);
    let recorded: serde_json::Map<String, Value> =
        serde_json::from_str(include_str!("gpus/recorded.json")).unwrap();
    assert_eq!(recorded.len(), 16);
    let state = stage.fake.state();
    for (service, theirs) in &recorded {
        let ours = state.containers.values().find(|found| found.name == format!("p-{service}-1")).unwrap();
        for key in ["DeviceRequests", "Devices", "Runtime"] {
            assert_eq!(said(&ours.body["HostConfig"][key]), said(&theirs[key]), "{service}: {key}");
        }
    }
}

#[test]
fn a_worker_is_idle_before_it_is_stopped() {
    let stage = Stage::new(&cpu("1"));
    stage.fake.script("cpu", worker_with(r#"{"workers": 1, "queues": [], "acks_late": true}"#));
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    stage.compose(&cpu("2"));
    stage.ok(&["deploy"]);
    assert_eq!(done(&stage), ["quiesce", "drain", "stop"]);
    stage.fake.forget_calls();
    stage.ok(&["stop"]);
    assert_eq!(done(&stage), ["quiesce", "drain", "stop"]);
    assert!(
        !stage.fake.state().images.keys().any(|name| name.starts_with("sofa.quiesced/")),
        "a mark is left"
    );
}

#[test]
fn a_worker_that_cannot_be_asked_keeps_a_deploy_from_replacing_it_but_not_a_stop() {
    let stage = Stage::new(&cpu("1"));
    let broken = ExecReply { code: 1, stderr: "ModuleNotFoundError: app\n".into(), ..ExecReply::default() };
    stage.fake.script("cpu", Script::default().command("/bin/sh", broken));
    stage.ok(&["deploy"]);
    let before = stage.ids();
    stage.compose(&cpu("2"));
    let told = stage.ends(&["deploy"], 4);
    for text in ["Celery's remote control exited with code 1", "ModuleNotFoundError: app", "`sofa kill cpu`"]
    {
        assert!(told.contains(text), "{text}: {told}");
    }
    assert!(before.iter().all(|id| stage.ids().contains(id)), "the old worker runs on");
    let told = stage.ends(&["stop"], 0);
    assert!(told.contains("the container is stopped anyway"), "{told}");
}

#[test]
fn a_worker_that_is_killed_in_its_work_fails_the_deploy() {
    let text =
        |version: &str| cpu(version).replace("celery -A app worker", "celery -A app worker -n cpu@fixed");
    let stage = Stage::new(&text("1"));
    let busy = worker_with(r#"{"workers": 1, "queues": [], "active": 1}"#);
    stage.fake.script("cpu", Script { stop_code: 137, ..busy });
    stage.ok(&["deploy"]);
    let before = stage.ids();
    stage.compose(&text("2"));
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("the worker was killed"), "{told}");
    assert!(told.contains("1 active, 0 reserved after"), "{told}");
    assert_eq!(stage.ids(), before);
}

#[test]
fn tasks_that_are_acknowledged_early_are_reported_where_a_hand_over_is_asked_for() {
    let asked = cpu("1").replace("{worker: celery}", "{worker: celery, handover: {deadline: 1m}}");
    let stage = Stage::new(&asked);
    stage.fake.script("cpu", worker_with(r#"{"workers": 1, "acks_late": false}"#));
    stage.ok(&["deploy"]);
    let check = |stage: &Stage| String::from_utf8(stage.sofa(&["check"]).stdout).unwrap();
    assert!(check(&stage).contains("`task_acks_late` off"), "{}", check(&stage));
    stage.compose(&cpu("1"));
    assert!(!check(&stage).contains("task_acks_late"), "nobody asked for a hand-over");
    stage.compose(&asked);
    stage.fake.script("cpu", worker_with(r#"{"workers": 1, "acks_late": true}"#));
    assert!(!check(&stage).contains("task_acks_late"), "{}", check(&stage));
}

#[test]
fn an_engine_without_gpus_refuses_before_anything_changes() {
    let stage = Stage::new(&worker("0", "solo"));
    let why = "could not select device driver \"nvidia\" with capabilities: [[gpu]]";
    stage.fake.script("sofa.gpus.p.gpu", Script::default().start_fails(why));
    let told = stage.ends(&["deploy"], 3);
    assert!(told.contains(why) && told.contains("nvidia-container-toolkit"), "{told}");
    assert_eq!(stage.fake.state().names(), [""; 0], "neither the service nor what looked is there");
    assert!(
        !stage.fake.changes().iter().any(|change| change.contains("/networks")),
        "{:?}",
        stage.fake.changes()
    );
    let check = stage.sofa(&["check"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains("the engine cannot give it a GPU"), "{check:?}");
}

#[test]
fn the_gpus_of_a_host_and_the_memory_of_a_worker_are_shown() {
    let stage = Stage::new(&worker("0", "solo"));
    let line = "0, NVIDIA A100-SXM4-80GB, 550.54.15, 80000, 81920";
    stage.fake.script("sofa.gpus.p.gpu", Script::default().exits(0, 1).logs([line]));
    let memory = ExecReply { stdout: "1200, 81920\n".into(), ..ExecReply::default() };
    let status = r#"{"workers": 1, "queues": ["gpu_queue_0"], "active": 1, "depths": {"gpu_queue_0": 7}}"#;
    stage.fake.script("gpu", worker_with(status).command("nvidia-smi", memory));
    let check = String::from_utf8(stage.sofa(&["check"]).stdout).unwrap();
    let seen = "GPU 0: NVIDIA A100-SXM4-80GB, driver 550.54.15, 80000 of 81920 MiB free";
    assert!(check.contains(seen), "{check}");
    stage.ok(&["deploy"]);
    let status = String::from_utf8(stage.sofa(&["status"]).stdout).unwrap();
    let row: Vec<&str> = status.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row.join(" "), "gpu consumes gpu_queue_0 7 1 0 0 1200 / 81920 MiB");
}

#[test]
fn a_stop_with_a_time_bounds_the_drain_too() {
    let stage = Stage::new(&cpu("1"));
    let slow = ExecReply { takes: Duration::from_millis(10), ..output(r#"{"workers": 1, "active": 1}"#) };
    stage.fake.script("cpu", Script::default().command("/bin/sh", slow));
    stage.ok(&["deploy"]);
    let told = stage.ends(&["stop", "--timeout", "3"], 0);
    assert!(told.contains("1 active, 0 reserved after 3.0s"), "{told}");
}
