//! The binary: exit code of `sofa::run`, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let build = sofa::BuildInfo { commit: option_env!("SOFA_COMMIT"), date: option_env!("SOFA_COMMIT_DATE") };
    sofa::run(std::env::args_os().collect(), build)
}
