//! Services that do their work once and that no file declares a job.

use sofa::testing::plan::observed::State;

use crate::stack::{compose, containers};
use crate::support::real_engine::TestProject;

const STAY: &str = "image: \"${BUSYBOX}\", command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']";

#[tokio::test]
async fn a_service_that_ends_well_counts_as_completed() {
    let Some(test) = TestProject::new("one-shot").await else {
        return;
    };
    let once = "image: \"${BUSYBOX}\", command: [sh, -c, 'echo done']";
    compose(
        &test,
        &format!(
            "  web: {{{STAY}}}
  init: {{{once}, restart: \"no\"}}
  default: {{{once}}}
  late: {{image: \"${{BUSYBOX}}\", command: [sleep, \"1\"], restart: on-failure}}
  several: {{{once}, deploy: {{replicas: 2}}}}
"
        ),
    );
    let run = test.sofa(["deploy"]);
    run.ok();
    for service in ["init", "default", "late", "several"] {
        let note = format!("service `{service}` ended with exit code 0 and counts as completed");
        assert_eq!(run.stderr.matches(&note).count(), 1, "{service}: {}", run.stderr);
    }
    run.says("x-sofa: {role: job}");
    let ended = containers(&test).await.into_values().filter(|c| c.state == State::Exited(0)).count();
    assert_eq!(ended, 5);
}

#[tokio::test]
async fn other_services_that_end_fail_the_deploy() {
    let Some(test) = TestProject::new("one-shot-not").await else {
        return;
    };
    for (service, why) in [
        ("command: [sh, -c, 'exit 3']", "exited with code 3"),
        ("command: ['true'], restart: always", "restarts again and again"),
        ("command: ['true'], ports: [\"127.0.0.1::80\"]", "exited with code 0"),
        ("command: ['true'], healthcheck: {test: [CMD, 'true'], interval: 5s}", "exited with code 0"),
    ] {
        compose(&test, &format!("  web: {{{STAY}}}\n  init: {{image: \"${{BUSYBOX}}\", {service}}}\n"));
        let run = test.sofa(["deploy"]);
        run.assert_code(4).says("service `init`: ").says(why);
        if service.contains("ports") {
            run.says("`x-sofa: {role: job}`");
        }
        assert!(containers(&test).await.is_empty());
    }
}
