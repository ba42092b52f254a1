//! Workers and the GPUs of the whole engine.

use serde_json::json;

use crate::stage::Stage;

/// A worker on this GPU, with this pool.
fn worker(gpu: &str, pool: &str) -> String {
    format!(
        "services:\n  gpu:\n    image: app:1\n    command: celery -A app worker --pool={pool} --concurrency=1\n    \
         gpus: [{{device_ids: [\"{gpu}\"]}}]\n    x-sofa: {{worker: celery}}\n"
    )
}

#[test]
fn a_gpu_that_a_container_of_another_project_uses_is_told() {
    let stage = Stage::new(&worker("1", "solo"));
    stage.ok(&["deploy"]);
    // The container becomes another project's.
    for container in stage.fake.state().containers.values_mut().filter(|found| found.name == "p-gpu-1") {
        container.name = "other-gpu-1".into();
        container.body["Labels"]["com.docker.compose.project"] = json!("other");
    }
    let shared = "service `gpu`: it uses GPU 1, as container `other-gpu-1` of another project does";
    let told = stage.ends(&["deploy"], 0);
    assert!(told.contains(shared), "{told}");
    let check = stage.sofa(&["check"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains(shared), "{check:?}");
    stage.compose(&worker("0", "solo"));
    let told = stage.ends(&["deploy"], 0);
    assert!(!told.contains("it uses GPU"), "{told}");
}

#[test]
fn a_worker_that_breaks_a_rule_is_refused_in_a_protected_mode_before_anything_changes() {
    let stage = Stage::new(&worker("0", "prefork"));
    stage.ok(&["deploy"]);
    let settings = "modes: {stage: {files: [compose.yaml], protected: true, project_name: p}}\n";
    std::fs::write(stage.folder.path().join("sofa.yaml"), settings).unwrap();
    stage.fake.forget_calls();
    let told = stage.ends(&["deploy", "stage"], 5);
    assert!(
        told.contains("it uses a GPU, but its pool is prefork") && told.contains("`--pool=solo`"),
        "{told}"
    );
    assert_eq!(stage.fake.changes(), [""; 0]);
    stage.compose(&worker("0", "solo"));
    stage.ok(&["deploy", "stage"]);
}
