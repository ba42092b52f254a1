//! Secrets and configs: how they get into a container, and where they must not get.

use serde_json::{Value, json};

use crate::stage::Stage;

/// A project with a secret out of the environment, one out of a file, and a config with a text.
fn stage(service: &str) -> Stage {
    let stage = Stage::new(&format!(
        "services:\n  web:\n    image: app:1\n{service}secrets:\n  env: {{environment: TOKEN}}\n  file: {{file: ./secret}}\n\
         configs:\n  text: {{content: \"hello\"}}\n"
    ));
    std::fs::write(stage.folder.path().join("secret"), "from a file").unwrap();
    std::fs::write(stage.folder.path().join(".env"), "TOKEN=hunter2\n").unwrap();
    stage
}

/// A file of the container: its text, owner, group and mode.
fn file(stage: &Stage, path: &str) -> Option<(String, u64, u64, u32)> {
    let state = stage.fake.state();
    let container = state.find("p-web-1").unwrap();
    let found = container.files.get(path)?;
    Some((String::from_utf8_lossy(&found.content).into_owned(), found.uid, found.gid, found.mode))
}

fn mounts(stage: &Stage) -> Value {
    stage.fake.request("POST /containers/create?name=p-web-1").json()["HostConfig"]["Mounts"].clone()
}

#[test]
fn texts_are_copied_before_the_start_and_plain_files_are_mounted() {
    let stage = stage("    secrets: [env, file]\n    configs: [text]\n");
    let printed = stage.ends(&["deploy", "--no-wait", "--verbose", "--verbose"], 0);
    assert_eq!(file(&stage, "/run/secrets/env"), Some(("hunter2".into(), 0, 0, 0o444)));
    assert_eq!(file(&stage, "/text"), Some(("hello".into(), 0, 0, 0o444)));
    assert_eq!(file(&stage, "/run/secrets/file"), None);
    let mount = &mounts(&stage)[0];
    assert_eq!((&mount["Target"], &mount["ReadOnly"]), (&json!("/run/secrets/file"), &json!(true)));
    let calls = stage.fake.changes();
    let at = |text: &str| calls.iter().position(|call| call.contains(text)).unwrap();
    assert!(at("/archive") < at("/start"), "{calls:?}");
    let labels = stage.fake.request("POST /containers/create?name=p-web-1").json().to_string();
    assert!(!labels.contains("hunter2") && !printed.contains("hunter2"), "{printed}");
}

#[test]
fn owner_and_mode_are_honoured_for_files_too() {
    let stage = stage(
        "    secrets:\n      - {source: file, target: mine, uid: \"1000\", gid: \"1001\", mode: 0400}\n      - {source: env, mode: 0440}\n",
    );
    stage.ok(&["deploy", "--no-wait"]);
    assert_eq!(file(&stage, "/run/secrets/mine"), Some(("from a file".into(), 1000, 1001, 0o400)));
    assert_eq!(file(&stage, "/run/secrets/env"), Some(("hunter2".into(), 0, 0, 0o440)));
    assert_eq!(mounts(&stage), json!([]));
}

#[test]
fn a_text_for_a_read_only_container_is_refused_before_anything_changes() {
    let stage = stage("    read_only: true\n    secrets: [env]\n  db: {image: app:1}\n");
    let told = stage.ends(&["deploy"], 3);
    assert!(told.contains("service `web`: `secrets` needs a file on a local engine"), "{told}");
    assert_eq!(stage.fake.changes(), [""; 0]);
    let stage = self::stage("    read_only: true\n    secrets: [{source: file, mode: 0400}]\n");
    let told = stage.ends(&["deploy", "--no-wait"], 0);
    assert!(told.contains("ignored: uid, gid and mode of `file`"), "{told}");
    assert_eq!(mounts(&stage)[0]["Target"], "/run/secrets/file");
}

#[test]
fn a_file_that_is_not_there_is_refused_before_anything_changes() {
    let stage = stage("    secrets: [{source: file, mode: 0400}]\n  db: {image: app:1}\n");
    std::fs::remove_file(stage.folder.path().join("secret")).unwrap();
    let told = stage.ends(&["deploy"], 3);
    assert!(told.contains("service `web`: file `secret` of secret `file` cannot be read"), "{told}");
    assert_eq!(stage.fake.changes(), [""; 0]);
}
