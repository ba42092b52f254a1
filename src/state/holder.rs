//! Who holds a lock: the operator, the command and the process. The process shows whether the holder still runs.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::head::Operator;
use super::key::hex;

/// Who holds a lock, as it is stored with the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub operator: Operator,
    /// For example `deploy production`.
    pub command: String,
    /// None where the system does not show it.
    pub process: Option<Process>,
    /// How long the lock is valid after its last renewal.
    pub lease: Duration,
    /// Differs for every holder, also for a later one of the same process.
    pub nonce: String,
}

/// Identifies a process although pids are used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The id of the machine's boot.
    pub boot: String,
    /// The pid namespace: pids in a container differ from those outside.
    pub namespace: String,
    pub pid: u32,
    /// Start time, in ticks since the boot.
    pub start: u64,
}

/// Whether a process runs, seen from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    Running,
    /// It ran on this machine and ended.
    Ended,
    /// It is on another machine, in another container, or hidden: only its lease shows whether it runs.
    Unknown,
}

impl Holder {
    /// This process as the holder of a lock.
    pub fn of_this_process(operator: Operator, command: String, lease: Duration) -> Holder {
        let process = Process::own();
        let mut random = [0; 8];
        // Without random numbers, the time is different enough.
        let nonce = getrandom::fill(&mut random)
            .map_or_else(|_| jiff::Timestamp::now().to_string(), |()| hex(&random));
        Holder { operator, command, process, lease, nonce }
    }
}

/// The host name of this machine.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Process {
    /// This process; none without `/proc`.
    pub fn own() -> Option<Process> {
        let pid = std::process::id();
        let (_, start) = stat(pid)?;
        let (boot, namespace) = boot_and_namespace()?;
        Some(Process { boot, namespace, pid, start })
    }

    pub fn state(&self) -> ProcessState {
        match boot_and_namespace() {
            Some((boot, namespace)) if boot == self.boot && namespace == self.namespace => {
                state_of(stat(self.pid), self.start, || exists(self.pid))
            }
            _ => ProcessState::Unknown,
        }
    }
}

/// The state of a process that started at `start`, from what `/proc` shows for its pid now. `/proc` may hide processes of
/// other users (`hidepid`, `ProtectProc=`): a hidden process with this pid may be the same one or another.
fn state_of(found: Option<(char, u64)>, start: u64, exists: impl FnOnce() -> bool) -> ProcessState {
    match found {
        // A zombie has ended.
        Some((state, now)) if now == start && !matches!(state, 'Z' | 'X') => ProcessState::Running,
        Some(_) => ProcessState::Ended,
        None if exists() => ProcessState::Unknown,
        None => ProcessState::Ended,
    }
}

/// Whether a process with this pid exists, of any user.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The boot and the pid namespace of this process.
fn boot_and_namespace() -> Option<(String, String)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some((boot.trim().to_owned(), namespace.display().to_string()))
}

/// State and start time of a process.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may contain anything, parentheses too.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Process, ProcessState, exists, stat, state_of};

    #[test]
    fn a_process_that_exited_has_ended_also_as_a_zombie() {
        let own = Process::own().unwrap();
        assert_eq!(own.state(), ProcessState::Running);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let (_, start) = stat(child.id()).unwrap();
        let process = Process { pid: child.id(), start, ..own };
        assert_eq!(process.state(), ProcessState::Running);
        child.kill().unwrap();
        // It is a zombie until it is waited for.
        while matches!(stat(process.pid), Some((state, _)) if state != 'Z') {
            std::thread::yield_now();
        }
        assert_eq!(process.state(), ProcessState::Ended);
        child.wait().unwrap();
        assert_eq!(process.state(), ProcessState::Ended);
    }

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let own = Process::own().unwrap();
        assert_eq!(Process { start: own.start + 1, ..own }.state(), ProcessState::Ended);
    }

    #[test]
    fn the_state_of_a_hidden_process_is_unknown() {
        assert_eq!(state_of(None, 7, || true), ProcessState::Unknown);
        assert_eq!(state_of(None, 7, || false), ProcessState::Ended);
        assert!(exists(std::process::id()) && exists(1), "of another user too");
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!exists(pid));
    }

    #[test]
    fn the_state_of_a_process_of_another_boot_or_container_is_unknown() {
        let own = Process::own().unwrap();
        assert_eq!(Process { boot: "other".into(), ..own.clone() }.state(), ProcessState::Unknown);
        assert_eq!(Process { namespace: "pid:[1]".into(), ..own }.state(), ProcessState::Unknown);
    }
}
