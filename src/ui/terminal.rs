//! The operator's terminal as the terminal of a program in a container.

use std::io::{self, IsTerminal};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// While it lives, each key goes to the program: the terminal neither echoes, nor waits for a line, nor makes signals of keys.
#[derive(Debug)]
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// # Errors
    /// Standard input is no terminal.
    pub fn enter() -> io::Result<RawMode> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(RawMode { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Whether a person types and reads.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The columns and rows of the terminal that is written to.
pub fn size() -> Option<(u16, u16)> {
    super::format::size(io::stdout())
}
