//! What becomes of a service whose containers are as the files say, or not.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_first_deploy_creates_everything_and_starts_each_service_when_its_dependencies_are_ready() {
    let case = case()
        .network("default")
        .volume("data")
        .with("db", |db| {
            checked(db);
            on_volume(db, "data");
            db.networks.insert("default".into(), None);
        })
        .with("migrate", |migrate| after(migrate, "db", Condition::Healthy))
        .with("web", |web| {
            web.networks.insert("default".into(), None);
            after(web, "migrate", Condition::CompletedSuccessfully);
            after(web, "db", Condition::Started);
        });
    assert_snapshot!(case.deploy(), @"
    [] -> #1 project: create network p_default, not there yet
    [] -> #2 project: create volume p_data, not there yet
    [1,2] -> #3 db: create container p-db-1, not there yet
    [3] -> #4 db: start container of #3
    [4] -> #5 db: await container of #3: healthy
    [] -> #6 migrate: create container p-migrate-1, not there yet
    [5,6] -> #7 migrate: start container of #6 [one-way]
    [7] -> #8 migrate: await container of #6: completed
    [1] -> #9 web: create container p-web-1, not there yet
    [4,8,9] -> #10 web: start container of #9
    [10] -> #11 web: await container of #9: running
    [11] -> #12 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn nothing_is_planned_where_everything_is_as_the_files_say() {
    let case = case().service("web").with("db", checked);
    let case = case.found(running("web")).found(running("db").health(Health::Healthy));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.operations.is_empty(), "{plan}");
    assert_eq!(plan.unchanged, ["db", "web"]);
}

#[test]
fn a_changed_configuration_replaces_the_container_after_the_new_one_is_ready() {
    assert_snapshot!(case().with("web", checked).found(running("web").stale()).deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: stop p-web-1, replaced [disruptive]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: healthy
    [5] -> #6 project: settle [barrier]
    [6] -> #7 web: remove p-web-1, replaced
    [6,7] -> #8 web: rename container of #1 to p-web-1
    ");
}

/// A container that the last release made, with `LEVEL` as it is given.
fn released(level: &str) -> Case {
    let set = |web: &mut Service, level: &str| {
        web.environment.insert("LEVEL".into(), Some(level.into()));
    };
    let mut case = case().with("web", |web| set(web, "info")).found(running("web"));
    case.observed.released = Some(case.project.clone());
    set(case.project.services.get_mut("web").unwrap(), level);
    case
}

#[test]
fn the_fields_that_changed_since_the_last_release_are_named_and_their_values_kept() {
    let plan = released("debug").try_deploy(Policy::default()).unwrap();
    assert_snapshot!(plan.to_string().lines().next().unwrap(), @"[] -> #1 web: create container 000000000000_p-web-1, configuration changed: environment.LEVEL");
    let told: Vec<String> = plan.operations[0].cause.fields().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["environment.LEVEL: info → debug"]);
    assert!(plan.operations[1..].iter().all(|operation| operation.cause.fields().is_empty()));
}

#[test]
fn a_container_that_the_last_release_did_not_make_has_no_known_fields() {
    let mut case = released("debug");
    let label = "com.docker.compose.config-hash".to_string();
    case.observed.containers[0].labels.insert(label, "another".into());
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_eq!(
        (plan.operations[0].cause.to_string(), plan.operations[0].cause.fields().len()),
        ("configuration changed".to_string(), 0)
    );
}

#[test]
fn many_fields_are_counted_and_env_files_are_named() {
    let mut case = released("debug");
    let web = case.project.services.get_mut("web").unwrap();
    for name in ["A", "B", "C", "D"] {
        web.environment.insert(name.into(), Some("x".into()));
    }
    web.env_files = vec!["/p/web.env".into()];
    case.project.working_dir = "/p".into();
    case.observed.containers[0]
        .labels
        .insert(crate::labels::sofa::CONTENT.into(), "env_file.web.env=k:old".into());
    let digests = [("env_file.web.env".to_string(), "k:new".to_string())].into();
    let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms()).with_contents(&digests);
    let plan = super::super::deploy(&desired, &case.observed, Policy::default()).unwrap();
    assert_eq!(
        plan.operations[0].cause.to_string(),
        "configuration changed: environment.A, environment.B, environment.C and 2 more (env_file.web.env changed)"
    );
}

#[test]
fn an_env_file_that_sets_the_same_as_before_replaces_nothing() {
    let mut case = released("info");
    case.project.services.get_mut("web").unwrap().env_files = vec!["/p/web.env".into()];
    case.project.working_dir = "/p".into();
    case.observed.containers[0]
        .labels
        .insert(crate::labels::sofa::CONTENT.into(), "env_file.web.env=k:old".into());
    let digests = [("env_file.web.env".to_string(), "k:new".to_string())].into();
    let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms()).with_contents(&digests);
    assert!(super::super::deploy(&desired, &case.observed, Policy::default()).unwrap().operations.is_empty());
}

#[test]
fn a_changed_image_says_both_digests() {
    let mut case = case().service("web").found(running("web"));
    case.image("web:1", "b");
    assert_snapshot!(case.deploy().lines().next().unwrap(), @"[] -> #1 web: create container 000000000000_p-web-1, image digest changed sha256:aaaaaaaaaaaa… → sha256:bbbbbbbbbbbb…");
}

#[test]
fn a_pinned_image_is_taken_whatever_its_reference_stands_for_by_now() {
    let old = ImageId(format!("sha256:{}", "a".repeat(64)));
    let mut case = case().service("web").found(running("web"));
    case.pins.own.insert("web".into(), old.clone());
    assert_eq!(case.deploy(), "", "the reference still stands for it");
    case.image("web:1", "b");
    case.image(old.as_str(), "a");
    assert_eq!(case.deploy(), "", "what runs is made from it");
    let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms());
    assert_eq!(desired.services["web"].image, old.0);
    case.observed.containers.clear();
    case.observed.images.remove(old.as_str());
    let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms());
    assert!(desired.services["web"].found.is_none(), "another image is no substitute");
}

#[test]
fn an_image_recorded_by_its_id_is_the_same_image() {
    let mut case = case().service("web").found(running("web"));
    if let Some(image) = case.observed.images.get_mut("web:1") {
        image.digest = "sha256:manifest".into();
    }
    assert_eq!(case.deploy(), "");
}

#[test]
fn a_stopped_container_is_started_and_not_replaced() {
    assert_snapshot!(case().service("web").found(running("web").state(State::Exited(137))).deploy(), @"
    [] -> #1 web: start p-web-1, exited with 137
    [1] -> #2 web: await p-web-1: running
    [2] -> #3 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_paused_container_goes_on() {
    assert_snapshot!(case().service("web").found(running("web").state(State::Paused)).deploy(), @"
    [] -> #1 web: unpause p-web-1, it is paused
    [1] -> #2 web: await p-web-1: running
    [2] -> #3 project: watch web 1 for 2s [barrier]
    ");
}

#[test]
fn a_service_that_is_not_ready_yet_is_waited_for_though_nothing_changes() {
    let case = case().with("db", checked).found(running("db").health(Health::Starting));
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert!(plan.changes_nothing());
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 db: await p-db-1: healthy, not ready yet
    ");
}

#[test]
fn a_job_that_succeeded_does_not_run_again_until_it_changes() {
    let migrate = |case: Case| {
        case.service("migrate").with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully))
    };
    let done = || running("migrate").state(State::Exited(0));
    let unchanged = migrate(case()).found(done()).found(running("web"));
    assert_eq!(unchanged.deploy(), "");
    let changed = migrate(case()).found(done().stale()).found(running("web"));
    assert_snapshot!(changed.deploy(), @"
    [] -> #1 migrate: create container 000000000000_p-migrate-1, configuration changed
    [1] -> #2 migrate: start container of #1 [one-way]
    [2] -> #3 migrate: await container of #1: completed
    [3] -> #4 project: settle [barrier]
    [4] -> #5 migrate: remove p-migrate-1, replaced
    [4,5] -> #6 migrate: rename container of #1 to p-migrate-1
    ");
    let failed = migrate(case()).found(running("migrate").state(State::Exited(1))).found(running("web"));
    assert_snapshot!(failed.deploy(), @"
    [] -> #1 migrate: start p-migrate-1, exited with 1 [one-way]
    [1] -> #2 migrate: await p-migrate-1: completed
    ");
}

#[test]
fn a_service_in_the_namespace_of_a_replaced_one_is_replaced_too() {
    let case = case().service("vpn").with("web", |web| {
        web.network_mode = "service:vpn".into();
        after(web, "vpn", Condition::Started);
    });
    let case = case.found(running("vpn").stale());
    assert_snapshot!(case.found(running("web")).deploy(), @"
    [] -> #1 vpn: create container 000000000000_p-vpn-1, configuration changed
    [1] -> #2 vpn: disable restart of p-vpn-1, replaced
    [2] -> #3 vpn: stop p-vpn-1, replaced [disruptive]
    [1,3] -> #4 vpn: start container of #1
    [4] -> #5 vpn: await container of #1: running
    [1] -> #6 web: create container 111111111111_p-web-1, shares namespaces, mounts or links with vpn, which is replaced
    [4,6] -> #7 web: disable restart of p-web-1, replaced
    [7] -> #8 web: stop p-web-1, replaced [disruptive]
    [4,6,8] -> #9 web: start container of #6
    [9] -> #10 web: await container of #6: running
    [5,10] -> #11 project: watch vpn 1, web 1 for 2s [barrier]
    [11] -> #12 vpn: remove p-vpn-1, replaced
    [11,12] -> #13 vpn: rename container of #1 to p-vpn-1
    [11] -> #14 web: remove p-web-1, replaced
    [11,14] -> #15 web: rename container of #6 to p-web-1
    ");
}

#[test]
fn a_dependant_with_restart_true_is_restarted_when_its_dependency_is_replaced() {
    let case = case().service("db").with("web", |web| {
        after(web, "db", Condition::Started);
        web.depends_on.get_mut("db").unwrap().restart = true;
    });
    assert_snapshot!(case.found(running("db").stale()).found(running("web")).deploy(), @"
    [] -> #1 db: create container 000000000000_p-db-1, configuration changed
    [1] -> #2 db: disable restart of p-db-1, replaced
    [2] -> #3 db: stop p-db-1, replaced [disruptive]
    [1,3] -> #4 db: start container of #1
    [4] -> #5 db: await container of #1: running
    [4] -> #6 web: stop p-web-1, db is replaced, and `restart: true` is set [disruptive]
    [6] -> #7 web: start p-web-1
    [7] -> #8 web: await p-web-1: running
    [5,8] -> #9 project: watch db 1, web 1 for 2s [barrier]
    [9] -> #10 db: remove p-db-1, replaced
    [9,10] -> #11 db: rename container of #1 to p-db-1
    ");
}

#[test]
fn without_waiting_only_what_somebody_waits_for_is_awaited() {
    let case = case().with("db", checked).with("web", |web| {
        checked(web);
        after(web, "db", Condition::Healthy);
    });
    let plan = case.try_deploy(Policy { wait: false, ..Policy::default() }).unwrap();
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 db: create container p-db-1, not there yet
    [1] -> #2 db: start container of #1
    [2] -> #3 db: await container of #1: healthy
    [] -> #4 web: create container p-web-1, not there yet
    [3,4] -> #5 web: start container of #4
    ");
}

#[test]
fn a_forced_recreation_says_so_and_never_replaces_nothing() {
    let case = case().service("web").found(running("web").stale());
    let forced = case.try_deploy(Policy { recreate: Recreate::Force, ..Policy::default() }).unwrap();
    assert!(forced.to_string().contains("recreation was forced"), "{forced}");
    let kept = case.try_deploy(Policy { recreate: Recreate::Never, ..Policy::default() }).unwrap();
    assert!(kept.operations.is_empty(), "{kept}");
}

#[test]
fn shared_namespaces_are_hashed_by_container_id() {
    let sharing = |from: &'static str| {
        let case = case().service("vpn").found(running("vpn"));
        case.with("web", move |web| {
            web.network_mode = "service:vpn".into();
            web.volumes_from.push(from.into());
        })
    };
    let hash_beside = |case: &Case, id: &str| {
        let desired = Desired::new(&case.project, &["vpn", "web"], &case.observed, case.terms());
        desired.hash_beside(&desired.services["web"], &[("vpn".into(), ContainerId(id.into()))].into())
    };
    let (case, id) = (sharing("vpn"), "0".repeat(64));
    assert_eq!(hash_beside(&case, &id), case.hash("web"), "as docker compose finds it once both are there");
    assert_ne!(hash_beside(&case, "another"), case.hash("web"));
    assert_eq!(sharing("vpn:ro").hash("web"), case.hash("web"), "docker compose hashes no access mode");
}

#[test]
fn new_containers_speak_the_newest_dialect_that_the_project_has() {
    let made_by = |versions: [&'static str; 2]| {
        let mut case = case().service("db").service("web");
        for (service, version) in ["db", "web"].into_iter().zip(versions) {
            case = case.found(running(service)).but(|container| {
                container.labels.insert("com.docker.compose.version".into(), version.into());
            });
        }
        Desired::new(&case.project, &["db", "web"], &case.observed, case.terms()).dialect
    };
    assert_eq!(made_by(["2.40.3", "2.29.1"]), Dialect::V2);
    assert_eq!(made_by(["2.40.3", "5.5.1"]), Dialect::V5_5, "docker compose was upgraded");
    assert_eq!(made_by(["5.6.0", "2.40.3"]), Dialect::V5);
}

#[test]
fn a_dead_container_is_replaced_and_an_edited_config_too() {
    let dead = case().service("web").found(running("web").state(State::Dead)).deploy();
    assert!(dead.contains("create container 000000000000_p-web-1, container is dead"), "{dead}");
    let mut case = case().with("web", |web| {
        web.configs.push(model::FileReference { source: "app".into(), ..Default::default() });
    });
    case = case.found(running("web"));
    case.observed.containers[0]
        .labels
        .insert(crate::labels::sofa::CONTENT.into(), "configs.app=k:old".into());
    let digests = [("configs.app".to_string(), "k:new".to_string())].into();
    let desired = Desired::new(&case.project, &["web"], &case.observed, case.terms()).with_contents(&digests);
    let plan = super::super::deploy(&desired, &case.observed, Policy::default()).unwrap().to_string();
    assert!(plan.contains("create container 000000000000_p-web-1, content of configs.app changed"), "{plan}");
}

#[test]
fn no_recreate_keeps_containers_that_differ_from_the_files() {
    let case = case().service("web").found(running("web").stale());
    let plan = case.try_deploy(Policy { recreate: Recreate::Never, ..Policy::default() }).unwrap();
    assert!(plan.operations.is_empty(), "{plan}");
}

#[test]
fn a_container_takes_over_the_anonymous_volumes_of_the_one_it_replaces_unless_they_are_to_be_new() {
    let takes_over = |renew_volumes| {
        let case = case().service("web").found(running("web").stale());
        let plan = case.try_deploy(Policy { renew_volumes, ..Policy::default() }).unwrap();
        plan.operations
            .iter()
            .any(|operation| matches!(operation.action, Action::CreateContainer { replaces: Some(_), .. }))
    };
    assert!(takes_over(false) && !takes_over(true));
}

/// docker compose removes the old container before it gives the new one its name: killed in between, it leaves this.
#[test]
fn a_container_under_a_temporary_name_of_a_killed_docker_compose_is_adopted_and_renamed() {
    let case = case().service("web").found(running("web").named("0123456789ab_p-web-1"));
    assert_snapshot!(case.deploy(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 web: rename 0123456789ab_p-web-1 to p-web-1
    ");
}
