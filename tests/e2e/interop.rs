//! docker compose → sofa → docker compose → sofa on unchanged files recreates nothing, whichever begins. There is a test for each
//! file in `interop/` and for the stacks in `compose/`.
//!
//! It is the docker compose that DOCKER_CONFIG names: `make test-full` runs these tests beside 2 and beside 5.
//!
//! Comments at the head of a file are for this test: `# args:` are further arguments of both programs, `# before:` is a command
//! that prepares the engine, `# from:` is the docker compose that knows what is in it, `# api:` what the engine must know, else
//! both refuse it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sofa::testing::compat::Dialect;

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
    anchors annotations binds build capabilities commands configs container_name cpus depends_on deploy devices
    dns env_file env_file_raw environment expose extends external external_links extra_hosts files_by_content
    healthchecks hooks image_mounts image_volumes include interpolation ipam ipam_options labels limits links
    logging long_values memory name names namespaces network_addresses network_modes networks overrides
    platforms ports pre_start pre_start_beside process profiles project_files pull_policies restart scale
    secrets sysctls tmpfs ulimits volume_options volumes_from volumes_long volumes_short
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/interop")
}

/// A project with both programs at hand, docker compose's dialect set for what is new.
struct Both {
    test: TestProject,
    arguments: Vec<String>,
    /// Major and minor version of docker compose.
    version: (u32, u32),
}

/// What the engine has of a project: whatever is there under a name, and its labels as far as both programs set them.
#[derive(Debug, PartialEq)]
struct Left {
    ids: BTreeMap<String, String>,
    labels: BTreeMap<String, BTreeMap<String, String>>,
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
        let said = test.docker_compose(["version", "--short"]).ok().stdout.clone();
        test.env("SOFA_DIALECT", &Dialect::of_version(said.trim()).to_string());
        let mut numbers = said.trim_start_matches('v').split('.').map_while(|number| number.parse().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        Some(Both { test, arguments: Vec::new(), version })
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

    async fn left(&self) -> Left {
        let observed = self.test.engine().observe_project(self.test.name()).await.unwrap();
        let mut left = Left { ids: BTreeMap::new(), labels: BTreeMap::new() };
        // The container of a hook is done once its service runs.
        for container in observed.containers.iter().filter(|container| !container.oneoff) {
            left.ids.insert(container.name.clone(), container.id.as_str().to_owned());
            let mut labels = shared_labels(&container.labels);
            // It holds the id of the container whose namespaces are shared, and docker compose writes dependencies in any order.
            labels.remove("com.docker.compose.config-hash");
            if let Some(dependencies) = labels.get_mut("com.docker.compose.depends_on") {
                let mut sorted: Vec<&str> = dependencies.split(',').collect();
                sorted.sort_unstable();
                *dependencies = sorted.join(",");
            }
            left.labels.insert(format!("container {}", container.name), labels);
        }
        for network in &observed.networks {
            left.ids.insert(format!("network {}", network.name), network.id.as_str().to_owned());
            left.labels.insert(format!("network {}", network.name), shared_labels(&network.labels));
        }
        for volume in observed.volumes.iter().filter(|volume| !volume.labels.is_empty()) {
            left.labels.insert(format!("volume {}", volume.name), shared_labels(&volume.labels));
        }
        left
    }

    /// Panics unless the programs, in turn, leave everything as it is.
    async fn assert_unchanged_by(&self, turns: &[&str], first: &str) {
        let before = self.left().await;
        assert!(!before.ids.is_empty(), "{first} made nothing");
        for turn in turns {
            let plan = self.sofa(&["plan", "deploy"]);
            self.turn(turn);
            assert_eq!(self.left().await, before, "{turn}, after {first}:\n{}", plan.stdout);
        }
    }

    /// One tool deploys these files, and the other replaces nothing and would set the same labels. docker compose takes
    /// everything down at the end. Panics unless this engine is too old for the files.
    fn assert_both_refuse(&self) {
        self.sofa(&["deploy"]).assert_code(3);
        assert_ne!(self.compose(&["up", "-d"]).code, 0);
        self.compose(&["down", "--timeout", "0"]).ok();
    }

    async fn assert_neither_recreates(&self) {
        self.deploy();
        self.assert_unchanged_by(&["docker compose", "sofa"], "sofa").await;
        let listed = self.compose(&["ps", "--all", "--quiet", "--no-trunc"]).ok().stdout.lines().count();
        assert_eq!(listed, ids(&self.test).await.len(), "docker compose lists what sofa made");
        let ours = self.left().await;
        self.take_down().await;
        self.up();
        let theirs = self.left().await;
        assert_eq!(ours.labels, theirs.labels, "labels by sofa, and by docker compose");
        self.assert_unchanged_by(&["sofa", "docker compose", "sofa"], "docker compose").await;
        self.take_down().await;
    }

    async fn take_down(&self) {
        self.compose(&["down", "--timeout", "0", "--volumes"]).ok();
        assert_eq!(ids(&self.test).await, BTreeMap::new());
    }
}

/// docker compose's labels but for its version, and who replaced what.
fn shared_labels(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = ["version", "replace"].map(|name| format!("com.docker.compose.{name}"));
    let shared = labels.iter().filter(|(name, _)| !name.starts_with("sofa.") && !own.contains(name));
    shared.map(|(name, value)| (name.clone(), value.clone())).collect()
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
        if let Some(from) = line.strip_prefix("from: ") {
            let (major, minor) = from.split_once('.').unwrap();
            if both.version < (major.parse().unwrap(), minor.parse().unwrap()) {
                return;
            }
        } else if let Some(api) = line.strip_prefix("api: ") {
            if both.test.engine().api() < api.parse().unwrap() {
                both.assert_both_refuse();
                return;
            }
        } else if let Some(arguments) = line.strip_prefix("args: ") {
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

impl Both {
    /// The one file of the project: these services, and other top-level keys behind them.
    fn file(&mut self, text: &str) {
        self.test.file("compose.yaml", text);
        self.arguments = vec!["-f".into(), "compose.yaml".into()];
    }

    fn turn(&self, of: &str) {
        if of == "sofa" { self.deploy() } else { self.up() }
    }

    /// Names without the project's, those of networks and volumes too.
    async fn names(&self) -> Vec<String> {
        let left = self.left().await;
        let names = left.labels.keys().map(|name| name.replace(&format!("{}-", self.test.name()), ""));
        names.map(|name| name.replace(&format!("{}_", self.test.name()), "")).collect()
    }
}

const SLEEPS: &str = "image: \"${BUSYBOX}\", command: [sleep, \"600\"], init: true";

#[tokio::test]
async fn a_gap_in_the_numbers_stays_open() {
    for (first, second) in [("sofa", "docker compose"), ("docker compose", "sofa")] {
        let Some(mut both) = Both::new("gap").await else {
            return;
        };
        both.file(&format!("services:\n  web: {{{SLEEPS}, scale: 3}}\n"));
        both.turn(first);
        let mut docker = Command::new("docker");
        docker.args(["rm", "--force", &format!("{}-web-2", both.test.name())]);
        both.test.run(docker).ok();
        both.turn(second);
        let expected = ["container web-1", "container web-3", "container web-4", "network default"];
        assert_eq!(both.names().await, expected, "{second}, after {first}");
        both.assert_unchanged_by(&[first, second], second).await;
    }
}

#[tokio::test]
async fn what_is_renamed_is_found_under_its_new_name_by_the_other() {
    for (first, second) in [("sofa", "docker compose"), ("docker compose", "sofa")] {
        let Some(mut both) = Both::new("renamed").await else {
            return;
        };
        let text = |name: &str| {
            format!(
                "services:\n  web: {{{SLEEPS}, volumes: [\"data:/data\"], networks: [net]}}\nnetworks:\n  net: \
                 {{name: \"${{PROJECT}}_{name}-net\"}}\nvolumes:\n  data: {{name: \"${{PROJECT}}_{name}-data\"}}\n"
            )
        };
        both.file(&text("old"));
        both.turn(first);
        both.file(&text("new"));
        both.turn(second);
        // The data of the old volume may be wanted. Before 5.2 docker compose leaves the old network too.
        let expected = ["container web-1", "network new-net", "volume new-data", "volume old-data"];
        let mut names = both.names().await;
        names.retain(|name| name != "network old-net" || second == "sofa" || both.version >= (5, 2));
        assert_eq!(names, expected, "{second}, after {first}");
        both.assert_unchanged_by(&[first, second], second).await;
    }
}

#[tokio::test]
async fn what_the_other_changes_is_unchanged_then() {
    for (first, second) in [("sofa", "docker compose"), ("docker compose", "sofa")] {
        let Some(mut both) = Both::new("changed").await else {
            return;
        };
        let text = |value: &str| {
            format!(
                "services:\n  db: {{{SLEEPS}, environment: {{VALUE: {value}}}}}\n  web: {{{SLEEPS}, depends_on: {{db: \
                 {{condition: service_started, restart: true}}}}}}\n  near: {{{SLEEPS}, network_mode: \"service:db\"}}\n  \
                 far: {{{SLEEPS}, volumes: [\"./here:/here\"]}}\nnetworks:\n  default: {{labels: {{value: {value}}}}}\n"
            )
        };
        both.file(&text("old"));
        both.turn(first);
        let before = both.left().await.ids;
        both.file(&text("new"));
        both.turn(second);
        let after = both.left().await.ids;
        for name in ["db", "near"] {
            let name = format!("{}-{name}-1", both.test.name());
            assert_ne!(before[&name], after[&name], "{second} replaces {name}");
        }
        both.assert_unchanged_by(&[first, second], second).await;
    }
}

/// docker compose 2 becomes 5 under a project that `sofa` deploys as well.
#[tokio::test]
#[ignore = "builds docker compose 5; `make test-full` runs it"]
async fn long_an_upgraded_docker_compose_replaces_short_binds_once_and_sofa_nothing() {
    let Some(mut both) = Both::new("upgrade").await else {
        return;
    };
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/compose-oracle");
    let [two, five] = ["2", "5"].map(|version| {
        let mut command = Command::new(&oracle);
        command.arg(version);
        both.test.run(command).ok().stdout.trim().to_owned()
    });
    assert!(two.contains("version 2."), "{two}");
    both.test.env("SOFA_DIALECT", "5");
    let text = |value: &str| {
        format!(
            "services:\n  bound: {{{SLEEPS}, volumes: [\"./here:/here\"]}}\n  plain: {{{SLEEPS}, volumes: [\"data:/data\"], \
             environment: {{VALUE: {value}}}}}\nvolumes:\n  data:\n"
        )
    };
    both.file(&text("old"));
    both.up();
    both.assert_unchanged_by(&["sofa", "docker compose", "sofa"], "docker compose 2").await;
    let made_by_2 = both.left().await.ids;

    both.test.env("DOCKER_CONFIG", &five);
    both.up();
    let made_by_5 = both.left().await.ids;
    let replaced: Vec<&String> =
        made_by_2.keys().filter(|name| made_by_2[*name] != made_by_5[*name]).collect();
    assert_eq!(replaced, [&format!("{}-bound-1", both.test.name())]);
    both.assert_unchanged_by(&["sofa", "docker compose", "sofa"], "docker compose 5").await;

    // What is left of 2 does not make sofa speak as 2 does.
    both.file(&text("new").replace("/here\"]", "/there\"]"));
    both.deploy();
    both.assert_unchanged_by(&["docker compose", "sofa"], "sofa").await;
}
