//! The plan of the coordinator after one change each: an environment key, an image, a port, an option of a network, an option of
//! a volume. What a person reads, to the letter.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use insta::{Settings, assert_snapshot};

use crate::stack::ids;
use crate::support::real_engine::{Run, TestProject};

/// What the stack gets in place of its images, which take a minute to build, and in place of `make`'s modes.
const LIGHT: &str = "
x-light: &light
  image: ${BUSYBOX}
  build: !reset null
  command: [sleep, \"600\"]
  healthcheck: {test: [CMD, \"true\"], interval: 1s}
services:
  init-db: {image: \"${BUSYBOX}\", build: !reset null, command: [\"true\"]}
  predict-worker: {<<: *light, environment: {LEVEL: info}}
  score-worker: *light
  report-worker: *light
  postgres: *light
  model-orchestrator: *light
";

struct Coordinator {
    test: TestProject,
}

impl Coordinator {
    /// The coordinator, deployed.
    async fn new() -> Option<Coordinator> {
        let mut test = TestProject::new("changes").await?;
        test.env("REPORT_PORT", "39731").env("POSTGRES_PASSWORD", "x");
        for file in ["docker-compose.yml", "docker-compose-local.yml"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose").join(file);
            test.file(&format!("compose/{file}"), &fs::read_to_string(path).unwrap());
        }
        test.file("compose/light.yml", LIGHT);
        let coordinator = Coordinator { test };
        coordinator.changed("services: {}\n");
        coordinator.sofa(&["deploy"]).ok();
        // The engine's own first look at health comes later than sofa's.
        let end = Instant::now() + Duration::from_secs(20);
        while coordinator.sofa(&["plan"]).ok().stdout.contains("not ready yet") {
            assert!(Instant::now() < end, "the engine never found them healthy");
        }
        Some(coordinator)
    }

    /// What the files say beside the rest.
    fn changed(&self, text: &str) {
        self.test.file("compose/changed.yml", text);
    }

    fn sofa(&self, arguments: &[&str]) -> Run {
        let files = ["docker-compose.yml", "docker-compose-local.yml", "light.yml", "changed.yml"];
        let files: Vec<String> = files.iter().map(|file| format!("compose/{file}")).collect();
        let files = files.iter().flat_map(|file| ["-f", file.as_str()]);
        self.test.sofa(files.chain(arguments.iter().copied()))
    }

    /// What a person reads of a change: all but the operations.
    fn plan(&self, change: &str) -> String {
        self.changed(change);
        let plan = self.sofa(&["plan", "--exit-code"]);
        let said = &plan.assert_code(10).stdout;
        said.split("\n\noperations").next().unwrap().replace(self.test.name(), "coordinator") + "\n"
    }
}

/// Digests, ids and the test's own tag are others each time. How long a deploy waits is the subject of `check`.
fn stable() -> Settings {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"sha256:[0-9a-f]{12}…", "sha256:…");
    settings.add_filter(r"sofa-test/busybox:\d+", "busybox:1");
    settings.add_filter(r"\n  note: the deploy waits at most [^\n]*", "");
    settings
}

#[tokio::test]
async fn each_change_is_told_with_its_field_and_touches_only_what_it_must() {
    let Some(coordinator) = Coordinator::new().await else { return };
    let before = ids(&coordinator.test).await;
    let _stable = stable().bind_to_scope();

    assert_snapshot!(coordinator.plan("services: {predict-worker: {environment: {LEVEL: debug, TOKEN: x}}}\n"), @r"
    coordinator: 1 to replace, 5 unchanged
      = init-db             unchanged
      = model-orchestrator  unchanged
      = postgres            unchanged
      ~ predict-worker      replace    configuration changed: environment.LEVEL, environment.TOKEN [disruptive]
          environment.LEVEL: info → debug
          environment.TOKEN: new
      = report-worker       unchanged
      = score-worker        unchanged
    ");
    assert_snapshot!(coordinator.plan("services: {report-worker: {ports: !override ['127.0.0.1:39732:8000']}}\n"), @r"
    coordinator: 1 to replace, 5 unchanged
      = init-db             unchanged
      = model-orchestrator  unchanged
      = postgres            unchanged
      = predict-worker      unchanged
      ~ report-worker       replace    configuration changed: ports[8000/tcp].published [disruptive]
          ports[8000/tcp].published: 39731 → 39732
      = score-worker        unchanged
    ");
    assert_snapshot!(coordinator.plan("networks: {default: {internal: true, driver_opts: {com.docker.network.driver.mtu: '1400'}}}\n"), @r"
    coordinator: 1 to replace, 5 to restart, 1 unchanged
      ~ network coordinator_default  replace    configuration changed: driver_opts.com.docker.network.driver.mtu, internal [disruptive]
          driver_opts.com.docker.network.driver.mtu: 1400 (new)
          internal: true (new)
      = init-db                                       unchanged
      ~ model-orchestrator                            restart    network coordinator_default is replaced
      ~ postgres                                      restart    network coordinator_default is replaced
      ~ predict-worker                                restart    network coordinator_default is replaced
      ~ report-worker                                 restart    network coordinator_default is replaced
      ~ score-worker                                  restart    network coordinator_default is replaced
    ");
    coordinator
        .test
        .run({
            let mut tag = std::process::Command::new("docker");
            tag.args(["tag", coordinator.test.image(), &format!("{}:2", coordinator.test.name())]);
            tag
        })
        .ok();
    let image = format!("services: {{score-worker: {{image: '{}:2'}}}}\n", coordinator.test.name());
    assert_snapshot!(coordinator.plan(&image), @r"
    coordinator: 1 to replace, 5 unchanged
      = init-db             unchanged
      = model-orchestrator  unchanged
      = postgres            unchanged
      = predict-worker      unchanged
      = report-worker       unchanged
      ~ score-worker        replace    configuration changed: image [disruptive]
          image: busybox:1 → coordinator:2
    ");

    coordinator.changed("volumes: {pgdata: {driver_opts: {type: tmpfs, device: tmpfs}}}\n");
    let refused = coordinator.sofa(&["plan"]);
    let said = refused.assert_code(3).stderr.replace(coordinator.test.name(), "coordinator");
    assert_snapshot!(said, @r"
    error: volume `coordinator_pgdata`: driver_opts.device, driver_opts.type changed, and replacing it would lose its data
    hint: to keep the data, give the volume another `name:` and copy it over; to lose it: sofa rm --stop postgres && docker volume rm coordinator_pgdata
    ");
    assert_eq!(ids(&coordinator.test).await, before, "a plan changes nothing");
}
