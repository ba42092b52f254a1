//! How long a deploy waits at most.

use std::time::Duration;

use super::super::patience::LongestWait;
use super::*;
use crate::compose::model::Sofa;

/// The longest wait for all services of a case, within six minutes.
fn longest(case: &Case) -> String {
    let names: Vec<&str> = case.project.services.keys().map(|name| name.as_str()).collect();
    let desired = Desired::new(&case.project, &names, &case.observed, case.terms());
    LongestWait::of(&desired, Duration::from_secs(360)).to_string()
}

fn within(service: &mut Service, seconds: u64) {
    checked(service);
    let deadline = Some(model::Duration(Duration::from_secs(seconds)));
    service.sofa = Some(Sofa { deadline, ..Sofa::default() });
}

#[test]
fn services_that_wait_for_each_other_add_up_and_others_do_not() {
    let case = case()
        .with("a", |service| within(service, 30))
        .with("b", |service| {
            within(service, 60);
            after(service, "a", Condition::Healthy);
        })
        .with("c", |service| within(service, 80))
        .with("d", |service| {
            within(service, 50);
            after(service, "b", Condition::Started);
        });
    assert_eq!(longest(&case), "1m30s for its services: a 30.0s, then b 1m00s");
}

#[test]
fn a_healthcheck_ends_a_wait_after_two_rounds_and_after_three_restarts() {
    let check = |service: &mut Service| {
        checked(service);
        let check = service.healthcheck.as_mut().unwrap();
        let seconds = |seconds| Some(model::Duration(Duration::from_secs(seconds)));
        (check.interval, check.timeout, check.start_period) = (seconds(3), seconds(1), seconds(10));
        check.retries = Some(2);
    };
    let once = case().with("a", check);
    assert_eq!(longest(&once), "26.0s for its services: a 26.0s", "10 s, then twice 2 × (3 s + 1 s)");
    let again = case().with("a", |service| {
        check(service);
        service.restart = "always".into();
    });
    assert_eq!(longest(&again), "1m44s for its services: a 1m44s");
}

#[test]
fn what_nothing_bounds_is_waited_for_as_long_as_the_deploy_may_wait() {
    let job = |service: &mut Service| {
        service.sofa = Some(Sofa { role: Some(model::Role::Job), ..Sofa::default() });
    };
    assert_eq!(longest(&case().with("migrate", job)), "6m00s for its services (`--wait-timeout`)");
    assert_eq!(longest(&case().service("web")), "0.0s for its services", "it is ready as soon as it runs");
}
