//! `x-sofa.ready` counts for verbs that read no files too: it stands in a label, unless a variable had a part in it.

use crate::stage::Stage;
use crate::support::fake_engine::{ExecReply, Script};

fn compose(command: &str) -> String {
    format!(
        "services:\n  web:\n    image: app:1\n    x-sofa:\n      ready: {{command: [{command}], interval: 100ms}}\n"
    )
}

#[test]
fn start_and_restart_wait_for_what_x_sofa_says() {
    let stage = Stage::new(&compose("is-ready"));
    stage.ok(&["deploy"]);
    stage.compose("services: {broken");
    let never = ExecReply { code: 1, ..ExecReply::default() };
    stage.fake.script("web", Script::default().command("is-ready", never));
    stage.ok(&["stop"]);
    let told = stage.ends(&["start", "--wait-timeout", "1"], 4);
    assert!(told.contains("command `is-ready` succeeds"), "{told}");
    stage.fake.script("web", Script::default().command("is-ready", ExecReply::default()));
    stage.ok(&["restart"]);
}

#[test]
fn what_a_variable_gave_stands_in_no_label() {
    let stage = Stage::new(&compose("is-ready, \"${TOKEN}\""));
    std::fs::write(stage.folder.path().join(".env"), "TOKEN=hunter2\n").unwrap();
    stage.ok(&["deploy"]);
    let labels = stage.fake.request("POST /containers/create?name=p-web-1").json()["Labels"].to_string();
    assert!(!labels.contains("hunter2") && !labels.contains("sofa.ready"), "{labels}");
}
