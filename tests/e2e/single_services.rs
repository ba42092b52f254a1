//! Problems of single services: a deploy judges those in scope, and `check` all.

use crate::stack::{containers, until_running};
use crate::support::real_engine::TestProject;

const STAY: &str = "image: \"${BUSYBOX}\", command: [sh, -c, 'trap \"exit 0\" TERM; sleep 600 & wait']";

#[tokio::test]
async fn a_problem_of_a_service_outside_the_scope_does_not_block_a_deploy() {
    let Some(test) = TestProject::new("others").await else {
        return;
    };
    let name = format!("{}-same", test.name());
    test.file(
        "compose.yaml",
        &format!(
            "services:
  web: {{{STAY}}}
  needs: {{{STAY}, depends_on: [broken]}}
  broken: {{{STAY}, env_file: [missing.env]}}
  labels: {{{STAY}, label_file: [missing.labels]}}
  one: {{{STAY}, container_name: {name}}}
  two: {{{STAY}, container_name: {name}}}
"
        ),
    );
    test.sofa(["deploy", "--no-wait", "web"]).ok();
    until_running(&test, "web").await;
    test.sofa(["deploy", "--no-wait", "one"]).ok();
    test.sofa(["deploy", "broken"]).assert_code(3).says("missing.env does not exist");
    test.sofa(["deploy", "needs"]).assert_code(3).says("missing.env does not exist");
    test.sofa(["deploy", "one", "two"]).assert_code(3).says("has the container name of service `one`");
    let all = test.sofa(["deploy"]);
    all.assert_code(3).says("missing.env").says("missing.labels").says("container name");
    let check = test.sofa(["check"]);
    check.assert_code(3);
    for problem in ["missing.env", "missing.labels", "container name"] {
        assert!(format!("{}{}", check.stdout, check.stderr).contains(problem), "{}", check.stdout);
    }
    assert_eq!(containers(&test).await.len(), 2);
    // A running service with a problem is not an orphan.
    test.sofa(["deploy", "--no-wait", "--remove-orphans", "web"]).ok();
    assert_eq!(containers(&test).await.len(), 2);
}

#[tokio::test]
async fn without_dependencies_a_service_is_deployed_alone() {
    let Some(test) = TestProject::new("no-deps").await else {
        return;
    };
    test.file(
        "compose.yaml",
        &format!(
            "services:
  db: {{{STAY}, healthcheck: {{test: [CMD, 'false']}}}}
  migrate: {{image: \"${{BUSYBOX}}\", command: ['true']}}
  web:
    {{{STAY}, depends_on: {{db: {{condition: service_healthy}}, migrate: {{condition: service_completed_successfully}}}}}}
"
        ),
    );
    test.sofa(["deploy", "--deps", "none", "web"]).assert_code(5).says("depends on `db`, which is not up");
    test.sofa(["deploy", "--no-deps", "web"]).ok();
    let services: Vec<String> = containers(&test).await.into_values().map(|c| c.service).collect();
    assert_eq!(services, ["web"]);
    test.sofa(["deploy", "--no-deps", "--deps", "all", "web"]).assert_code(2);
}

#[tokio::test]
async fn start_first_gives_way_where_both_containers_would_need_the_same() {
    let Some(test) = TestProject::new("stop-first").await else {
        return;
    };
    let file = |version: &str| {
        let order = "deploy: {update_config: {order: start-first}}";
        let health = "healthcheck: {test: [CMD, 'true'], interval: 5s}";
        let web = format!("{STAY}, ports: [\"127.0.0.1:0:80\"], volumes: [\"data:/data\"]");
        test.file(
            "compose.yaml",
            &format!("services:\n  web: {{{web}, environment: {{V: \"{version}\"}}, {health}, {order}}}\nvolumes: {{data: {{}}}}\n"),
        );
    };
    file("1");
    test.sofa(["deploy"]).ok();
    file("2");
    let run = test.sofa(["deploy"]);
    run.ok().says("web stops first although `update_config.order` is `start-first`: it writes to /data");
    test.sofa(["check"]).ok();
    test.sofa(["check", "--strict"]).assert_code(3);
}

#[tokio::test]
async fn what_the_engine_would_refuse_or_cannot_have_is_explained() {
    let Some(test) = TestProject::new("explained").await else {
        return;
    };
    test.file(
        "compose.yaml",
        &format!("services:\n  web: {{{STAY}, healthcheck: {{test: [CMD, 'true'], start_interval: 1s}}}}\n"),
    );
    test.sofa(["deploy"]).assert_code(3).says("start_interval");
    test.file("compose.yaml", "services:\n  web: {image: \"127.0.0.1:1/nothing/here:1\"}\n");
    let pull = test.sofa(["deploy"]);
    pull.assert_code(1).says("registry 127.0.0.1:1 did not answer").says("--pull never");
    assert_eq!(pull.stderr.matches("nothing/here:1`").count(), 1, "named once: {}", pull.stderr);
    test.file(
        "compose.yaml",
        "services:\n  web: {image: \"${BUSYBOX}\", command: [sh, -c, 'echo hidden; exit 3'], logging: {driver: none}}\n",
    );
    test.sofa(["deploy"]).assert_code(4).says("log of").says("cannot be read");
}
