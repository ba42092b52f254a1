//! The coordinator's programs in `compose/images`: their pure parts, tested in the image that they run in.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot arrange itself has failed; one that is skipped says so"
)]

use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const IMAGE: &str = "sofa-test-pipeline:worker";

#[test]
fn the_programs_pass_their_own_tests() {
    if !run("docker", &["version"]).status.success() {
        assert_ne!(std::env::var("SOFA_TEST_ENGINE").as_deref(), Ok("required"), "no Docker Engine answers");
        eprintln!("SKIPPED: no Docker Engine answers");
        return;
    }
    let base = succeed(&format!("{ROOT}/tools/base-image"), &[]);
    let context = format!("{ROOT}/compose/images/worker");
    succeed(
        "docker",
        &["build", "-q", "-t", IMAGE, "--build-arg", &format!("BASE={}", base.trim()), &context],
    );
    succeed(
        "docker",
        &[
            "run",
            "--rm",
            "--volume",
            &format!("{ROOT}:/project:ro"),
            "--env",
            "PYTHONPATH=/project/compose/images/worker:/project/compose/images/model-orchestrator",
            "--entrypoint",
            "python3",
            IMAGE,
            "/project/tests/pipeline/test_pipeline.py",
        ],
    );
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn succeed(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
