//! The binary: exit code of `sofa::run`, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    sofa::run(std::env::args_os().collect())
}
