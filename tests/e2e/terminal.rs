//! A terminal as a person has it, with `sofa` on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::real_engine::TestProject;

/// A program on a terminal of its own.
pub struct Terminal {
    master: File,
    slave: OwnedFd,
    child: Child,
    pieces: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    pub fn open(test: &TestProject, arguments: &[&str]) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(&master, size(77, 33)).unwrap();
        let sofa = test.sofa_command();
        // Its session has the terminal, so that keys become signals and a new size is announced.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(sofa.get_program()).args(sofa.get_args()).args(arguments);
        command.current_dir(sofa.get_current_dir().unwrap());
        for (name, value) in sofa.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env_remove("CI").env("TERM", "xterm");
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read) = reader.read(&mut piece)
                && sender.send(piece[..read].to_vec()).is_ok()
            {}
        });
        Terminal { master, slave: OwnedFd::from(slave), child, pieces, seen: String::new() }
    }

    /// The process on the terminal.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether keys are echoed, make signals, and wait for a line.
    pub fn modes(&self) -> LocalModes {
        tcgetattr(&self.slave).unwrap().local_modes
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
    }

    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until the text is there, and forgets what was read.
    pub fn shows(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let piece = self.pieces.recv_timeout(Duration::from_secs(20));
            let piece = piece.unwrap_or_else(|_| panic!("no `{text}` in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        self.seen.clear();
    }

    pub fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
