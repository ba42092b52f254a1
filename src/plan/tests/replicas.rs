//! Scaling, groups of replicas, what interrupted runs left, and orphans.

use insta::assert_snapshot;

use super::*;

#[test]
fn scaling_fills_no_gaps_and_takes_obsolete_replicas_first_then_the_highest() {
    let scaled = |count: i64| case().with("web", move |web| web.scale = Some(count));
    let up = scaled(3).found(running("web")).found(running("web").number(4));
    assert_snapshot!(up.deploy(), @"
    [] -> #1 web: create container p-web-5, scaled to 3
    [1] -> #2 web: start container of #1
    [2] -> #3 web: await container of #1: running
    [3] -> #4 project: watch web 5 for 2s [barrier]
    ");
    let down =
        scaled(1).found(running("web")).found(running("web").number(2)).found(running("web").number(3));
    assert_snapshot!(down.deploy(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: stop p-web-3, scaled to 1 [disruptive]
    [2] -> #3 web: remove p-web-3, scaled to 1
    [1] -> #4 web: stop p-web-2, scaled to 1 [disruptive]
    [4] -> #5 web: remove p-web-2, scaled to 1
    ");
    let obsolete = scaled(1).found(running("web").stale()).found(running("web").number(2));
    assert_snapshot!(obsolete.deploy(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: stop p-web-1, scaled to 1 [disruptive]
    [2] -> #3 web: remove p-web-1, scaled to 1
    ");
}

#[test]
fn replicas_are_replaced_in_groups_of_update_config() {
    let case = case().with("web", |web| {
        web.scale = Some(2);
        let update = model::UpdateConfig { parallelism: Some(1), ..Default::default() };
        web.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
    });
    assert_snapshot!(case.found(running("web").stale()).found(running("web").number(2).stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: running
    [] -> #6 web: create container 111111111111_p-web-2, configuration changed
    [5,6] -> #7 web: disable restart of p-web-2, replaced
    [7] -> #8 web: stop p-web-2, replaced [disruptive]
    [5,6,8] -> #9 web: start container of #6
    [9] -> #10 web: await container of #6: running
    [10] -> #11 project: watch web 1, web 2 for 2s [barrier]
    [11] -> #12 web: remove p-web-1, replaced
    [11,12] -> #13 web: rename container of #1 to p-web-1
    [11] -> #14 web: remove p-web-2, replaced
    [11,14] -> #15 web: rename container of #6 to p-web-2
    ");
}

#[test]
fn leftovers_of_a_killed_run_are_used_or_removed() {
    let debris = case()
        .service("web")
        .found(running("web").stale())
        .found(running("web").named("000000000000_p-web-1").state(State::Created));
    assert_snapshot!(debris.deploy(), @"
    [] -> #1 web: disable restart of p-web-1, replaced
    [1] -> #2 web: stop p-web-1, replaced [disruptive]
    [2] -> #3 web: start 000000000000_p-web-1, created and never started
    [3] -> #4 web: await 000000000000_p-web-1: running
    [4] -> #5 project: watch web 1 for 2s [barrier]
    [5] -> #6 web: remove p-web-1, replaced
    [5,6] -> #7 web: rename 000000000000_p-web-1 to p-web-1
    ");
}

#[test]
fn an_undo_removes_only_what_the_undone_runs_created() {
    let made_by = |container: &mut Container, run: &str| {
        container.labels.insert(crate::labels::sofa::RUN.into(), run.into());
        container.networks.insert("p_back".into(), Attachment::default());
    };
    let mut case = case()
        .service("web")
        .found(running("web"))
        .found(running("older"))
        .but(|older| drop(older.labels.insert(crate::labels::sofa::RUN.into(), "3".into())))
        .found(running("new"))
        .but(|new| made_by(new, "4"));
    for (name, run) in [("p_back", "4"), ("p_older", "3")] {
        case.observed.networks.push(Network {
            id: NetworkId("b".repeat(64)),
            name: name.into(),
            driver: "bridge".into(),
            labels: [(crate::labels::sofa::RUN.into(), run.into())].into(),
            settings: crate::plan::observed::NetworkSettings::default(),
        });
    }
    let policy = Policy { undoes_runs_from: Some(4), ..Policy::default() };
    let plan = case.try_deploy(policy).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 new: stop p-new-1, created by the run that is undone [disruptive]
    [2] -> #3 new: remove p-new-1, created by the run that is undone
    [1,3] -> #4 project: remove network p_back, created by the run that is undone
    ");
    assert_eq!(plan.notes, ["no service of the files owns p-older-1; `--remove-orphans` removes it"]);
    assert!(!case.deploy().contains("remove"), "else nothing goes");
}

#[test]
fn orphans_of_the_same_files_are_named_and_removed_only_when_asked() {
    let case = case().service("web").found(running("web")).found(running("old"));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.operations.is_empty());
    assert_eq!(plan.notes, ["no service of the files owns p-old-1; `--remove-orphans` removes it"]);
    let plan = case.try_deploy(Policy { remove_orphans: true, ..Policy::default() }).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 old: stop p-old-1, orphan: no service of the files owns it [disruptive]
    [2] -> #3 old: remove p-old-1, orphan: no service of the files owns it
    ");
    let other_files = case.but(|container| {
        container.labels.insert("com.docker.compose.project.config_files".into(), "/elsewhere.yml".into());
    });
    let plan = other_files.try_deploy(Policy { remove_orphans: true, ..Policy::default() }).unwrap();
    assert!(plan.operations.is_empty(), "{plan}");
}

#[test]
fn scaling_to_zero_removes_every_replica_when_the_plan_settles() {
    let case = case().with("web", |web| web.scale = Some(0)).found(running("web"));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_eq!(plan.unchanged, [""; 0], "what loses a replica is not as it should be");
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: stop p-web-1, scaled to 0 [disruptive]
    [2] -> #3 web: remove p-web-1, scaled to 0
    ");
}

#[test]
fn on_the_way_back_a_job_does_not_run_and_what_a_killed_run_left_of_it_goes() {
    let project = || {
        let case = case().service("migrate");
        case.with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully)).found(running("web"))
    };
    let ended = || running("migrate").state(State::Exited(0));
    let back = Policy { leave_jobs: true, ..Policy::default() };
    let newer = project().found(ended().stale());
    assert!(newer.try_deploy(back).unwrap().operations.is_empty(), "an older job is not run again");
    let killed = project().found(ended()).found(ended().stale().named("000000000000_p-migrate-1"));
    assert_snapshot!(killed.try_deploy(back).unwrap(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 migrate: remove 000000000000_p-migrate-1, replaced
    ");
}

#[test]
fn a_deploy_removes_one_offs_that_have_ended_and_leaves_those_that_run() {
    let run = |state: State| {
        let case = case().service("web").found(running("web"));
        case.found(running("web").number(0).named("p-web-run-1").state(state)).but(|run| run.oneoff = true)
    };
    let ended = run(State::Exited(0));
    let removing = Policy { remove_orphans: true, ..Policy::default() };
    assert_snapshot!(ended.try_deploy(Policy::default()).unwrap().to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: remove p-web-run-1, one-off that ended
    ");
    let runs = run(State::Running).try_deploy(removing).unwrap();
    assert!(runs.operations.is_empty() && runs.notes.is_empty(), "{runs}");
}

#[test]
fn a_forced_recreation_runs_no_job_again_that_only_came_along() {
    let case = case()
        .with("migrate", |migrate| {
            migrate.sofa = Some(model::Sofa { role: Some(model::Role::Job), ..Default::default() });
        })
        .with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully))
        .found(running("migrate").state(State::Exited(0)))
        .found(running("web"));
    let forced = |asked: &[&str]| {
        let desired = Desired::new(&case.project, &["migrate", "web"], &case.observed, case.terms())
            .with_asked(&asked.iter().copied().collect());
        let policy = Policy { recreate: Recreate::Force, ..Policy::default() };
        let plan = super::super::deploy(&desired, &case.observed, policy).unwrap();
        plan.to_string().contains("migrate: create")
    };
    assert!(!forced(&["web"]));
    assert!(forced(&["web", "migrate"]));
}

#[test]
fn anonymous_volumes_that_nobody_takes_over_are_named() {
    let volume = "a".repeat(64);
    let holds = |web: &mut Container| {
        web.mounts.push(Mount {
            kind: "volume".into(),
            name: Some("a".repeat(64)),
            source: String::new(),
            destination: "/x".into(),
        });
    };
    let note = |number: u32| {
        format!("what p-web-{number} had in anonymous volumes stays: `docker volume rm {volume}` removes it")
    };
    let scaled = case().service("web").found(running("web")).found(running("web").number(2)).but(holds);
    assert_eq!(scaled.try_deploy(Policy::default()).unwrap().notes, [note(2)]);

    let changed = case().service("web").found(running("web").stale()).but(holds);
    assert!(changed.try_deploy(Policy::default()).unwrap().notes.is_empty(), "the new one takes them over");
    let renewed = Policy { renew_volumes: true, ..Policy::default() };
    assert_eq!(changed.try_deploy(renewed).unwrap().notes, [note(1)]);
}
