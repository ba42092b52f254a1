//! Takes away whatever a test's project left on the engine.

use sofa::testing::engine::container::Removal;
use sofa::testing::engine::{Engine, PATIENCE};

/// Removes containers, networks, volumes and images of a project, and the test image with its last user. Runs on a separate
/// thread, since a test's runtime may have ended or be panicking.
pub fn remove_everything(engine: &Engine, project: &str, extra_projects: &[String]) {
    let host = engine.host().clone();
    let projects: Vec<String> = extra_projects.iter().cloned().chain([project.to_owned()]).collect();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let engine = Engine::connect(host, PATIENCE).await.expect("engine");
            for project in projects {
                remove_project(&engine, &project).await;
            }
            super::busybox::release(&engine).await;
        });
    });
    drop(thread.join());
}

/// Belongs to the project or to a mode of it: by docker compose's label, by `sofa`'s, or by its name.
fn is_of(project: &str, name: &str, labels: &std::collections::BTreeMap<String, String>) -> bool {
    let labelled = |label: &str| labels.get(label).is_some_and(|value| is_project(project, value));
    let named = name.strip_prefix(project).is_some_and(|rest| rest.starts_with(['-', '_']));
    labelled("com.docker.compose.project") || labelled("sofa.project") || named
}

/// Whether a name is the project's, or that of one of its modes.
fn is_project(project: &str, name: &str) -> bool {
    name.strip_prefix(project).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

async fn remove_project(engine: &Engine, project: &str) {
    let removal = Removal { force: true, anonymous_volumes: true };
    for container in engine.list_containers().await.expect("containers") {
        if is_of(project, &container.name, &container.labels) {
            drop(engine.remove(&container.id, removal).await);
        }
    }
    for network in engine.list_networks().await.expect("networks") {
        if is_of(project, &network.name, &network.labels) {
            drop(engine.remove_network(&network.id).await);
        }
    }
    for volume in engine.list_volumes().await.expect("volumes") {
        if is_of(project, &volume.name, &volume.labels) {
            drop(engine.remove_volume(&volume.name).await);
        }
    }
    // Names of releases go one by one: the image may be other tests' too. So do the marks of unfinished runs.
    let kept = |name: &&String| {
        let named = name.strip_prefix("sofa.release/").or_else(|| name.strip_prefix("sofa.unfinished/"));
        named.and_then(|named| named.split(['/', ':']).next()).is_some_and(|named| is_project(project, named))
    };
    for image in engine.list_images().await.expect("images") {
        for name in image.names.iter().filter(kept) {
            drop(engine.remove_image(name, false).await);
        }
        // By its name: an id would take the image's other names along, those of the test image too.
        let own =
            |name: &&String| name.strip_prefix(project).is_some_and(|rest| rest.starts_with(['-', ':']));
        for name in image.names.iter().filter(own) {
            drop(engine.remove_image(name, true).await);
        }
        if is_of(project, "", &image.labels) {
            drop(engine.remove_image(image.id.as_str(), true).await);
        }
    }
}
