//! Who holds a lock: the person, the command, and the process, so that whoever finds it knows whether it still lives.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::head::Operator;
use super::key::hex;

/// Who holds a lock, as a label of it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who and where.
    pub operator: Operator,
    /// Why: the command («deploy production»).
    pub command: String,
    /// The process; none where the system does not tell.
    pub process: Option<Process>,
    /// How long the lock stays after it was last renewed.
    pub lease: Duration,
    /// Tells this holder from every other, a later one of the same process included.
    pub nonce: String,
}

/// A process that no other can be taken for, however pids are used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The boot of the machine.
    pub boot: String,
    /// The pid namespace: within a container, pids are others.
    pub namespace: String,
    /// The pid.
    pub pid: u32,
    /// When it was started, in ticks since the boot.
    pub start: u64,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It runs on this machine.
    Lives,
    /// It ran on this machine and does not any more.
    Gone,
    /// It is on another machine or in another container, or hidden: only its lease tells.
    Unknown,
}

impl Holder {
    /// This process, holding a lock for a command.
    pub fn of_this_process(operator: Operator, command: String, lease: Duration) -> Holder {
        let process = Process::own();
        let mut random = [0; 8];
        // Where the system has no random numbers, the time tells holders apart well enough.
        let nonce = getrandom::fill(&mut random)
            .map_or_else(|_| jiff::Timestamp::now().to_string(), |()| hex(&random));
        Holder { operator, command, process, lease, nonce }
    }
}

/// The machine's name.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Process {
    /// This process.
    pub fn own() -> Option<Process> {
        let pid = std::process::id();
        let (_, start) = stat(pid)?;
        let (boot, namespace) = place()?;
        Some(Process { boot, namespace, pid, start })
    }

    /// What became of it.
    pub fn fate(&self) -> Fate {
        match place() {
            Some((boot, namespace)) if boot == self.boot && namespace == self.namespace => {
                judged(stat(self.pid), self.start, || exists(self.pid))
            }
            _ => Fate::Unknown,
        }
    }
}

/// What became of a process that was started at `start`, by what `/proc` says of its pid now. Where it says nothing, others'
/// processes may be hidden (`hidepid`, `ProtectProc=`): one that is there all the same may be it or not.
fn judged(found: Option<(char, u64)>, start: u64, exists: impl FnOnce() -> bool) -> Fate {
    match found {
        // A zombie does nothing any more.
        Some((state, now)) if now == start && !matches!(state, 'Z' | 'X') => Fate::Lives,
        Some(_) => Fate::Gone,
        None if exists() => Fate::Unknown,
        None => Fate::Gone,
    }
}

/// Whether there is a process of this pid, of whomever.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The boot and the pid namespace that this process is in.
fn place() -> Option<(String, String)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some((boot.trim().to_owned(), namespace.display().to_string()))
}

/// State and start of a process, where there is one.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything, brackets too.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Fate, Process, exists, judged, stat};

    #[test]
    fn this_process_lives_and_one_that_ended_is_gone() {
        let own = Process::own().unwrap();
        assert_eq!(own.fate(), Fate::Lives);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let (_, start) = stat(child.id()).unwrap();
        let process = Process { pid: child.id(), start, ..own };
        assert_eq!(process.fate(), Fate::Lives);
        child.kill().unwrap();
        // Until it is waited for it is a zombie, and gone all the same.
        while matches!(stat(process.pid), Some((state, _)) if state != 'Z') {
            std::thread::yield_now();
        }
        assert_eq!(process.fate(), Fate::Gone);
        child.wait().unwrap();
        assert_eq!(process.fate(), Fate::Gone);
    }

    #[test]
    fn a_pid_used_again_is_another_process() {
        let own = Process::own().unwrap();
        assert_eq!(Process { start: own.start + 1, ..own }.fate(), Fate::Gone);
    }

    #[test]
    fn of_a_process_that_is_hidden_nothing_is_known() {
        assert_eq!(judged(None, 7, || true), Fate::Unknown);
        assert_eq!(judged(None, 7, || false), Fate::Gone);
        assert!(exists(std::process::id()) && exists(1), "another's counts too");
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!exists(pid));
    }

    #[test]
    fn of_another_boot_or_container_nothing_is_known() {
        let own = Process::own().unwrap();
        assert_eq!(Process { boot: "other".into(), ..own.clone() }.fate(), Fate::Unknown);
        assert_eq!(Process { namespace: "pid:[1]".into(), ..own }.fate(), Fate::Unknown);
    }
}
