//! The binary: arguments in, the exit code of `sofa::run` out.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let build = sofa::BuildInfo { commit: option_env!("SOFA_COMMIT"), date: option_env!("SOFA_COMMIT_DATE") };
    sofa::run(std::env::args_os().collect(), build)
}
