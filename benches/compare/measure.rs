//! What a command costs: its time, and the memory of all its processes.

use std::fs;
use std::io::{PipeWriter, Read, Write, pipe};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A program that did nothing for so long is blocked on its output.
const SETTLED: Duration = Duration::from_millis(700);
/// What the engine says of such a network.
pub const NETWORK_KEPT: &str = "has active endpoints";
const PIPE_CAPACITY: usize = 1 << 16;

/// How long a command takes from its start to its end; one that fails ends the benchmark with what it said.
pub fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    output(command)?;
    Ok(start.elapsed())
}

/// The same for a command that removes a project. Engine 20.10 sometimes counts an endpoint that does not exist any more and
/// keeps its network for ever, with any tool. The containers are removed then, and that is what is measured.
pub fn time_removal(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    match output(command) {
        Err(error) if !error.to_string().contains(NETWORK_KEPT) => Err(error),
        _ => Ok(start.elapsed()),
    }
}

pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The most memory, in bytes, that a command and the programs it starts hold by the time it writes its output.
///
/// The output goes to a pipe that is full, so the command stands still at its end and can be looked at.
pub fn peak_memory(mut command: Command) -> Result<u64> {
    let (mut reader, mut writer) = pipe()?;
    fill(&mut writer)?;
    let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn()?;
    drop(command);
    wait_until_idle(child.id());
    let peak = tree_peak(child.id());
    let drained = thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    finish(&mut child)?;
    drained.join().ok().context("the reader of the output")??;
    peak.with_context(|| format!("process {} did not wait for its output", child.id()))
}

/// The most memory, in bytes, that a command and the programs it starts hold while it runs.
pub fn peak_memory_of_run(mut command: Command) -> Result<u64> {
    const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = tree_peak(child.id()).unwrap_or_default().max(peak);
        thread::sleep(BETWEEN_LOOKS);
    }
    finish(&mut child)?;
    Ok(peak)
}

fn fill(writer: &mut PipeWriter) -> Result<()> {
    Ok(writer.write_all(&[b' '; PIPE_CAPACITY])?)
}

fn finish(child: &mut Child) -> Result<()> {
    let status = child.wait()?;
    ensure!(status.success(), "the measured command failed: {status}");
    Ok(())
}

fn wait_until_idle(pid: u32) {
    let mut before = None;
    loop {
        thread::sleep(SETTLED);
        let now = tree_ticks(pid);
        if now == before {
            return;
        }
        before = now;
    }
}

/// The processor time of a process and those it started.
fn tree_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11..13)?.iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(ticks + children(pid).into_iter().filter_map(tree_ticks).sum::<u64>())
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
        .flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
