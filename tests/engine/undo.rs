//! What an undo does to what ran before: in which order it runs again, how it is judged, and what is not the run's to remove.

use serde_json::json;

use crate::stage::{Stage, fleet};
use crate::support::fake_engine::{Container, ExecReply, Request, Script, State};
use crate::support::fake_engine::{Fault, Shared};

/// A stage on which version 1 of something runs, and version 2 is in the file.
fn replacing(compose: impl Fn(&str) -> String) -> Stage {
    let stage = Stage::new(&compose("1"));
    stage.ok(&["deploy"]);
    stage.compose(&compose("2"));
    stage.fake.forget_calls();
    stage
}

/// One service without a healthcheck.
fn plain(version: &str) -> String {
    format!("services:\n  web: {{image: \"app:1\", environment: {{VERSION: \"{version}\"}}}}\n")
}

fn id(stage: &Stage, name: &str) -> String {
    stage.fake.state().find(name).unwrap().id.clone()
}

/// How the successor of a container behaves, by the name that it is created under.
fn successor(stage: &Stage, name: &str, script: Script) {
    let temporary = format!("{}_{name}", &id(stage, name)[..12]);
    stage.fake.script(&temporary, script);
}

#[test]
fn what_ran_before_runs_again_behind_what_it_depends_on() {
    let stage = replacing(|version| fleet(3, version));
    let old: Vec<String> = (0..3).map(|n| id(&stage, &format!("p-s{n}-1"))).collect();
    // Its health test must not pass in the moment before it exits.
    let unhealthy = ExecReply { code: 1, ..ExecReply::default() };
    successor(&stage, "p-s2-1", Script::default().exits(3, 0).exec(unhealthy).never_healthy());
    stage.ends(&["deploy"], 4);
    let calls = stage.fake.calls();
    let at = |wanted: &dyn Fn(&str) -> bool| calls.iter().position(|call| wanted(call)).unwrap();
    let started: Vec<usize> =
        old.iter().map(|id| at(&|call| call.contains(&format!("{id}/start")))).collect();
    let stopped = |call: &str| call.ends_with("/stop") && !old.iter().any(|id| call.contains(id));
    let last_stop = calls.iter().rposition(|call| stopped(call)).unwrap();
    assert!(last_stop < started[0] && started.is_sorted(), "{calls:#?}");
    let enabled = calls.iter().rposition(|call| call.contains(&format!("{}/update", old[2]))).unwrap();
    assert!(enabled < started[2], "its policy counts from its start: {calls:#?}");
    assert_eq!(stage.ids().len(), 3);
}

#[test]
fn what_was_still_starting_before_is_waited_for_and_need_not_get_ready() {
    let stage = Stage::new(&fleet(1, "1"));
    stage.fake.script("s0", Script::default().never_healthy());
    stage.ok(&["deploy", "--no-wait"]);
    let old = stage.ids();
    stage.compose(&fleet(1, "2"));
    let told = stage.ends(&["deploy", "--wait-timeout", "1"], 4);
    assert!(
        told.contains("still running (starting)") && told.contains("it was still starting before the run"),
        "{told}"
    );
    assert_eq!((stage.ids(), stage.containers()), (old, vec![("p-s0-1".to_owned(), true)]));
}

#[test]
fn what_ran_before_is_ready_again_when_x_sofa_says_so() {
    let compose = |version: &str| {
        format!(
            "services:\n  web:\n    image: app:1\n    environment: {{VERSION: \"{version}\"}}\n\
             \x20   x-sofa: {{ready: {{command: [is-ready], interval: 100ms}}}}\n"
        )
    };
    let stage = replacing(compose);
    successor(&stage, "p-web-1", Script::default().exits(3, 0));
    let never = ExecReply { code: 1, ..ExecReply::default() };
    stage.fake.script("p-web-1", Script::default().command("is-ready", never));
    let told = stage.ends(&["deploy", "--wait-timeout", "1"], 7);
    assert!(told.contains("left: service `web`: not ready in time") && told.contains("is-ready"), "{told}");
}

#[test]
fn what_ran_before_and_does_not_stay_up_is_told() {
    let stage = replacing(plain);
    successor(&stage, "p-web-1", Script::default().exits(3, 0));
    stage.fake.script("p-web-1", Script::default().exits(1, 700));
    let told = stage.ends(&["deploy"], 7);
    assert!(told.contains("left: service `web`: exited with code 1"), "{told}");
    assert!(!told.contains("the previous containers run again"), "{told}");
}

/// Does something at the first call of that line.
fn at_call(
    stage: &Stage,
    method: &str,
    path: &str,
    part: &'static str,
    act: impl Fn(&mut State) + Send + Sync + 'static,
) {
    let shared: Shared = stage.fake.shared();
    let hook = move || {
        let mut state = shared.lock().unwrap();
        let asked =
            |request: &Request| format!("{} {}", request.line(), String::from_utf8_lossy(&request.body));
        if state.requests.last().is_some_and(|request| asked(request).contains(part)) {
            act(&mut state);
        }
    };
    stage.fake.fault(Fault::on(method, path).before(hook).always());
}

#[test]
fn a_container_that_somebody_else_gave_the_name_meanwhile_is_let_be() {
    let stage = Stage::new(&plain("1"));
    at_call(&stage, "POST", "/containers/create", "name=p-web-1", |state| {
        let (lock, new) = (state.find("sofa.lock.p").unwrap().clone(), state.new_id("container"));
        let labels = json!({"com.docker.compose.project": "p", "com.docker.compose.service": "web"});
        let mut theirs = Container { id: new.clone(), name: "p-web-1".into(), ..lock };
        theirs.body["Labels"] = labels;
        state.containers.insert(new, theirs);
    });
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("already in use"), "{told}");
    assert!(stage.fake.state().find("p-web-1").is_some(), "{told}");
}

#[test]
fn a_network_that_somebody_else_made_meanwhile_is_let_be() {
    let stage = Stage::new(&plain("1"));
    at_call(&stage, "POST", "/networks/create", "p_default", |state| {
        let (id, image) = (state.new_id("network"), state.networks.values().next().unwrap().clone());
        let mut theirs = image;
        theirs.name = "p_default".into();
        theirs.body = json!({"Driver": "bridge", "Labels": {"com.docker.compose.project": "p", "com.docker.compose.network": "default"}});
        state.networks.insert(id, theirs);
    });
    let told = stage.ends(&["deploy"], 4);
    assert!(told.contains("already exists"), "{told}");
    assert!(stage.fake.state().find_network("p_default").is_some(), "{told}");
}
