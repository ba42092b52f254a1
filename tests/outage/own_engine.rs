//! A Docker Engine of a test's own, to be ended, restarted, or given a disk that fills up.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sofa::testing::engine::{Engine, Host, PATIENCE};
use tempfile::TempDir;

use crate::support::real_engine::skip;

/// A Docker Engine with everything it has in one folder. It ends with its owner.
pub struct OwnEngine {
    folder: TempDir,
    process: Child,
    /// A separate disk, unmounted when the engine has ended.
    disk: Option<Disk>,
}

/// A small file system in memory.
struct Disk(PathBuf);

impl OwnEngine {
    /// With a disk of so many MiB, or with as much as the machine has. None (after a loud notice) where no engine can be started.
    pub async fn start(disk: Option<u32>) -> Option<OwnEngine> {
        let folder = tempfile::Builder::new().prefix("sofa-outage-").tempdir().unwrap();
        let disk = match disk {
            Some(size) => Some(Disk::mounted(folder.path().join("data"), size)?),
            None => None,
        };
        let Some(process) = run(folder.path()) else {
            skip("no `dockerd` can be started here");
            return None;
        };
        let mut own = OwnEngine { folder, process, disk };
        match own.answers().await {
            true => Some(own),
            false => {
                let log = std::fs::read_to_string(own.folder.path().join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                skip(&format!("dockerd does not come up: {tail:?}"));
                None
            }
        }
    }

    /// Its address.
    pub fn host(&self) -> Host {
        Host::Unix(self.socket())
    }

    /// Its socket's file.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Its process, whose network is its own.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends it and starts it again.
    pub async fn restart(&mut self) {
        self.shut_down();
        self.process = run(self.folder.path()).unwrap();
        assert!(self.answers().await, "the engine does not come back");
    }

    async fn answers(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end && self.process.try_wait().unwrap().is_none() {
            if Engine::connect(self.host(), PATIENCE).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Ends it as a shutdown does: its containers are stopped.
    fn shut_down(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.shut_down();
        drop(self.disk.take());
    }
}

impl Disk {
    fn mounted(folder: PathBuf, mib: u32) -> Option<Disk> {
        std::fs::create_dir_all(&folder).unwrap();
        let size = format!("size={mib}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "sofa-outage"]).arg(&folder).output();
        if mount.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Disk(folder));
        }
        skip(&format!("no file system can be mounted here: {mount:?}"));
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A mount of a container that is just ending may still use a part of it. That does not matter.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn run(folder: &Path) -> Option<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    // In a separate network: with `--bridge none` it removes the machine's `docker0`, which another engine uses.
    Command::new("unshare")
        .args(["--net", "dockerd", "--bridge", "none", "--iptables=false", "--ip6tables=false"])
        .args(["--host", &format!("unix://{}", at("docker.sock")), "--pidfile", &at("pid")])
        .args(["--data-root", &at("data"), "--exec-root", &at("run")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .ok()
}
