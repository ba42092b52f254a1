//! A deploy that is killed on the way, and two at once, on a real engine.

use std::collections::BTreeMap;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use sofa::state::Store;

use crate::stack::{HEALTHY, compose, container, ids};
use crate::support::real_engine::TestProject;

/// Three services, each behind the one before it, in a version.
fn write(test: &TestProject, version: &str) {
    let service = |name: &str, depends: &str| {
        format!("  {name}: {{<<: *stay, {HEALTHY}, environment: {{VERSION: \"{version}\"}}{depends}}}\n")
    };
    let behind = |name: &str| format!(", depends_on: {{{name}: {{condition: service_healthy}}}}");
    let services = [service("a", ""), service("b", &behind("a")), service("c", &behind("b"))];
    compose(test, &services.concat());
}

fn begin(test: &TestProject) -> Child {
    test.sofa_command().arg("deploy").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Panics unless the project is one release, whole, with nothing beside it.
async fn assert_whole(test: &TestProject, at: &str) {
    let names: Vec<String> = ids(test).await.into_keys().collect();
    assert_eq!(names, ["a-1", "b-1", "c-1"], "{at}");
    for service in ["a", "b", "c"] {
        assert!(container(test, service).await.is_up(), "{at}");
    }
    let engine = test.engine();
    let lock = format!("sofa.lock.{}", test.name());
    let all = engine.list_containers().await.unwrap();
    assert!(all.iter().all(|found| found.name != lock), "{at}: the lock stays");
    let networks = engine.list_networks().await.unwrap();
    let own = networks.iter().filter(|network| network.name.starts_with(test.name())).count();
    assert_eq!(own, 1, "{at}");
    let head = Store::of(engine, test.name()).read().await.unwrap().or_empty().head;
    assert!(head.unfinished().is_none(), "{at}: {head:?}");
}

/// Kills a deploy at so many moments, spread over the time that it takes, and does it again.
async fn killed_at(moments: u32) {
    let Some(test) = TestProject::new("crash").await else { return };
    write(&test, "old");
    test.sofa(["deploy"]).ok();
    write(&test, "new");
    let whole = test.sofa(["deploy"]).ok().took;
    for moment in 1..=moments {
        let version = format!("{moment}");
        write(&test, &version);
        let mut deploy = begin(&test);
        tokio::time::sleep(whole * moment / (moments + 1)).await;
        deploy.kill().unwrap();
        deploy.wait().unwrap();
        let again = test.sofa(["deploy"]);
        again.ok();
        let at = format!("killed after {moment}/{} of {whole:?}\n{}", moments + 1, again.stderr);
        assert_whole(&test, &at).await;
        let idle = test.sofa(["deploy"]);
        assert!(idle.ok().stderr.contains("3 unchanged"), "{at}\n{}", idle.stderr);
    }
}

#[tokio::test]
async fn a_deploy_killed_at_ten_moments_is_finished_by_the_next() {
    killed_at(10).await;
}

#[tokio::test]
#[ignore = "takes minutes; `make test-full` runs it"]
async fn long_a_deploy_killed_at_a_hundred_moments_is_finished_by_the_next() {
    killed_at(100).await;
}

/// Lets two deploys of another version begin together, so many times.
async fn raced(times: u32) {
    let Some(test) = TestProject::new("race").await else { return };
    compose(&test, &format!("  web: {{<<: *stay, {HEALTHY}}}\n"));
    test.sofa(["deploy"]).ok();
    for round in 1..=times {
        compose(&test, &format!("  web: {{<<: *stay, {HEALTHY}, environment: {{V: \"{round}\"}}}}\n"));
        let both: Vec<Child> = (0..2).map(|_| begin(&test)).collect();
        let both: Vec<Output> = both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let told: BTreeMap<Option<i32>, String> = both
            .iter()
            .map(|output| (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
            .collect();
        assert_eq!(told.keys().collect::<Vec<_>>(), [&Some(0), &Some(5)], "round {round}: {told:?}");
        assert!(told[&Some(0)].contains("1 replaced"), "round {round}: {told:?}");
        assert!(told[&Some(5)].contains("is locked: `deploy` by "), "round {round}: {told:?}");
    }
}

#[tokio::test]
async fn of_two_deploys_at_once_one_proceeds() {
    raced(5).await;
}

#[tokio::test]
#[ignore = "takes minutes; `make test-full` runs it"]
async fn long_of_two_deploys_raced_fifty_times_one_proceeds() {
    raced(50).await;
}

#[tokio::test]
async fn a_killed_holder_is_taken_over_at_once_and_a_suspended_one_changes_nothing_more() {
    let Some(mut test) = TestProject::new("takeover").await else { return };
    test.env("SOFA_LEASE", "3s");
    compose(&test, "  web: {<<: *stay, healthcheck: {test: [CMD, \"false\"], interval: 30s, retries: 9}}\n");
    let mut killed = begin(&test);
    crate::stack::until_running(&test, "web").await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let begun = Instant::now();
    test.sofa(["down"]).ok();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    let suspended = begin(&test);
    crate::stack::until_running(&test, "web").await;
    let signal = |name: &str| {
        let id = suspended.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    };
    signal("STOP");
    tokio::time::sleep(Duration::from_secs(5)).await;
    test.sofa(["down"]).ok();
    signal("CONT");
    let output = suspended.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(told.contains("the lock was taken away"), "{told}");
    crate::stack::assert_nothing_is_there(&test).await;
}
