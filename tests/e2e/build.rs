//! Builds with the classic builder of a real engine.

use std::collections::BTreeMap;

use sofa::testing::compose::model::{Build, Project, Service};
use sofa::testing::engine::build::{BuildError, BuildEvent, BuildOptions, PreparedBuild, is_current};

use crate::stack::{assert_nothing_is_there, compose};
use crate::support::real_engine::TestProject;

fn prepared(test: &TestProject, build: &Build) -> Result<PreparedBuild, BuildError> {
    let project = Project { name: test.name().into(), ..Project::default() };
    let service = Service { name: "app".into(), ..Service::default() };
    let options = BuildOptions { version: "2.40.3".to_owned(), ..BuildOptions::default() };
    PreparedBuild::new(&project, &service, build, &options)
}

fn build(test: &TestProject) -> Build {
    Build { context: test.folder().display().to_string(), ..Build::default() }
}

/// Builds and returns the lines of output.
async fn run(test: &TestProject, build: &Build) -> Result<Vec<String>, BuildError> {
    let mut lines = Vec::new();
    let on_event = |event| {
        if let BuildEvent::Line(line) = event {
            lines.push(line);
        }
    };
    test.engine().build(prepared(test, build)?, on_event).await?;
    Ok(lines)
}

#[tokio::test]
async fn an_image_is_built_from_what_dockerignore_lets_through() {
    let Some(test) = TestProject::new("build").await else {
        return;
    };
    let from = test.image();
    test.file(
        "docker/Dockerfile",
        &format!("FROM {from} AS one\nARG WHO\nCOPY . /src\nRUN echo hello $WHO; ls /src /src/docker\nFROM one AS two\nRUN exit 9\n"),
    );
    test.file(".dockerignore", "*\n!kept\n");
    test.file("kept/file", &"x".repeat(300_000));
    test.file("dropped", "");
    let mut build = Build {
        dockerfile: "docker/Dockerfile".to_owned(),
        target: "one".to_owned(),
        args: BTreeMap::from([("WHO".to_owned(), Some("world".to_owned()))]),
        labels: BTreeMap::from([("own".to_owned(), "yes".to_owned())]),
        tags: vec![format!("{}-app:more", test.name())],
        ..build(&test)
    };
    let digest = prepared(&test, &build).unwrap().digest().to_owned();
    let lines = run(&test, &build).await.unwrap();
    assert!(lines.contains(&"hello world".to_owned()), "{lines:?}");
    assert!(lines.contains(&"kept".to_owned()) && !lines.contains(&"dropped".to_owned()), "{lines:?}");
    assert!(
        lines.contains(&"Dockerfile".to_owned()),
        "the Dockerfile is sent although it is ignored: {lines:?}"
    );
    for name in ["app", "app:more"] {
        let image = test.engine().inspect_image(&format!("{}-{name}", test.name())).await.unwrap().unwrap();
        assert_eq!(image.labels["com.docker.compose.service"], "app");
        assert_eq!(image.labels["com.docker.compose.image.builder"], "classic");
        assert_eq!(image.labels["own"], "yes");
        assert!(is_current(&image.labels, &digest));
    }
    test.file("dropped", "changed");
    assert_eq!(prepared(&test, &build).unwrap().digest(), digest, "what is ignored is not in the digest");
    test.file("kept/file", "changed");
    assert_ne!(prepared(&test, &build).unwrap().digest(), digest);
    build.target = "two".to_owned();
    let error = run(&test, &build).await.unwrap_err();
    let BuildError::Failed { message, tail } = error else { panic!("{error}") };
    assert!(message.contains("returned a non-zero code: 9"), "{message}");
    assert!(tail.iter().any(|line| line.contains("RUN exit 9")), "{tail:?}");
}

#[tokio::test]
async fn a_dockerfile_may_stand_outside_or_in_the_compose_file() {
    let Some(test) = TestProject::new("dockerfile").await else {
        return;
    };
    test.file("context/file", "in the context\n");
    let text = format!("FROM {}\nCOPY file /file\nRUN cat /file && ls -a /\n", test.image());
    let context = test.folder().join("context").display().to_string();
    let outside = test.file("elsewhere.Dockerfile", &text);
    let outside =
        Build { context: context.clone(), dockerfile: outside.display().to_string(), ..Build::default() };
    assert!(run(&test, &outside).await.unwrap().contains(&"in the context".to_owned()));
    let inline = Build { context, dockerfile_inline: text, no_cache: true, ..Build::default() };
    assert!(run(&test, &inline).await.unwrap().contains(&"in the context".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_built_is_said_before_anything_is_sent() {
    let Some(test) = TestProject::new("refused").await else {
        return;
    };
    let error = |build: &Build| prepared(&test, build).unwrap_err().to_string();
    let missing = Build { context: "/nowhere".to_owned(), ..Build::default() };
    assert_eq!(error(&missing), "`build.context`: `/nowhere` does not exist");
    let without = build(&test);
    assert!(error(&without).starts_with("`build.dockerfile`: `"), "{}", error(&without));
    let contexts = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let modern = Build { additional_contexts: contexts, ..build(&test) };
    assert_eq!(error(&modern), "`build.additional_contexts` needs BuildKit, which `sofa` does not use yet");
    test.file("Dockerfile", "FROM scratch");
    test.file(".dockerignore", "a\n!\n");
    assert!(error(&build(&test)).contains("line 2: `!` is not a valid pattern"), "{}", error(&build(&test)));
    std::fs::remove_file(test.folder().join(".dockerignore")).unwrap();
    test.file("Dockerfile", "FRUM scratch\n");
    let error = run(&test, &build(&test)).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("unknown instruction: frum"), "{error}");
}

#[tokio::test]
async fn arguments_of_the_command_line_reach_the_build_and_down_removes_what_was_built_when_asked() {
    let Some(test) = TestProject::new("rmi").await else {
        return;
    };
    let from = test.image().to_owned();
    test.file("Dockerfile", &format!("FROM {from}\nARG WHO=nobody\nLABEL who=$WHO\n"));
    compose(
        &test,
        "  web: {command: [sleep, \"100\"], build: ., stop_grace_period: 1s}\n  db: {<<: *stay}\n",
    );
    test.sofa(["build", "--build-arg", "WHO=me"]).ok();
    let name = format!("{}-web", test.name());
    let built = test.engine().inspect_image(&name).await.unwrap().unwrap();
    assert_eq!(built.labels["who"], "me");

    test.sofa(["deploy", "--no-build", "--no-wait"]).ok();
    compose(&test, "  db: {<<: *stay}\n");
    test.sofa(["down", "db", "--remove-orphans", "--rmi", "local"]).ok().says("1 image removed");
    assert_nothing_is_there(&test).await;
    assert!(test.engine().inspect_image(&name).await.unwrap().is_none(), "its only name is gone");
    assert!(test.engine().inspect_image(&from).await.unwrap().is_some(), "no build here made it");
}
