//! How many calls each verb makes, by kind: what costs time on a real engine, counted where it costs none. Lists and pings stay
//! as many however many services there are.

use std::collections::BTreeMap;
use std::fmt::Write;

use insta::assert_snapshot;

use crate::stage::{Stage, fleet};

/// The calls of a command, each kind with its number. How often a container is looked at, asked and listened to
/// while it is waited for is the moment's business: that is bounded, not counted.
fn calls(stage: &Stage, arguments: &[&str], services: usize) -> String {
    stage.fake.forget_calls();
    stage.ok(arguments);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for call in stage.fake.calls() {
        *kinds.entry(kind(&call)).or_default() += 1;
    }
    let mut looks = 0;
    kinds.retain(|kind, count| {
        let waiting = ["GET /containers/*/json", "GET /containers/*/logs"].contains(&kind.as_str())
            || kind.contains("/exec");
        looks += if waiting { *count } else { 0 };
        !waiting
    });
    assert!(looks <= 2 + 8 * services, "{arguments:?}: {looks} calls of waits");
    kinds.into_iter().fold(format!("== {}\n", arguments.join(" ")), |mut text, (kind, count)| {
        writeln!(text, "{count:>2} {kind}").unwrap();
        text
    })
}

/// A call without the parts that identify an object.
fn kind(call: &str) -> String {
    let (method, path) = call.split_once(' ').unwrap();
    let words: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    let words = words.iter().enumerate().map(|(index, word)| match (index, words[1]) {
        (2, "containers" | "networks" | "volumes") if !matches!(*word, "json" | "create") => "*",
        (2, "images") if word.starts_with("sha256:") => "*",
        _ => word,
    });
    format!("{method} {}", words.collect::<Vec<_>>().join("/"))
}

/// Every verb in turn, on a project of so many services.
fn every_verb(services: usize) -> String {
    let stage = Stage::new(&fleet(services, "1"));
    let verbs = |verbs: &[&[&str]]| -> String {
        verbs.iter().map(|arguments| calls(&stage, arguments, services)).collect()
    };
    let first = verbs(&[&["deploy"], &["deploy"], &["plan"]]);
    stage.compose(&fleet(services, "2"));
    first
        + &verbs(&[
            &["plan"],
            &["deploy"],
            &["scale", "s0=2"],
            &["rollback"],
            &["ps"],
            &["history"],
            &["restart"],
            &["stop"],
            &["start"],
            &["kill", "s0"],
            &["rm", "s0"],
            &["down"],
        ])
}

#[test]
fn every_verb_makes_the_calls_that_it_must_and_no_others() {
    assert_snapshot!(every_verb(3), @r"
    == deploy
     1 DELETE /containers/*
     1 DELETE /images/sofa.unfinished/p:run
     2 GET /containers/*/archive
     2 GET /containers/json
     2 GET /events
     2 GET /images/app:1/json
     2 GET /networks
     2 GET /volumes
     3 POST /containers/*/start
     6 POST /containers/create
     3 POST /images/*/tag
     1 POST /images/create
     1 POST /images/sofa.empty:1/tag
     1 POST /networks/create
     2 PUT /containers/*/archive
    == deploy
     1 GET /containers/json
     1 GET /images/app:1/json
     1 GET /images/sofa.unfinished/p:run/json
     1 GET /networks
     1 GET /volumes
    == plan
     1 GET /containers/json
     1 GET /images/app:1/json
     1 GET /networks
     1 GET /volumes
    == plan
     2 GET /containers/*/archive
     1 GET /containers/json
     1 GET /images/app:1/json
     1 GET /networks
     1 GET /volumes
    == deploy
     4 DELETE /containers/*
     1 DELETE /images/sofa.unfinished/p:run
     2 GET /containers/*/archive
     2 GET /containers/json
     2 GET /events
     2 GET /images/app:1/json
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     3 POST /containers/*/rename
     3 POST /containers/*/start
     3 POST /containers/*/stop
     3 POST /containers/*/update
     4 POST /containers/create
     3 POST /images/*/tag
     1 POST /images/sofa.empty:1/tag
     2 PUT /containers/*/archive
    == scale s0=2
     1 DELETE /containers/*
     1 DELETE /images/sofa.unfinished/p:run
     2 GET /containers/*/archive
     2 GET /containers/json
     2 GET /events
     2 GET /images/app:1/json
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     1 POST /containers/*/start
     2 POST /containers/create
     3 POST /images/*/tag
     1 POST /images/sofa.empty:1/tag
     2 PUT /containers/*/archive
    == rollback
     2 DELETE /containers/*
     1 DELETE /images/sofa.unfinished/p:run
     3 GET /containers/*/archive
     3 GET /containers/json
     2 GET /events
     2 GET /images/*/json
     2 GET /images/app:1/json
     1 GET /images/sofa.unfinished/p:run/json
     3 GET /networks
     3 GET /volumes
     1 POST /containers/*/stop
     1 POST /containers/create
     3 POST /images/*/tag
     1 POST /images/sofa.empty:1/tag
     2 PUT /containers/*/archive
    == ps
     1 GET /containers/*/archive
     1 GET /containers/json
     1 GET /networks
     1 GET /volumes
    == history
     1 GET /containers/*/archive
     1 GET /containers/json
     1 GET /networks
     1 GET /volumes
    == restart
     1 DELETE /containers/*
     2 GET /containers/json
     2 GET /events
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     3 POST /containers/*/start
     3 POST /containers/*/stop
     1 POST /containers/create
    == stop
     2 GET /containers/json
     1 GET /events
     2 GET /networks
     2 GET /volumes
     3 POST /containers/*/stop
    == start
     1 DELETE /containers/*
     2 GET /containers/json
     2 GET /events
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     3 POST /containers/*/start
     1 POST /containers/create
    == kill s0
     2 GET /containers/json
     1 GET /events
     2 GET /networks
     2 GET /volumes
     1 POST /containers/*/kill
    == rm s0
     2 DELETE /containers/*
     2 GET /containers/json
     2 GET /events
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     1 POST /containers/create
    == down
     3 DELETE /containers/*
     1 DELETE /networks/*
     2 GET /containers/json
     2 GET /events
     1 GET /images/sofa.unfinished/p:run/json
     2 GET /networks
     2 GET /volumes
     2 POST /containers/*/stop
     1 POST /containers/create
    ");
}

#[test]
fn lists_are_as_many_however_many_services_there_are() {
    let lists = |services| -> Vec<String> {
        let list = [
            "GET /containers/json",
            "GET /networks",
            "GET /volumes",
            "GET /events",
            "GET /images/app:1/json",
        ];
        let calls = every_verb(services);
        calls.lines().filter(|line| list.iter().any(|list| line.ends_with(list))).map(String::from).collect()
    };
    let few = lists(2);
    assert!(few.len() > 40, "{few:?}");
    assert_eq!(few, lists(6));
}
