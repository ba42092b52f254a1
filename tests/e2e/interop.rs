//! docker compose → sofa → docker compose → sofa on unchanged files recreates nothing, whoever began: a test for each
//! file in `interop/`, and for the stacks in `compose/`. docker compose drives what sofa left.
//!
//! Comments at the head of a file are for this test: `# args:` are further arguments of both programs, `# before:` is a
//! command that prepares the engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stack::ids;
use crate::support::real_engine::{Run, TestProject, has_docker_compose, skip};

/// A test for each file, and one that no file is without.
macro_rules! files {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            unchanged(&stringify!($name).replace('_', "-")).await;
        })*

        #[test]
        fn every_file_has_a_test() {
            let tested: Vec<String> = [$(stringify!($name)),*].map(|name| name.replace('_', "-")).into();
            let mut files: Vec<String> = fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            files.sort();
            assert_eq!(files, tested);
        }
    };
}

files! {
    anchors annotations build capabilities commands configs container_name depends_on deploy devices dns env_file
    environment expose extends external extra_hosts healthchecks image_volumes include interpolation labels limits links
    logging long_values name namespaces network_addresses network_modes networks overrides ports process profiles restart
    scale secrets sysctls tmpfs ulimits volume_options volumes_from volumes_long volumes_short
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/interop")
}

/// A project with both programs at hand, docker compose's dialect set for what is new.
struct Both {
    test: TestProject,
    arguments: Vec<String>,
}

impl Both {
    /// None (after a loud notice) without an engine or without docker compose.
    async fn new(name: &str) -> Option<Both> {
        let mut test = TestProject::new(name).await?;
        if !has_docker_compose() {
            skip("no docker compose here; tools/compose-oracle installs it");
            return None;
        }
        let project = test.name().to_owned();
        test.env("PROJECT", &project);
        let version = test.docker_compose(["version", "--short"]).ok().stdout.clone();
        let dialect = if version.trim_start_matches('v').starts_with('2') { "2" } else { "5" };
        test.env("SOFA_DIALECT", dialect);
        Some(Both { test, arguments: Vec::new() })
    }

    fn sofa(&self, arguments: &[&str]) -> Run {
        self.test.sofa(self.arguments.iter().map(String::as_str).chain(arguments.iter().copied()))
    }

    fn compose(&self, arguments: &[&str]) -> Run {
        self.test.docker_compose(self.arguments.iter().map(String::as_str).chain(arguments.iter().copied()))
    }

    fn up(&self) {
        self.compose(&["up", "-d"]).ok();
    }

    fn deploy(&self) {
        self.sofa(&["deploy", "--no-wait"]).ok();
    }

    /// Panics unless the programs, in turn, leave every container as it is.
    async fn assert_unchanged_by(&self, turns: &[&str], first: &str) {
        let before = ids(&self.test).await;
        assert!(!before.is_empty(), "{first} made nothing");
        for turn in turns {
            let plan = self.sofa(&["plan", "deploy"]);
            if *turn == "sofa" {
                self.deploy()
            } else {
                self.up()
            }
            assert_eq!(ids(&self.test).await, before, "{turn}, after {first}:\n{}", plan.stdout);
        }
    }

    /// Whoever made the containers of these files: neither replaces one. Ends with everything taken down by docker compose.
    async fn assert_neither_recreates(&self) {
        self.deploy();
        self.assert_unchanged_by(&["docker compose", "sofa"], "sofa").await;
        let listed = self.compose(&["ps", "--all", "--quiet", "--no-trunc"]).ok().stdout.lines().count();
        assert_eq!(listed, ids(&self.test).await.len(), "docker compose lists what sofa made");
        let ours = ids(&self.test).await;
        self.compose(&["up", "-d", "--force-recreate", "--timeout", "0"]).ok();
        assert!(ids(&self.test).await.values().all(|id| ours.values().all(|known| known != id)));
        self.assert_unchanged_by(&["sofa", "docker compose", "sofa"], "docker compose").await;
        self.compose(&["down", "--timeout", "0", "--volumes"]).ok();
        assert_eq!(ids(&self.test).await, BTreeMap::new());
    }
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(|_| ()).unwrap()
        }
    }
}

async fn unchanged(name: &str) {
    let Some(mut both) = Both::new(name).await else {
        return;
    };
    let file = format!("{name}.yml");
    let text = fs::read_to_string(folder().join(&file)).unwrap();
    copy(&folder().join("shared"), both.test.folder());
    both.test.file(&file, &text);
    both.arguments = vec!["-f".into(), file];
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        if let Some(arguments) = line.strip_prefix("args: ") {
            both.arguments.extend(arguments.split(' ').map(String::from));
        } else if let Some(command) = line.strip_prefix("before: ") {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]);
            both.test.run(shell).ok();
        }
    }
    both.assert_neither_recreates().await;
}

/// What the stacks of `compose/` get in place of their images, which take a minute to build: everything else is as written.
const LIGHT: &str = "
x-light: &light
  image: ${BUSYBOX}
  build: !reset null
  command: [sleep, \"600\"]
  healthcheck: {test: [CMD, \"true\"], interval: 1s}
services:
  init-db: {image: \"${BUSYBOX}\", build: !reset null, command: [\"true\"]}
  predict-worker: *light
  score-worker: *light
  report-worker: *light
";

async fn stack(mode: &str, name: &str, light: &str) {
    let Some(mut both) = Both::new(name).await else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&root.join("compose"), &both.test.folder().join("compose"));
    both.test.file("compose/light.yml", &format!("{LIGHT}{light}"));
    for file in ["docker-compose.yml", mode, "light.yml"] {
        both.arguments.extend(["-f".to_owned(), format!("compose/{file}")]);
    }
    both.test
        .env("POSTGRES_PASSWORD", "x")
        .env("REPORT_PORT", if name.ends_with("prod") { "39721" } else { "39722" });
    both.test
        .env("DATABASE_URL", "postgresql://db.example/x")
        .env("MODEL_ORCHESTRATOR_URL", "https://models.example");
    both.assert_neither_recreates().await;
}

#[tokio::test]
async fn the_local_stack() {
    stack("docker-compose-local.yml", "stack-local", "  postgres: *light\n  model-orchestrator: *light\n")
        .await;
}

#[tokio::test]
async fn the_production_stack() {
    stack("docker-compose-prod.yml", "stack-prod", "").await;
}

#[tokio::test]
async fn docker_compose_drives_what_sofa_left() {
    let Some(mut both) = Both::new("drive").await else {
        return;
    };
    let service = "image: \"${BUSYBOX}\", command: [sh, -c, 'echo words; sleep 600']";
    let text =
        format!("services:\n  web: {{{service}, scale: 2}}\n  db: {{{service}}}\nvolumes: {{data: }}\n");
    both.test.file("drive.yml", &text);
    both.arguments = vec!["-f".into(), "drive.yml".into()];
    both.deploy();
    let ps = both.compose(&["ps", "--format", "{{.Service}} {{.State}}"]).ok().stdout.clone();
    let mut services: Vec<&str> = ps.lines().collect();
    services.sort_unstable();
    assert_eq!(services, ["db running", "web running", "web running"]);
    let logs = both.compose(&["logs", "--no-log-prefix", "db"]).ok().stdout.clone();
    assert_eq!(logs.trim(), "words");
    let said = both.compose(&["exec", "-T", "--index", "2", "web", "echo", "inside"]).ok().stdout.clone();
    assert_eq!(said.trim(), "inside");
    both.compose(&["stop", "--timeout", "0", "web"]).ok();
    both.compose(&["start", "web"]).ok();
    both.compose(&["down", "--timeout", "0"]).ok();
    crate::stack::assert_nothing_is_there(&both.test).await;
}
