//! The table of modes, typed through the Makefile on a real engine: every row with every verb, each mode as a separate project,
//! three of them at the same time. Services that a row does not name keep their containers and start times.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use futures_util::future::join_all;

use crate::support::real_engine::{Run, TestProject};

/// Healthy at once, so that nothing is watched for a while. A change of GENERATION changes all but the job.
const COMPOSE: &str = r#"
x-service: &service
  build: ../image
  init: true
  command: [sleep, "600"]
  environment: { GENERATION: "${GENERATION:?}" }
  healthcheck: { test: [CMD, "true"], interval: 10s }
services:
  postgres: { <<: *service, x-sofa: { role: infra } }
  model-orchestrator: { <<: *service, x-sofa: { role: infra } }
  init-db:
    image: ${BUSYBOX}
    command: ["true"]
    depends_on: [postgres]
    x-sofa: { role: job }
  predict-worker: &worker
    <<: *service
    depends_on:
      postgres: { condition: service_started }
      init-db: { condition: service_completed_successfully }
  score-worker: *worker
  report-worker: *worker
"#;

const MODES: [&str; 3] = ["local", "dev", "production"];
const ALL: [&str; 6] =
    ["init-db", "model-orchestrator", "postgres", "predict-worker", "report-worker", "score-worker"];
const WORKERS: [&str; 3] = ["predict-worker", "report-worker", "score-worker"];
const INFRA: [&str; 2] = ["model-orchestrator", "postgres"];

/// A row: what is typed beside the verb, the mode that it means, the services that it names.
type Row = (&'static [&'static str], &'static str, &'static [&'static str]);

const ROWS: [Row; 5] = [
    (&[], "local", &ALL),
    (&["dev"], "dev", &INFRA),
    (&["production"], "production", &WORKERS),
    (&["production", "all"], "production", &ALL),
    (
        &["production", "SERVICES=score-worker, report-worker"],
        "production",
        &["report-worker", "score-worker"],
    ),
];

/// Rows that say the same in other words, or choose services in other modes.
const MORE_ROWS: [Row; 4] = [
    (&["local"], "local", &ALL),
    (&["all"], "local", &ALL),
    (&["SERVICES=report-worker"], "local", &["report-worker"]),
    (&["dev", "SERVICES=postgres"], "dev", &["postgres"]),
];

/// A project with modes, reached as people reach it.
struct Stack {
    test: TestProject,
    tools: PathBuf,
    generation: u32,
}

/// Id and start of each container, by mode and service.
type Standing = BTreeMap<(&'static str, String), (String, String)>;

impl Stack {
    async fn new(name: &str) -> Option<Stack> {
        let mut test = TestProject::new(name).await?;
        for file in ["compose/docker-compose-local.yml", "compose/docker-compose-prod.yml"] {
            test.file(file, COMPOSE);
        }
        test.file("image/Dockerfile", &format!("FROM {}\n", test.image()));
        // The tools that prepare a machine have nothing to do here.
        for tool in ["ensure-engine", "build", "base-image"] {
            let path = test.file(&format!("tools/{tool}"), "#!/bin/sh\n");
            std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        for mode in MODES {
            let project = project(&test, mode);
            test.also_clean(&project);
        }
        let tools = test.folder().join("tools");
        let mut stack = Stack { test, tools, generation: 0 };
        stack.next_generation();
        Some(stack)
    }

    /// Changes what every service of every mode is made of.
    fn next_generation(&mut self) {
        self.generation += 1;
        for mode in MODES {
            self.test.file(&format!("envs/.{mode}.env"), &format!("GENERATION={}\n", self.generation));
        }
    }

    fn make(&self, words: &[&str]) -> Run {
        let mut command = Command::new("make");
        command
            .arg("--no-print-directory")
            .arg("-f")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Makefile"))
            .arg(concat!("SOFA=", env!("CARGO_BIN_EXE_sofa")))
            .arg(format!("TOOLS={}", self.tools.display()))
            .args(words);
        // Nobody is there to be asked: `down` of production needs a yes.
        command.env("SOFA_YES", "1");
        for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SERVICES", "SOFA_SERVICES"] {
            command.env_remove(name);
        }
        self.test.run(command)
    }

    async fn standing(&self) -> Standing {
        let engine = self.test.engine();
        let modes = MODES.map(async |mode| {
            let observed = engine.observe_project(&project(&self.test, mode)).await.unwrap();
            let details = observed.containers.into_iter().map(async |container| {
                let details = engine.inspect(container.id.as_str()).await.unwrap();
                let state = format!("{} {:?}", details.state, details.started);
                ((mode, container.service), (container.id.as_str().to_owned(), state))
            });
            join_all(details).await
        });
        join_all(modes).await.into_iter().flatten().collect()
    }
}

/// The name that a mode's project gets: the folder's and the mode's.
fn project(test: &TestProject, mode: &str) -> String {
    let folder = test.folder().file_name().unwrap().to_string_lossy().to_lowercase();
    format!("{folder}-{mode}")
}

/// What is not as it was.
fn changed(before: &Standing, after: &Standing) -> BTreeSet<(&'static str, String)> {
    before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

fn of(mode: &'static str, services: &[&str]) -> BTreeSet<(&'static str, String)> {
    services.iter().map(|service| (mode, (*service).to_owned())).collect()
}

#[tokio::test]
async fn every_row_of_the_table_touches_its_services_and_nothing_else() {
    let Some(mut stack) = Stack::new("table").await else { return };
    stack.make(&["dev", "deploy"]).ok();
    assert_eq!(changed(&Standing::new(), &stack.standing().await), of("dev", &INFRA));
    stack.make(&["deploy"]).ok();
    stack.make(&["all", "production", "deploy"]).ok();
    let mut before = stack.standing().await;
    assert_eq!(before.len(), INFRA.len() + 2 * ALL.len());

    let rows = ROWS.into_iter().map(|row| (row, true)).chain(MORE_ROWS.into_iter().map(|row| (row, false)));
    for (index, ((words, mode, services), whole)) in rows.enumerate() {
        // Words come in any order.
        let typed = |verb: &'static str| match index % 2 {
            0 => [words, &[verb]].concat(),
            _ => [&[verb], words].concat(),
        };
        // A job that succeeded stays as it is, whatever happens around it, until it is taken down.
        let running: Vec<&str> = services.iter().copied().filter(|service| *service != "init-db").collect();
        let all_verbs: [(&str, &[&str]); 8] = [
            ("build", &[]),
            ("deploy", &running),
            ("restart", &running),
            ("stop", &running),
            ("logs", &[]),
            ("start", &running),
            ("down", services),
            ("deploy", services),
        ];
        stack.next_generation();
        for (verb, touched) in if whole { &all_verbs[..] } else { &all_verbs[1..2] } {
            let run = stack.make(&typed(verb));
            run.ok();
            let after = stack.standing().await;
            assert_eq!(changed(&before, &after), of(mode, touched), "{verb} {words:?}: {}", run.stderr);
            if *verb == "build" {
                let built =
                    running.iter().filter(|service| run.stderr.contains(&format!("-{service}: built")));
                assert_eq!(built.count(), running.len(), "{words:?}: {}", run.stderr);
            }
            before = after;
        }
    }
    for words in [["ps", "dev"], ["plan", "dev"], ["config", "dev"], ["check", "dev"]] {
        stack.make(&words).ok();
        assert_eq!(changed(&before, &stack.standing().await), of("dev", &[]), "{words:?}");
    }
}

#[tokio::test]
async fn one_mode_goes_with_its_files_broken_and_the_others_stay() {
    let Some(stack) = Stack::new("table-broken").await else { return };
    for words in [["deploy", "local"], ["deploy", "dev"], ["deploy", "production"]] {
        // Without its database and its job production cannot begin: `all` brings them.
        let words =
            if words[1] == "production" { vec!["deploy", "production", "all"] } else { words.to_vec() };
        stack.make(&words).ok();
    }
    let all = stack.standing().await;
    stack.test.file("envs/.local.env", "A=${B\n'\n");
    stack.make(&["deploy"]).assert_code(2).says("envs/.local.env:1:3");
    stack.test.file("compose/docker-compose-local.yml", "services: [\n");
    for verb in ["ps", "logs", "stop", "start", "restart"] {
        stack.make(&["local", verb]).ok();
    }
    stack.make(&["down", "local"]).ok();
    let left = stack.standing().await;
    assert_eq!(changed(&all, &left), of("local", &ALL));
    stack.make(&["down", "production", "all"]).ok();
    assert_eq!(changed(&left, &stack.standing().await), of("production", &ALL));
}

#[tokio::test]
async fn what_make_refuses_changes_nothing() {
    let Some(stack) = Stack::new("table-hostile").await else { return };
    stack.make(&["deploy", "dev"]).ok();
    let before = stack.standing().await;
    let mark = stack.test.folder().join("mark");
    let hostile = [
        format!("SERVICES=postgres;touch {}", mark.display()),
        format!("SERVICES=$(shell touch {})", mark.display()),
    ];
    for words in [
        vec!["deploy", "prod"],
        vec!["production"],
        vec!["down", "deploy"],
        vec!["-j4", "dev", "down", "deploy"],
        vec!["down", "dev", "SERVICES="],
        vec!["down", "dev", &hostile[0]],
        vec!["down", "dev", &hostile[1]],
        vec!["down", "dev", "SERVICES=postgers"],
    ] {
        let run = stack.make(&words);
        run.assert_code(2);
        assert_eq!(changed(&before, &stack.standing().await), BTreeSet::new(), "{words:?}");
        assert!(!mark.exists(), "{words:?}");
    }
    stack.make(&["-n", "down", "dev"]).ok();
    assert_eq!(changed(&before, &stack.standing().await), BTreeSet::new());
}
