//! What the tests of the verbs share: small Compose files, and what the engine has of a project.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sofa::testing::plan::observed::{Container, State};

use crate::support::real_engine::TestProject;

/// `<<: *stay` runs until it gets a signal; `<<: *ends` ends at once.
const HEADER: &str = r#"
x-stay: &stay
  image: ${BUSYBOX}
  command: ["sh", "-c", "trap 'exit 0' TERM; echo up; sleep 1000 & wait"]
  stop_grace_period: 2s
x-job: &ends
  image: ${BUSYBOX}
  command: ["true"]
"#;

/// A healthcheck that passes, for a service that has none; the engine itself would run it only after ten seconds.
pub const HEALTHY: &str = r#"healthcheck: {test: ["CMD", "true"], interval: 10s, retries: 1}"#;

/// Writes the project's Compose file: these services, and other top-level keys behind them.
pub fn compose(test: &TestProject, services: &str) {
    test.file("compose.yaml", &format!("{HEADER}\nservices:\n{services}"));
}

/// The project's containers by name.
pub async fn containers(test: &TestProject) -> BTreeMap<String, Container> {
    let observed = test.engine().observe_project(test.name()).await.unwrap();
    observed.containers.into_iter().map(|container| (container.name.clone(), container)).collect()
}

/// The ids of the project's containers by name, without the project's name.
pub async fn ids(test: &TestProject) -> BTreeMap<String, String> {
    let prefix = format!("{}-", test.name());
    containers(test)
        .await
        .into_iter()
        .map(|(name, container)| {
            let short = name.strip_prefix(&prefix).unwrap_or(&name).to_owned();
            (short, container.id.as_str().to_owned())
        })
        .collect()
}

/// The first container of a service; there must be one.
pub async fn container(test: &TestProject, service: &str) -> Container {
    containers(test).await[&format!("{}-{service}-1", test.name())].clone()
}

/// Panics unless the project has neither containers nor networks.
pub async fn assert_nothing_is_there(test: &TestProject) {
    assert_eq!(ids(test).await, BTreeMap::new());
    let networks = test.engine().list_networks().await.unwrap();
    let own: Vec<_> = networks.iter().filter(|network| network.name.starts_with(test.name())).collect();
    assert!(own.is_empty(), "{own:?}");
}

/// The names of the project's volumes.
pub async fn volumes(test: &TestProject) -> Vec<String> {
    let volumes = test.engine().list_volumes().await.unwrap();
    volumes.into_iter().map(|volume| volume.name).filter(|name| name.starts_with(test.name())).collect()
}

/// Waits until a container of the service runs.
pub async fn until_running(test: &TestProject, service: &str) {
    until(async || {
        containers(test).await.values().any(|c| c.service == service && c.state == State::Running)
    })
    .await;
}

/// Waits until something holds, ten seconds at most.
pub async fn until(holds: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < end, "it never came to hold");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
