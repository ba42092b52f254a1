//! Compares `sofa` and docker compose in one run, each with its counterpart: commands that only start containers with `up -d`,
//! commands that wait with `up --wait`. A third column has the engine calls that no tool can avoid. It only reports; no time
//! makes it fail.
//!
//! `make bench` runs it. It uses only its own projects and containers.
#![allow(clippy::print_stdout, reason = "a report on standard output is the whole purpose")]

mod engine;
mod files;
mod fleet;
mod measure;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use files::Files;
use fleet::Fleet;
use measure::{output, peak_memory, peak_memory_of_run, time, time_removal};
use table::{heading, memory_row, row};

const SERVICES: usize = 20;
const QUICK_RUNS: usize = 30;
const FEW_RUNS: usize = 10;
const ENGINE_RUNS: usize = 5;
const CHAIN: usize = 5;
const CHAIN_RUNS: usize = 3;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sofa = root.join("target/sofa");
    ensure!(sofa.exists(), "no {}: `make bench` builds it first", sofa.display());
    let image = output(&mut Command::new(root.join("tools/busybox-image")))?;
    println!(
        "{}; {}; Docker Engine {}; {SERVICES} services of {image}\n",
        output(Command::new(&sofa).arg("--version"))?,
        output(Command::new("docker").args(["compose", "version"]))?,
        output(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))?,
    );
    let bench = Bench { root, sofa, image };
    heading();
    if wanted("config") {
        bench.start_up()?;
        bench.config()?;
        bench.config_of_many()?;
    }
    if wanted("deploy") {
        bench.without_waiting()?;
        bench.until_ready()?;
        bench.memory()?;
    }
    if wanted("daily") {
        bench.daily()?;
    }
    if wanted("wait") {
        bench.waits(
            &format!("chain of {CHAIN}, checked every second"),
            &Fleet::chain(CHAIN, &bench.image)?,
            CHAIN_RUNS,
        )?;
        bench.waits("4 services, checked every 10 and 30 s", &Fleet::seldom_checked(&bench.image)?, 1)?;
    }
    Ok(())
}

/// `cargo bench --bench compare -- config`: only the parts that are named (config, deploy, daily, wait); all without a name.
#[allow(clippy::disallowed_methods, reason = "a tool for the terminal, told by words what to do")]
fn wanted(part: &str) -> bool {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    words.is_empty() || words.iter().any(|word| word == part)
}

struct Bench<'a> {
    root: &'a Path,
    sofa: PathBuf,
    image: String,
}

/// The times of a deploy where nothing is, of one that finds nothing to do, and of the way back.
#[derive(Default)]
struct Rounds {
    cold: Vec<Duration>,
    again: Vec<Duration>,
    down: Vec<Duration>,
}

impl Rounds {
    fn add(&mut self, mut deploy: Command, mut down: Command) -> Result<()> {
        self.cold.push(time(&mut deploy)?);
        self.again.push(time(&mut deploy)?);
        self.down.push(time_removal(&mut down)?);
        Ok(())
    }
}

impl Bench<'_> {
    fn start_up(&self) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..QUICK_RUNS {
            ours.push(time(Command::new(&self.sofa).arg("--version"))?);
            theirs.push(time(Command::new("docker").args(["compose", "version"]))?);
        }
        row("start-up (version)", &ours, &theirs, &[]);
        Ok(())
    }

    fn config(&self) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..QUICK_RUNS {
            ours.push(time(&mut self.sofa_config())?);
            theirs.push(time(&mut self.compose_config())?);
        }
        row("config of the coordinator", &ours, &theirs, &[]);
        memory_row(
            "config of the coordinator, peak memory",
            peak_memory(self.sofa_config())?,
            peak_memory(self.compose_config())?,
        );
        Ok(())
    }

    /// The same for more and more services, to see that it grows as they do.
    fn config_of_many(&self) -> Result<()> {
        for (services, runs) in [(3, QUICK_RUNS), (100, QUICK_RUNS), (1_000, FEW_RUNS), (10_000, 1)] {
            let files = Files::write(services)?;
            let config = |mut command: Command| {
                command.current_dir(files.folder()).arg("config");
                command
            };
            let sofa = || config(Command::new(&self.sofa));
            let compose = || {
                let mut command = Command::new("docker");
                command.arg("compose");
                config(command)
            };
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..runs {
                ours.push(time(&mut sofa())?);
                theirs.push(time(&mut compose())?);
            }
            row(&format!("config of {services} services"), &ours, &theirs, &[]);
            let memory = format!("config of {services} services, peak memory");
            memory_row(&memory, peak_memory(sofa())?, peak_memory(compose())?);
        }
        Ok(())
    }

    fn sofa_config(&self) -> Command {
        let mut command = Command::new(&self.sofa);
        command.current_dir(self.root).args(["config", "local"]);
        command
    }

    fn compose_config(&self) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(self.root).arg("compose");
        command.args(["-f", "compose/docker-compose.yml"]);
        command.args(["-f", "compose/docker-compose-local.yml"]);
        command.args(["--env-file", "envs/.local.env", "config"]);
        command
    }

    fn without_waiting(&self) -> Result<()> {
        let fleet = Fleet::plain(SERVICES, &self.image)?;
        let (ours, theirs) = self.take_turns(&fleet, ENGINE_RUNS, &["--no-wait"], &["-d"])?;
        let (mut created, mut removed) = (Vec::new(), Vec::new());
        for run in 0..ENGINE_RUNS {
            let fleet = engine::Fleet::new(run, SERVICES);
            created.push(fleet.create_and_start(&self.image)?);
            removed.push(fleet.stop_and_remove()?);
        }
        row("cold deploy, no wait", &ours.cold, &theirs.cold, &created);
        row("nothing to do, no wait", &ours.again, &theirs.again, &[]);
        row("down", &ours.down, &theirs.down, &removed);
        Ok(())
    }

    fn until_ready(&self) -> Result<()> {
        let fleet = Fleet::checked(SERVICES, &self.image)?;
        let (ours, theirs) = self.take_turns(&fleet, ENGINE_RUNS, &[], &["-d", "--wait"])?;
        row("cold deploy until ready", &ours.cold, &theirs.cold, &[]);
        row("nothing to do, all ready", &ours.again, &theirs.again, &[]);
        Ok(())
    }

    /// What both hold in memory while they deploy where nothing is.
    fn memory(&self) -> Result<()> {
        let fleet = Fleet::plain(SERVICES, &self.image)?;
        let ours = peak_memory_of_run(self.sofa(&fleet, "deploy", &["--no-wait"]))?;
        time_removal(&mut self.sofa(&fleet, "down", &[]))?;
        let theirs = peak_memory_of_run(self.compose(&fleet, "up", &["-d"]))?;
        time_removal(&mut self.compose(&fleet, "down", &[]))?;
        self.forget(&fleet)?;
        memory_row("cold deploy, peak memory", ours, theirs);
        Ok(())
    }

    /// Commands of every day, on containers that run.
    fn daily(&self) -> Result<()> {
        let fleet = Fleet::plain(SERVICES, &self.image)?;
        output(&mut self.sofa(&fleet, "deploy", &["--no-wait"]))?;
        let commands: [(&str, &str, &[&str]); 3] = [
            ("exec true", "exec", &["-T", "service-01", "true"]),
            ("ps", "ps", &[]),
            ("run true, with --rm", "run", &["--rm", "-T", "service-01", "true"]),
        ];
        for (what, verb, options) in commands {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..FEW_RUNS {
                ours.push(time(&mut self.sofa(&fleet, verb, options))?);
                theirs.push(time(&mut self.compose(&fleet, verb, options))?);
            }
            row(what, &ours, &theirs, &[]);
        }
        time_removal(&mut self.sofa(&fleet, "down", &[]))?;
        self.forget(&fleet)
    }

    /// Services that wait for each other, until all are ready.
    fn waits(&self, what: &str, fleet: &Fleet, runs: usize) -> Result<()> {
        let (ours, theirs) = self.take_turns(fleet, runs, &[], &["-d", "--wait"])?;
        row(what, &ours.cold, &theirs.cold, &[]);
        Ok(())
    }

    /// Both tools in turns, each with these options of its deploying verb.
    fn take_turns(
        &self,
        fleet: &Fleet,
        runs: usize,
        deploy: &[&str],
        up: &[&str],
    ) -> Result<(Rounds, Rounds)> {
        let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
        for _ in 0..runs {
            ours.add(self.sofa(fleet, "deploy", deploy), self.sofa(fleet, "down", &[]))?;
            theirs.add(self.compose(fleet, "up", up), self.compose(fleet, "down", &[]))?;
        }
        self.forget(fleet)?;
        Ok((ours, theirs))
    }

    /// Takes away what `sofa` remembers of a project, which `down` leaves.
    fn forget(&self, fleet: &Fleet) -> Result<()> {
        let (name, docker) = (fleet.name(), |words: &[&str]| output(Command::new("docker").args(words)));
        let store = format!("sofa.state.{name}");
        docker(&["rm", &store])?;
        docker(&["volume", "rm", &store])?;
        let releases = format!("sofa.release/{name}/*");
        let names = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", &releases])?;
        let removal: Vec<&str> = ["rmi"].into_iter().chain(names.lines()).collect();
        docker(&removal).map(drop)
    }

    fn sofa(&self, fleet: &Fleet, verb: &str, options: &[&str]) -> Command {
        let mut command = Command::new(&self.sofa);
        command.current_dir(fleet.folder()).arg(verb).args(options);
        command
    }

    fn compose(&self, fleet: &Fleet, verb: &str, options: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.current_dir(fleet.folder()).args(["compose", verb]).args(options);
        command
    }
}
