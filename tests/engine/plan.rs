//! `sofa plan VERB` and `--dry-run`: the plan of the very command, and nothing is changed.

use std::collections::BTreeSet;

use crate::stage::Stage;

const STACK: &str = "\
services:
  web: {image: app:1, volumes: [data:/data]}
volumes: {data: {}}
";

fn stage() -> Stage {
    let stage = Stage::new(STACK);
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    stage
}

/// What a command prints; it changes nothing.
#[track_caller]
fn printed(stage: &Stage, arguments: &[&str], code: i32) -> String {
    let before = stage.standing();
    let output = stage.sofa(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stage.standing(), before, "{arguments:?} changes nothing");
    let calls = stage.fake.calls();
    assert!(calls.iter().all(|call| call.starts_with("GET") || call.starts_with("HEAD")), "{calls:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_verb_is_planned_with_its_own_options() {
    let stage = stage();
    assert!(!printed(&stage, &["plan", "down"], 0).contains("- volume p_data"));
    assert!(printed(&stage, &["plan", "down", "--volumes"], 0).contains("- volume p_data"));
    assert!(printed(&stage, &["down", "--volumes", "--dry-run"], 0).contains("- volume p_data"));
    assert!(printed(&stage, &["plan", "rm"], 0).contains("nothing to do"));
    assert!(printed(&stage, &["plan", "rm", "--stop"], 0).contains("- web"));
    assert!(printed(&stage, &["plan", "kill", "--signal", "HUP"], 0).contains("send HUP to p-web-1"));
    for verb in ["stop", "restart", "kill", "rm"] {
        printed(&stage, &[verb, "--dry-run"], 0);
    }
}

#[test]
fn options_of_other_verbs_are_refused_before_anything_is_read() {
    let stage = stage();
    printed(&stage, &["plan", "down", "--force-recreate"], 2);
    printed(&stage, &["plan", "restart", "--remove-orphans"], 2);
    printed(&stage, &["plan", "build"], 2);
}

#[test]
fn a_plan_ends_with_10_only_where_something_changes() {
    let stage = stage();
    printed(&stage, &["plan", "--exit-code"], 0);
    printed(&stage, &["plan", "--exit-code", "down"], 10);
    printed(&stage, &["plan", "down", "--exit-code"], 10);
    printed(&stage, &["plan", "start", "--exit-code"], 0);
}

#[test]
fn the_json_of_a_plan_has_these_fields() {
    let stage = stage();
    stage.compose(&STACK.replace("volumes: [", "environment: {LEVEL: debug}, volumes: ["));
    let text = printed(&stage, &["plan", "--format", "json"], 0);
    let mut fields = BTreeSet::new();
    collect("", &serde_json::from_str(&text).unwrap(), &mut fields);
    insta::assert_snapshot!(fields.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The path of every value with its kind; the elements of a list have one path.
fn collect(path: &str, value: &serde_json::Value, fields: &mut BTreeSet<String>) {
    use serde_json::Value;
    let kind = match value {
        Value::Object(map) => {
            return map.iter().for_each(|(name, value)| collect(&format!("{path}.{name}"), value, fields));
        }
        Value::Array(list) => {
            return list.iter().for_each(|value| collect(&format!("{path}[]"), value, fields));
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
    };
    fields.insert(format!("{}: {kind}", path.trim_start_matches('.')));
}

#[test]
fn images_that_are_fetched_first_stand_in_the_plan() {
    let compose = |context: &str| format!("services:\n  web: {{build: {context}}}\n  db: {{image: app:1}}\n");
    let stage = Stage::new(&compose("."));
    std::fs::write(stage.folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let first = printed(&stage, &["plan", "--exit-code"], 10);
    assert!(first.contains("~ image p-web") && first.contains("not there yet"), "{first}");
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    let unchanged = printed(&stage, &["plan", "--exit-code"], 0);
    assert!(!unchanged.contains("image"), "{unchanged}");

    std::fs::write(stage.folder.path().join("Dockerfile"), "FROM scratch\nENV A=b\n").unwrap();
    let changed = printed(&stage, &["plan", "--exit-code"], 10);
    for text in ["its build context changed", "~ web", "image p-web will be another", "= db"] {
        assert!(changed.contains(text), "{text}\n{changed}");
    }
    stage.ok(&["deploy"]);
    stage.fake.forget_calls();
    let asked = printed(&stage, &["plan", "--exit-code", "--pull", "always", "db"], 0);
    assert!(asked.contains("unless image app:1 turns out to be another"), "{asked}");
}

#[test]
fn a_number_for_a_service_that_is_not_deployed_is_refused() {
    let stage = Stage::new("services: {web: {image: app:1}, db: {image: app:1}}");
    printed(&stage, &["deploy", "web", "--scale", "db=3"], 2);
    let told = stage.ends(&["plan", "web", "--scale", "db=3"], 2);
    assert!(told.contains("cannot scale `db`: it is not among the services of this command"), "{told}");
}

#[test]
fn a_word_that_is_a_tag_and_a_service_is_refused() {
    let stage = Stage::new("services:\n  v1: {image: \"app:${IMAGE_TAG:-1}\"}\n");
    let told = stage.ends(&["deploy", "v1"], 2);
    assert!(told.contains("`v1` is a service, but such a word is a tag"), "{told}");
    assert!(told.contains("`SERVICES=v1` names the service"), "{told}");
    stage.ok(&["deploy", "SERVICES=v1"]);
    let config = stage.sofa(&["config", "v2"]);
    assert!(String::from_utf8_lossy(&config.stdout).contains("image: app:v2"), "{config:?}");
}
