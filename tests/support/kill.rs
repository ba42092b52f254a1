//! Ends programs at a chosen call to the engine.

use std::process::Command;

/// Whether a program dies before the engine has done what it asked for, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The engine never hears of the call.
    Before,
    /// The engine has answered, but the answer is not delivered.
    After,
}

/// Ends a program as nothing can prevent.
pub fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill").success());
}
