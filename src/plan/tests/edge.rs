//! Services behind the edge: when it is there, when a container gets requests, and when its host ports move.

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::compose::model::Http;
use crate::edge::{self, Behind, Edge, HostPort, Route, Server};
use crate::labels::sofa;
use crate::plan::observed::ObservedEdge;

fn behind(service: &mut Service) {
    let http = Http {
        port: 8000,
        host: Vec::new(),
        path: "/".into(),
        check: None,
        timeout: model::Duration(Duration::from_secs(60)),
        drain: model::Duration(Duration::from_secs(60)),
        containers_have_names: false,
    };
    service.sofa = Some(model::Sofa { http: Some(http), ..Default::default() });
    published(service);
    checked(service);
}

fn published(service: &mut Service) {
    let port =
        model::Port { target: 8000, published: "80".into(), protocol: "tcp".into(), ..Default::default() };
    service.ports.push(port);
}

/// A container that `sofa` put behind the edge.
fn labelled(container: &mut Container) {
    let behind = Behind { port: 8000, address: [10, 0, 0, 3].into() };
    let handover = r#"{"method":"edge","deadline":{"secs":60,"nanos":0}}"#;
    container.labels.insert(sofa::BEHIND.into(), serde_json::to_string(&behind).unwrap());
    container.labels.insert(sofa::HANDOVER.into(), handover.into());
}

/// An open edge that serves `web`, with these servers.
fn with_edge(case: Case, servers: &[&str]) -> Case {
    let mut case = case.foreign("sofa.edge.p", None, |container| {
        container.networks.insert(edge::front_network("p"), Default::default());
    });
    let route = Route {
        port: 8000,
        published: vec![HostPort { port: "80".into(), ..HostPort::default() }],
        path: "/".into(),
        timeout: Duration::from_secs(60),
        drain: Duration::from_secs(60),
        ..Route::default()
    };
    let server = |id: &&str| {
        let server = Server { service: "web".into(), address: [10, 0, 0, 3].into(), port: 8000 };
        ((*id).to_owned(), server)
    };
    let servers = servers.iter().map(server).collect();
    case.observed.edge = Some(ObservedEdge {
        container: case.observed.foreign.pop(),
        edge: Edge { routes: BTreeMap::from([("web".into(), route)]), servers },
        subnet: "10.0.0.0/24".into(),
    });
    case
}

#[test]
fn the_edge_is_there_before_the_first_container_behind_it() {
    assert_snapshot!(case().with("web", behind).deploy(), @"
    [] -> #1 project: have sofa.edge.p serve web, not there yet
    [1] -> #2 web: create container p-web-1, not there yet
    [1,2] -> #3 web: start container of #2
    [3] -> #4 web: await container of #2: healthy
    [4] -> #5 web: send requests to container of #2
    ");
}

#[test]
fn old_and_new_get_requests_and_the_old_one_has_none_before_the_plan_settles() {
    let case = case().with("web", behind).found(running("web").stale()).but(labelled);
    let case = with_edge(case, &["000000000000"]);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: start container of #1
    [2] -> #3 web: await container of #1: healthy
    [3] -> #4 web: send requests to container of #1
    [4] -> #5 web: quiesce p-web-1, replaced
    [5] -> #6 web: drain p-web-1 within 1m00s
    [4,6] -> #7 project: settle [barrier]
    [7] -> #8 web: stop p-web-1, replaced
    [8] -> #9 web: take p-web-1 off the edge
    [8,9] -> #10 web: remove p-web-1, replaced
    [7,10] -> #11 web: rename container of #1 to p-web-1
    ");
}

#[test]
fn a_host_port_moves_when_every_new_container_gets_requests() {
    let case = case().with("web", behind).found(running("web")).but(|web| {
        let port = crate::plan::observed::Port {
            address: Some("0.0.0.0".into()),
            published: Some(80),
            target: 8000,
            protocol: "tcp".into(),
        };
        web.ports.push(port);
    });
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 project: have sofa.edge.p serve web, without its host ports, not there yet
    [1] -> #2 web: create container 000000000000_p-web-1, its requests come through the edge from now on
    [1,2] -> #3 web: start container of #2
    [3] -> #4 web: await container of #2: healthy
    [4] -> #5 web: send requests to container of #2
    [1,3,5] -> #6 web: disable restart of p-web-1, host port 80 moves to the edge
    [6] -> #7 web: stop p-web-1, host port 80 moves to the edge [disruptive]
    [1,3,5,7] -> #8 project: publish the host ports of sofa.edge.p
    [8] -> #9 project: settle [barrier]
    [9] -> #10 web: remove p-web-1, replaced
    [9,10] -> #11 web: rename container of #2 to p-web-1
    ");
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
    assert!(plan.notes[0].contains("host port 80 moves from p-web-1 to the edge"), "{:?}", plan.notes);
}

#[test]
fn a_host_port_of_a_service_that_stays_is_a_problem() {
    let case = case().with("web", behind).service("other").found(running("other")).but(|other| {
        let port = crate::plan::observed::Port {
            address: None,
            published: Some(80),
            target: 80,
            protocol: "tcp".into(),
        };
        other.ports.push(port);
    });
    let problems = case.try_deploy(Policy::default()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].message.contains("host port 80/tcp is held by container `p-other-1`"),
        "{problems:?}"
    );
}

#[test]
fn what_the_edge_serves_already_changes_nothing() {
    let case = case().with("web", behind).found(running("web").health(Health::Healthy)).but(labelled);
    let plan = with_edge(case, &["000000000000"]).deploy();
    assert_eq!(plan, "");
}

#[test]
fn a_container_that_a_killed_run_left_without_requests_gets_them() {
    let case = case().with("web", behind).found(running("web").health(Health::Healthy)).but(labelled);
    assert_snapshot!(with_edge(case, &[]).deploy(), @"
    [] -> #1 web: send requests to p-web-1, left by an interrupted run
    ");
}

#[test]
fn a_service_that_leaves_the_edge_gets_its_host_port_from_it() {
    let case = case().with("web", published).found(running("web")).but(labelled);
    assert_snapshot!(with_edge(case, &["000000000000"]).deploy(), @"
    [] -> #1 project: have sofa.edge.p serve nothing, without its host ports, settings of web changed [disruptive]
    [] -> #2 web: create container 000000000000_p-web-1, its requests come through the edge no more
    [1,2] -> #3 web: disable restart of p-web-1, replaced
    [3] -> #4 web: quiesce p-web-1, replaced
    [4] -> #5 web: drain p-web-1 within 1m00s
    [3,5] -> #6 web: stop p-web-1, replaced [disruptive]
    [1,2,6] -> #7 web: start container of #2
    [7] -> #8 web: await container of #2: running
    [8] -> #9 project: watch web 1 for 2s [barrier]
    [9] -> #10 web: take p-web-1 off the edge
    [9,10] -> #11 web: remove p-web-1, replaced
    [9,11] -> #12 web: rename container of #2 to p-web-1
    [9,11] -> #13 project: remove sofa.edge.p, its requests come through the edge no more
    ");
}

#[test]
fn a_device_makes_it_stop_first_and_requests_end_before_that() {
    let gpu = |web: &mut Service| {
        behind(web);
        web.sofa = web.sofa.take().map(|sofa| model::Sofa { gpu: true, ..sofa });
    };
    let case = case().with("web", gpu).found(running("web").stale()).but(labelled);
    assert_snapshot!(with_edge(case, &["000000000000"]).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: quiesce p-web-1, replaced
    [3] -> #4 web: drain p-web-1 within 1m00s
    [2,4] -> #5 web: stop p-web-1, replaced [disruptive]
    [1,5] -> #6 web: start container of #1
    [6] -> #7 web: await container of #1: healthy
    [7] -> #8 web: send requests to container of #1
    [8] -> #9 project: settle [barrier]
    [9] -> #10 web: take p-web-1 off the edge
    [9,10] -> #11 web: remove p-web-1, replaced
    [9,11] -> #12 web: rename container of #1 to p-web-1
    ");
}

#[test]
fn a_restart_takes_the_requests_away_and_gives_them_back() {
    let case = case().found(running("web").health(Health::Healthy)).but(labelled);
    let plan = super::super::restart("p", &case.observed, &Scope::Everything, &Default::default(), None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 web: quiesce p-web-1, restart
    [1] -> #2 web: drain p-web-1 within 1m00s
    [2] -> #3 web: stop p-web-1, restart [disruptive]
    [3] -> #4 web: start p-web-1, restart
    [4] -> #5 web: await p-web-1: healthy
    [5] -> #6 web: send requests to p-web-1
    ");
}

#[test]
fn down_removes_the_edge_with_the_last_container_behind_it() {
    let case = case().found(running("web").health(Health::Healthy)).but(labelled);
    let case = case.found(running("other").health(Health::Healthy)).but(labelled);
    let case = with_edge(case, &["000000000000"]);
    let web = Scope::Services(["web".into()].into());
    let part = case.down(&down::Policy { scope: web, ..Default::default() }).to_string();
    assert!(part.contains("take p-web-1 off the edge") && !part.contains("remove sofa.edge.p"), "{part}");
    let all = case.down(&down::Policy::default()).to_string();
    assert!(all.contains("project: remove sofa.edge.p, down"), "{all}");
}

#[test]
fn services_outside_the_scope_keep_their_routes() {
    let api = |api: &mut Service| {
        behind(api);
        api.ports[0].published = "81".into();
    };
    // `web` is in the files, and somebody took its container down.
    let mut case = with_edge(case().with("api", api).with("web", behind), &[]);
    let desired = Desired::new(&case.project, &["api"], &case.observed, case.terms());
    let plan = super::super::deploy(&desired, &case.observed, Policy::default()).unwrap().to_string();
    assert!(plan.contains("have sofa.edge.p serve api, web, settings of api changed"), "{plan}");
    // The files have it no more.
    case.project.services.remove("web");
    let desired = Desired::new(&case.project, &["api"], &case.observed, case.terms());
    let plan = super::super::deploy(&desired, &case.observed, Policy::default()).unwrap().to_string();
    assert!(plan.contains("have sofa.edge.p serve api, settings of api, web changed"), "{plan}");
}
