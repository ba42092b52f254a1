//! `sofa` and docker compose side by side, in one run and like with like: what starts containers without waiting against
//! `up -d`, what waits until they are ready against `up --wait`. It reports; nothing passes or fails by the clock.
//!
//! `make bench` runs it. Files, projects and containers of its own are all it touches.
#![allow(
    clippy::print_stdout,
    reason = "a report on standard output is the whole purpose"
)]

use std::fs;
use std::io::{PipeWriter, Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const SERVICES: usize = 20;
const QUICK_RUNS: usize = 30;
const ENGINE_RUNS: usize = 5;
/// By then a program that only reads files is blocked on its output.
const SETTLED: Duration = Duration::from_millis(700);
const PIPE_CAPACITY: usize = 1 << 16;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sofa = root.join("target/sofa");
    ensure!(
        sofa.exists(),
        "no {}: `make bench` builds it first",
        sofa.display()
    );
    let image = output(&mut Command::new(root.join("tools/busybox-image")))?;
    let fleet = Fleet::write(&image)?;
    let bench = Bench { root, sofa, fleet };

    println!(
        "sofa {}; {}; Docker Engine {}; {SERVICES} services of {}\n",
        env!("CARGO_PKG_VERSION"),
        output(Command::new("docker").args(["compose", "version"]))?,
        output(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))?,
        image,
    );
    println!(
        "| {:<42} | {:>10} | {:>14} | {:>6} |",
        "median", "sofa", "docker compose", "ratio"
    );
    println!("|{:-<44}|{:->12}|{:->16}|{:->8}|", "", ":", ":", ":");
    bench.start_up()?;
    bench.config()?;
    bench.deploy("without waiting", &["--no-wait"], &["-d"])?;
    bench.deploy("until ready", &[], &["-d", "--wait"])
}

/// A Compose project of many small services, each healthy as soon as somebody looks.
struct Fleet {
    folder: tempfile::TempDir,
}

impl Fleet {
    fn write(image: &str) -> Result<Self> {
        let mut file = format!(
            "name: sofa-bench\n\
             x-service: &service\n  image: {image}\n  pull_policy: never\n\
             \x20 command: [sh, -c, \"trap 'exit 0' TERM; : > /tmp/ready; sleep 86400 & wait\"]\n\
             \x20 healthcheck: {{test: [CMD, test, -f, /tmp/ready], interval: 1s, timeout: 2s, retries: 30}}\n\
             services:\n"
        );
        for number in 1..=SERVICES {
            file += &format!("  service-{number:02}: *service\n");
        }
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("compose.yaml"), file)?;
        Ok(Self { folder })
    }
}

struct Bench<'a> {
    root: &'a Path,
    sofa: PathBuf,
    fleet: Fleet,
}

impl Bench<'_> {
    fn start_up(&self) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..QUICK_RUNS {
            ours.push(time(Command::new(&self.sofa).arg("--version"))?);
            theirs.push(time(Command::new("docker").args(["compose", "version"]))?);
        }
        row("start-up (version)", &ours, &theirs);
        Ok(())
    }

    fn config(&self) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..QUICK_RUNS {
            ours.push(time(&mut self.sofa_config())?);
            theirs.push(time(&mut self.compose_config())?);
        }
        row("config of the coordinator", &ours, &theirs);
        let (ours, theirs) = (
            peak_memory(self.sofa_config())?,
            peak_memory(self.compose_config())?,
        );
        row_of(
            "config of the coordinator, peak memory",
            &mebibytes(ours),
            &mebibytes(theirs),
            ours as f64 / theirs as f64,
        );
        Ok(())
    }

    fn sofa_config(&self) -> Command {
        let mut command = Command::new(&self.sofa);
        command.current_dir(self.root).args(["config", "local"]);
        command
    }

    fn compose_config(&self) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(self.root).args(["compose"]);
        command.args(["-f", "compose/docker-compose.yml"]);
        command.args(["-f", "compose/docker-compose-local.yml"]);
        command.args(["--env-file", "envs/.local.env", "config"]);
        command
    }

    /// A deploy where nothing is, one that finds nothing to do, and the way back; the two tools take turns.
    fn deploy(&self, how: &str, deploy: &[&str], up: &[&str]) -> Result<()> {
        let mut ours: [Vec<Duration>; 3] = Default::default();
        let mut theirs: [Vec<Duration>; 3] = Default::default();
        self.compose(&["down"], &[])?;
        for _ in 0..ENGINE_RUNS {
            for (times, verb) in ours.iter_mut().zip(["deploy", "deploy", "down"]) {
                let options = if verb == "deploy" { deploy } else { &[] };
                times.push(time(self.in_fleet(&self.sofa).arg(verb).args(options))?);
            }
            for (times, verb) in theirs.iter_mut().zip(["up", "up", "down"]) {
                times.push(self.compose(&[verb], if verb == "up" { up } else { &[] })?);
            }
        }
        for ((what, ours), theirs) in ["cold deploy", "deploy with nothing to do", "down"]
            .iter()
            .zip(&ours)
            .zip(&theirs)
        {
            let what = if *what == "down" {
                format!("down, after deploys {how}")
            } else {
                format!("{what}, {how}")
            };
            row(&what, ours, theirs);
        }
        Ok(())
    }

    fn compose(&self, verb: &[&str], options: &[&str]) -> Result<Duration> {
        time(
            self.in_fleet(Path::new("docker"))
                .arg("compose")
                .args(verb)
                .args(options),
        )
    }

    fn in_fleet(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.fleet.folder.path());
        command
    }
}

/// How long a command takes from its start to its end; one that fails ends the benchmark with what it said.
fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    output(command)?;
    Ok(start.elapsed())
}

fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!(
            "{shown}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The most memory, in bytes, that a command and the programs it starts hold by the time it writes its output.
///
/// The output goes to a pipe that is full, so the command stands still at its end and can be looked at.
fn peak_memory(mut command: Command) -> Result<u64> {
    let (mut reader, mut writer) = pipe()?;
    fill(&mut writer)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()?;
    drop(command);
    thread::sleep(SETTLED);
    let peak = tree_peak(child.id());
    let drained = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    finish(&mut child)?;
    drained.join().ok().context("the reader of the output")??;
    peak.with_context(|| format!("process {} did not wait for its output", child.id()))
}

fn fill(writer: &mut PipeWriter) -> Result<()> {
    Ok(writer.write_all(&[b' '; PIPE_CAPACITY])?)
}

fn finish(child: &mut Child) -> Result<()> {
    let status = child.wait()?;
    ensure!(status.success(), "the measured command failed: {status}");
    Ok(())
}

fn tree_peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    let children: u64 = children(pid).into_iter().filter_map(tree_peak).sum();
    Some(kibibytes * 1024 + children)
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn row(what: &str, ours: &[Duration], theirs: &[Duration]) {
    let (ours, theirs) = (median(ours), median(theirs));
    row_of(
        what,
        &milliseconds(ours),
        &milliseconds(theirs),
        ours.as_secs_f64() / theirs.as_secs_f64(),
    );
}

fn row_of(what: &str, ours: &str, theirs: &str, ratio: f64) {
    println!("| {what:<42} | {ours:>10} | {theirs:>14} | {ratio:>6.2} |");
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
