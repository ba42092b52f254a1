//! A deploy that is killed on the way, and two at once, on a real engine.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use sofa::testing::docker::state::Store;
use sofa::testing::engine::RestartPolicy;
use sofa::testing::state::Head;

use crate::stack::{HEALTHY, compose, container, ids};
use crate::support::kill::When;
use crate::support::real_engine::{Proxy, TestProject};

/// Three services, each behind the one before it, in a version.
fn write(test: &TestProject, version: &str) {
    let service = |name: &str, depends: &str| {
        format!(
            "  {name}: {{<<: *stay, {HEALTHY}, restart: unless-stopped, labels: {{version: \"{version}\"}}{depends}}}\n"
        )
    };
    let behind = |name: &str| format!(", depends_on: {{{name}: {{condition: service_healthy}}}}");
    let services = [service("a", ""), service("b", &behind("a")), service("c", &behind("b"))];
    compose(test, &services.concat());
}

fn begin(test: &TestProject) -> Child {
    test.sofa_command().arg("deploy").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn head_of(test: &TestProject) -> Head {
    Store::of(test.engine(), test.name()).read().await.unwrap().or_empty().head
}

/// Panics unless the project is one release, whole, with nothing beside it.
async fn assert_whole(test: &TestProject, version: &str, at: &str) {
    let names: Vec<String> = ids(test).await.into_keys().collect();
    assert_eq!(names, ["a-1", "b-1", "c-1"], "{at}");
    let engine = test.engine();
    for service in ["a", "b", "c"] {
        let container = container(test, service).await;
        assert!(container.is_up(), "{at}");
        assert_eq!(container.labels["version"], version, "{at}");
        let policy = engine.inspect(container.id.as_str()).await.unwrap().restart_policy;
        assert_eq!(policy, RestartPolicy::UnlessStopped, "{at}");
    }
    let lock = format!("sofa.lock.{}", test.name());
    let all = engine.list_containers().await.unwrap();
    assert!(all.iter().all(|found| found.name != lock), "{at}: the lock stays");
    let networks = engine.list_networks().await.unwrap();
    let own = networks.iter().filter(|network| network.name.starts_with(test.name())).count();
    assert_eq!(own, 1, "{at}");
    let head = head_of(test).await;
    assert!(head.unfinished().is_none(), "{at}: {head:?}");
}

/// Which calls of a deploy are its last.
#[derive(Clone, Copy)]
enum Calls {
    /// Ten, spread over it, before and after the call in turn.
    Ten,
    /// All of them, before and after.
    All,
}

impl Calls {
    fn of(self, count: usize) -> Vec<(usize, When)> {
        let when = |n: usize| if n.is_multiple_of(2) { When::Before } else { When::After };
        match self {
            Calls::Ten => (0..10).map(|n| (1 + n * (count - 1) / 9, when(n))).collect(),
            Calls::All => (1..=count).flat_map(|n| [(n, When::Before), (n, When::After)]).collect(),
        }
    }
}

/// A project of which a release runs, and how many calls the deploy of another one makes.
async fn running(name: &str) -> Option<(TestProject, usize)> {
    let test = TestProject::new(name).await?;
    write(&test, "old");
    test.sofa(["deploy"]).ok();
    write(&test, "other");
    let proxy = Proxy::new(test.engine(), None);
    let deploy = test.sofa_command().arg("deploy").env("DOCKER_HOST", proxy.address()).output().unwrap();
    assert!(deploy.status.success(), "{}", String::from_utf8_lossy(&deploy.stderr));
    let count = proxy.calls().len();
    assert!(count > 30, "{:#?}", proxy.calls());
    Some((test, count))
}

/// A deploy that was to be killed at a call.
struct Killed {
    /// Which call that was.
    at: String,
    /// Whether it got as far: how often it asks for the health of a container is not the same every time.
    died: bool,
    calls: Vec<String>,
}

impl Killed {
    /// Whether it asked for the removal of a container: the engine may still be at it.
    fn removes(&self, id: &str) -> bool {
        self.calls.iter().any(|call| call.starts_with("DELETE ") && call.contains(id))
    }
}

/// Deploys a version and kills that deploy at a call.
fn kill_at(test: &TestProject, version: &str, call: usize, when: When) -> Killed {
    write(test, version);
    let proxy = Proxy::new(test.engine(), Some((call, when)));
    let mut command = test.sofa_command();
    command.arg("deploy").env("DOCKER_HOST", proxy.address()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut deploy = command.spawn().unwrap();
    proxy.program(deploy.id());
    let died = deploy.wait().unwrap().signal() == Some(9);
    let calls = proxy.calls_of_ended_program();
    let which = calls.get(call - 1).map_or("none", String::as_str);
    Killed { at: format!("killed {when:?} call {call}: {which}"), died, calls }
}

/// Kills a deploy at some of its calls, and does it again.
async fn killed_and_done_again(name: &str, calls: Calls) {
    let Some((test, count)) = running(name).await else { return };
    let (calls, mut killed) = (calls.of(count), 0);
    for (n, (call, when)) in calls.iter().copied().enumerate() {
        let version = n.to_string();
        let deploy = kill_at(&test, &version, call, when);
        killed += usize::from(deploy.died);
        let again = test.sofa(["deploy"]);
        again.ok();
        let at = format!("{}\n{}", deploy.at, again.stderr);
        assert_whole(&test, &version, &at).await;
        let idle = test.sofa(["deploy"]);
        assert!(idle.ok().stderr.contains("3 unchanged"), "{at}\n{}", idle.stderr);
    }
    assert!(killed * 10 >= calls.len() * 9, "{killed} of {} were killed", calls.len());
}

/// Kills a deploy at some of its calls, and undoes it: what of the old release was there still is.
async fn killed_and_undone(name: &str, calls: Calls) {
    let Some((test, count)) = running(name).await else { return };
    let last = async || head_of(&test).await.releases.last().map(|release| release.number);
    let (calls, mut killed, mut release) = (calls.of(count), 0, "other".to_owned());
    for (n, (call, when)) in calls.iter().copied().enumerate() {
        let (before, number) = (ids(&test).await, last().await);
        let version = n.to_string();
        let deploy = kill_at(&test, &version, call, when);
        killed += usize::from(deploy.died);
        let left: BTreeSet<String> = ids(&test).await.into_values().collect();
        let undo = test.sofa(["undo"]);
        undo.ok();
        let at = format!("{}\n{}", deploy.at, undo.stderr);
        if last().await > number {
            // All was done and written down, but the lock not released.
            release = version;
        } else {
            let now: BTreeSet<String> = ids(&test).await.into_values().collect();
            let mut kept = before.values().filter(|id| left.contains(*id) && !deploy.removes(id));
            assert!(kept.all(|id| now.contains(id)), "{at}");
        }
        assert_whole(&test, &release, &at).await;
    }
    assert!(killed * 10 >= calls.len() * 9, "{killed} of {} were killed", calls.len());
}

#[tokio::test]
async fn a_deploy_killed_at_ten_calls_is_finished_by_the_next() {
    killed_and_done_again("crash", Calls::Ten).await;
}

#[tokio::test]
async fn a_deploy_killed_at_ten_calls_is_undone_to_the_release_of_before() {
    killed_and_undone("undo", Calls::Ten).await;
}

#[tokio::test]
#[ignore = "takes minutes; `make test-full` runs it"]
async fn long_a_deploy_killed_at_any_call_is_finished_by_the_next() {
    killed_and_done_again("crashes", Calls::All).await;
}

#[tokio::test]
#[ignore = "takes minutes; `make test-full` runs it"]
async fn long_a_deploy_killed_at_any_call_is_undone_to_the_release_of_before() {
    killed_and_undone("undoes", Calls::All).await;
}

#[tokio::test]
async fn of_two_deploys_raced_fifty_times_one_proceeds() {
    let Some(test) = TestProject::new("race").await else { return };
    compose(&test, &format!("  web: {{<<: *stay, {HEALTHY}}}\n"));
    test.sofa(["deploy"]).ok();
    for round in 1..=50 {
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
    assert!(told.contains("the lock was removed during the run"), "{told}");
    crate::stack::assert_nothing_is_there(&test).await;
}
