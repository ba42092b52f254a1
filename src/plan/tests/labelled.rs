//! Verbs that read no files: down, stop, start, restart.

use insta::assert_snapshot;

use super::*;
use crate::settings::Backend;

#[test]
fn down_stops_dependants_first_and_keeps_what_others_use() {
    let mut case = case().found(running("db")).found(running("web")).but(|web| {
        web.labels.insert("com.docker.compose.depends_on".into(), "db:service_started:false".into());
    });
    let labels: BTreeMap<_, _> = [("com.docker.compose.project".to_string(), "p".to_string())].into();
    for name in ["p_data", "p_shared"] {
        case.observed.volumes.push(Volume {
            name: name.into(),
            driver: "local".into(),
            options: BTreeMap::new(),
            labels: labels.clone(),
        });
    }
    for name in ["p_default", "p_used"] {
        case.observed.networks.push(Network {
            id: NetworkId(name.into()),
            name: name.into(),
            driver: "bridge".into(),
            labels: labels.clone(),
            settings: Default::default(),
        });
    }
    let case = case.foreign("guest", Some("q"), |guest| {
        guest.networks.insert("p_used".into(), Attachment::default());
        guest.mounts.push(Mount {
            kind: "volume".into(),
            name: Some("p_shared".into()),
            source: String::new(),
            destination: "/x".into(),
        });
    });
    let kept = case.down(&down::Policy::default());
    assert_snapshot!(kept.to_string(), @"
    [] -> #1 web: stop p-web-1, down [disruptive]
    [1] -> #2 db: stop p-db-1, down [disruptive]
    [1] -> #3 web: remove p-web-1, down [one-way]
    [2] -> #4 db: remove p-db-1, down [one-way]
    [3,4] -> #5 project: remove network p_default, down
    ");
    assert_snapshot!(kept.notes.join("\n"), @"
    network p_used stays: used by guest
    volume p_shared stays: used by guest
    volume p_data stays: `--volumes` removes it
    ");
    let removed = case.down(&down::Policy { volumes: true, ..Default::default() });
    assert_snapshot!(removed.notes.join("\n"), @"
    network p_used stays: used by guest
    volume p_shared stays: used by guest
    ");
    assert!(removed.to_string().contains("remove volume p_data"), "{removed}");
    assert!(!removed.to_string().contains("remove volume p_shared"), "{removed}");
    let one =
        case.down(&down::Policy { scope: Scope::Services(["web".into()].into()), ..Default::default() });
    assert!(!one.to_string().contains("p-db-1"), "{one}");
}

#[test]
fn a_volume_that_persists_survives_every_down() {
    let mut case = case().found(running("db"));
    let labels = [("com.docker.compose.project", "p"), ("sofa.persist", "true")];
    let labels = labels.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    case.observed.volumes.push(Volume {
        name: "p_cache".into(),
        driver: "local".into(),
        options: BTreeMap::new(),
        labels,
    });
    let plan = case.down(&down::Policy { volumes: true, ..Default::default() });
    assert!(!plan.to_string().contains("p_cache"), "{plan}");
    assert_eq!(
        plan.notes,
        ["volume p_cache stays: labelled sofa.persist=true (`sofa volume rm` removes it)"]
    );
}

/// The coordinator as its containers tell it: labels only, no files.
fn coordinator(state: State, health: Health) -> Case {
    let worker = "init-db:service_completed_successfully:false,postgres:service_healthy:false";
    let mut case = case();
    for (service, role, needs) in [
        ("init-db", "job", "postgres:service_healthy:false"),
        ("model-orchestrator", "infra", ""),
        ("postgres", "infra", ""),
        ("predict-worker", "backend", worker),
        ("report-worker", "backend", worker),
        ("score-worker", "backend", worker),
    ] {
        let found = match role {
            "job" => running(service).state(State::Exited(0)),
            _ => running(service).state(state.clone()).health(health),
        };
        case = case.found(found).but(|container| {
            container.labels.insert("sofa.role".into(), role.into());
            container.labels.insert("com.docker.compose.depends_on".into(), needs.into());
        });
    }
    case
}

fn named(names: &[&str]) -> Scope {
    Scope::Services(names.iter().map(|name| name.to_string()).collect())
}

#[test]
fn the_scope_of_a_mode_is_told_by_the_roles_of_containers() {
    let containers = coordinator(State::Running, Health::Healthy).observed.containers;
    let backend = named(&["predict-worker", "report-worker", "score-worker"]);
    assert_eq!(Scope::of(&Selection::Backend, &Backend::default(), &containers), backend);
    let infra = named(&["model-orchestrator", "postgres"]);
    assert_eq!(Scope::of(&Selection::Infra, &Backend::default(), &containers), infra);
    assert_eq!(Scope::of(&Selection::All, &Backend::default(), &containers), Scope::Everything);
}

#[test]
fn containers_without_roles_go_by_the_built_in_names() {
    let mut containers = coordinator(State::Running, Health::Healthy).observed.containers;
    for container in &mut containers {
        container.labels.remove("sofa.role");
    }
    let backend = named(&["predict-worker", "report-worker", "score-worker"]);
    assert_eq!(Scope::of(&Selection::Backend, &Backend::default(), &containers), backend);
    // Neither the job nor what stands on the backend.
    let infra = named(&["model-orchestrator", "postgres"]);
    assert_eq!(Scope::of(&Selection::Infra, &Backend::default(), &containers), infra);
}

#[test]
fn stop_ends_dependants_before_what_they_need() {
    let case = coordinator(State::Running, Health::Healthy);
    let plan = crate::plan::stop("p", &case.observed, &Scope::Everything, None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 score-worker: stop p-score-worker-1, stop [disruptive]
    [] -> #2 report-worker: stop p-report-worker-1, stop [disruptive]
    [] -> #3 predict-worker: stop p-predict-worker-1, stop [disruptive]
    [] -> #4 model-orchestrator: stop p-model-orchestrator-1, stop [disruptive]
    [1,2,3] -> #5 postgres: stop p-postgres-1, stop [disruptive]
    ");
    let one = crate::plan::stop("p", &case.observed, &named(&["report-worker"]), None);
    assert_snapshot!(one.to_string(), @"[] -> #1 report-worker: stop p-report-worker-1, stop [disruptive]");
    let idle = coordinator(State::Exited(137), Health::None);
    assert!(crate::plan::stop("p", &idle.observed, &Scope::Everything, None).operations.is_empty());
}

#[test]
fn stop_keeps_its_order_across_services_that_are_down() {
    let depends = |on: &'static str| {
        move |container: &mut Container| {
            container
                .labels
                .insert("com.docker.compose.depends_on".into(), format!("{on}:service_started:false"));
        }
    };
    let case = case()
        .found(running("db"))
        .found(running("api").state(State::Exited(1)))
        .but(depends("db"))
        .found(running("web"))
        .but(depends("api"));
    let plan = crate::plan::stop("p", &case.observed, &Scope::Everything, None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 web: stop p-web-1, stop [disruptive]
    [1] -> #2 db: stop p-db-1, stop [disruptive]
    ");
}

#[test]
fn start_begins_with_dependencies_and_leaves_jobs_alone() {
    let case = coordinator(State::Exited(0), Health::None);
    let plan = crate::plan::start("p", &case.observed, &named(&["init-db", "postgres", "score-worker"]));
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 postgres: start p-postgres-1, it is exited (0)
    [1] -> #2 postgres: await p-postgres-1: ready
    [2] -> #3 postgres: watch postgres 1 for 2s
    [3] -> #4 score-worker: start p-score-worker-1, it is exited (0)
    [4] -> #5 score-worker: await p-score-worker-1: ready
    [5] -> #6 score-worker: watch score-worker 1 for 2s
    ");
    let running = coordinator(State::Running, Health::Healthy);
    let plan = crate::plan::start("p", &running.observed, &Scope::Everything);
    assert!(plan.operations.is_empty(), "{plan}");
}

#[test]
fn start_waits_for_what_runs_and_is_not_ready() {
    let case = coordinator(State::Running, Health::Starting);
    let plan = crate::plan::start("p", &case.observed, &named(&["postgres"]));
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 postgres: await p-postgres-1: healthy, not ready yet
    ");
}

#[test]
fn restart_goes_one_by_one_with_the_backend_in_reverse_and_without_jobs() {
    let case = coordinator(State::Running, Health::Healthy);
    let scope = Scope::of(&Selection::Backend, &Backend::default(), &case.observed.containers);
    let plan = crate::plan::restart("p", &case.observed, &scope, &Backend::default(), None);
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 report-worker: stop p-report-worker-1, restart [disruptive]
    [1] -> #2 report-worker: start p-report-worker-1, restart
    [2] -> #3 report-worker: await p-report-worker-1: healthy
    [3] -> #4 score-worker: stop p-score-worker-1, restart [disruptive]
    [4] -> #5 score-worker: start p-score-worker-1, restart
    [5] -> #6 score-worker: await p-score-worker-1: healthy
    [6] -> #7 predict-worker: stop p-predict-worker-1, restart [disruptive]
    [7] -> #8 predict-worker: start p-predict-worker-1, restart
    [8] -> #9 predict-worker: await p-predict-worker-1: healthy
    ");
    let all = crate::plan::restart("p", &case.observed, &Scope::Everything, &Backend::default(), None);
    let stops: Vec<&str> = all
        .operations
        .iter()
        .filter(|operation| operation.disruptive)
        .filter_map(|operation| operation.action.replica())
        .map(|replica| replica.service.as_str())
        .collect();
    assert_eq!(stops, ["model-orchestrator", "report-worker", "score-worker", "predict-worker", "postgres"]);
}

#[test]
fn kill_sends_the_signal_to_what_runs_in_no_order() {
    let case = coordinator(State::Running, Health::Healthy);
    let plan =
        crate::plan::kill("p", &case.observed, &named(&["init-db", "postgres", "score-worker"]), "SIGHUP");
    assert_snapshot!(plan.to_string(), @"
    [] -> #1 postgres: send SIGHUP to p-postgres-1, kill [disruptive]
    [] -> #2 score-worker: send SIGHUP to p-score-worker-1, kill [disruptive]
    ");
}

#[test]
fn rm_removes_what_does_not_run_and_with_stop_the_rest_too() {
    let mut case = coordinator(State::Exited(0), Health::None).found(running("web"));
    case.observed.containers[0].oneoff = true;
    let plan = |stop| {
        rm::rm(
            "p",
            &case.observed,
            &rm::Policy { stop, scope: named(&["init-db", "postgres", "web"]), ..Default::default() },
        )
    };
    assert_snapshot!(plan(false).to_string(), @"[] -> #1 postgres: remove p-postgres-1, rm [one-way]");
    assert_eq!(plan(false).notes, ["1 running stays: `--stop` stops them first"]);
    assert_snapshot!(plan(true).to_string(), @"
    [] -> #1 web: stop p-web-1, rm [disruptive]
    [1] -> #2 web: remove p-web-1, rm [one-way]
    [] -> #3 postgres: remove p-postgres-1, rm [one-way]
    ");
}

#[test]
fn down_removes_the_images_that_were_asked_for_and_that_nobody_else_uses() {
    let made_from = |image: &'static str| move |container: &mut Container| container.image = image.into();
    let case = case()
        .found(running("built"))
        .but(made_from("p-built"))
        .found(running("db"))
        .but(made_from("db:1"))
        .found(running("web"))
        .but(made_from("shared:1"))
        .foreign("guest", Some("q"), made_from("shared:1"));
    let removed = |images| {
        let plan = case.down(&down::Policy { images, ..Default::default() });
        let named = |op: &crate::plan::operation::Operation| {
            op.action.to_string().strip_prefix("remove image ").map(String::from)
        };
        (plan.operations.iter().filter_map(named).collect::<Vec<_>>(), plan.notes)
    };
    assert_eq!(removed(down::Images::Keep), (vec![], vec![]));
    assert_eq!(removed(down::Images::Local), (vec!["p-built".into()], vec![]));
    let note = "image shared:1 stays: used by guest".to_string();
    assert_eq!(removed(down::Images::All), (vec!["db:1".into(), "p-built".into()], vec![note]));
}

#[test]
fn the_orphans_of_the_same_files_go_along_when_asked_for() {
    let of = |files: &'static str| {
        move |container: &mut Container| {
            container.labels.insert("com.docker.compose.project.config_files".into(), files.into());
        }
    };
    let mut case = case()
        .service("web")
        .found(running("web"))
        .but(of("/p/compose.yaml"))
        .found(running("gone"))
        .but(of("/p/compose.yaml"))
        .found(running("other"))
        .but(of("/q/compose.yaml"));
    case.project.compose_files = vec!["/p/compose.yaml".into()];
    let web = Scope::Services(["web".into()].into());
    let with = web.with_orphans(&case.project, &case.observed.containers);
    assert_eq!(with, Scope::Services(["gone".into(), "web".into()].into()));
}

fn needs(label: &'static str) -> impl FnOnce(&mut Container) {
    move |container| drop(container.labels.insert("com.docker.compose.depends_on".into(), label.into()))
}

#[test]
fn dependants_with_restart_true_join_a_restart_after_their_dependency() {
    let case = case()
        .found(running("app"))
        .but(needs("vpn:service_started:true"))
        .found(running("db"))
        .found(running("vpn"))
        .but(needs("db:service_started:false"));
    let vpn = super::super::restart("p", &case.observed, &named(&["vpn"]), &Backend::default(), None);
    assert_snapshot!(vpn.to_string(), @"
    [] -> #1 vpn: stop p-vpn-1, restart [disruptive]
    [1] -> #2 vpn: start p-vpn-1, restart
    [2] -> #3 vpn: await p-vpn-1: running
    [3] -> #4 vpn: watch vpn 1 for 2s
    [4] -> #5 app: stop p-app-1, restart [disruptive]
    [5] -> #6 app: start p-app-1, restart
    [6] -> #7 app: await p-app-1: running
    [7] -> #8 app: watch app 1 for 2s
    ");
    let all = super::super::restart("p", &case.observed, &Scope::Everything, &Backend::default(), None);
    let all = all.to_string();
    let stops: Vec<&str> =
        all.lines().filter_map(|line| line.split_once(": stop ")).map(|(_, on)| on).collect();
    let expected = ["p-vpn-1", "p-app-1", "p-db-1"].map(|name| format!("{name}, restart [disruptive]"));
    assert_eq!(stops, expected, "dependants first, but app behind the vpn whose network it shares");
}

#[test]
fn of_several_containers_of_one_number_one_is_started_and_the_other_is_named() {
    let left = || running("web").named("0123456789ab_p-web-1").state(State::Created);
    let stopped = case().found(running("web").state(State::Exited(1))).found(left());
    let start = super::super::start("p", &stopped.observed, &Scope::Everything);
    let restart =
        super::super::restart("p", &stopped.observed, &Scope::Everything, &Backend::default(), None);
    for plan in [start, restart] {
        let text = plan.to_string();
        assert!(text.contains("start p-web-1") && !text.contains("0123456789ab"), "{text}");
        assert!(plan.notes[0].contains("container 0123456789ab_p-web-1 is left"), "{:?}", plan.notes);
    }
    let replaced = case()
        .found(running("web").state(State::Exited(0)))
        .found(running("web").named("0123456789ab_p-web-1"));
    let restart =
        super::super::restart("p", &replaced.observed, &Scope::Everything, &Backend::default(), None);
    assert!(restart.to_string().contains("stop 0123456789ab_p-web-1"), "{restart}");
    assert!(!restart.to_string().contains("start p-web-1"), "{restart}");
}

#[test]
fn anonymous_volumes_that_came_from_earlier_containers_go_with_the_last_one() {
    let (own, shared) = ("0".repeat(64), "f".repeat(64));
    let mount = |name: &str| Mount {
        kind: "volume".into(),
        name: Some(name.into()),
        source: String::new(),
        destination: "/x".into(),
    };
    let case = case().found(running("db")).but(|db| db.mounts.extend([mount(&own), mount(&shared)])).foreign(
        "guest",
        None,
        |guest| guest.mounts.push(mount(&shared)),
    );
    let kept = case.down(&down::Policy::default());
    assert!(!kept.to_string().contains("remove volume"), "{kept}");
    let plans = [
        case.down(&down::Policy { volumes: true, ..Default::default() }),
        rm::rm("p", &case.observed, &rm::Policy { stop: true, volumes: true, ..Default::default() }),
    ];
    for plan in plans {
        assert!(plan.to_string().contains(&format!("remove volume {own}")), "{plan}");
        assert!(!plan.to_string().contains(&shared), "{plan}");
    }
}

#[test]
fn a_start_begins_with_stopped_dependencies_of_the_scope() {
    let down = |service: &'static str| running(service).state(State::Exited(0));
    let case = case()
        .found(down("app"))
        .but(needs("api:service_healthy:false"))
        .found(down("api"))
        .but(needs("db:service_started:false"))
        .found(down("db"))
        .found(down("other"));
    let plan = super::super::start("p", &case.observed, &named(&["app"])).to_string();
    let starts: Vec<&str> =
        plan.lines().filter_map(|line| line.split_once(": start ")).map(|(_, on)| on).collect();
    assert_eq!(
        starts,
        ["p-db-1, it is exited (0)", "p-api-1, it is exited (0)", "p-app-1, it is exited (0)"],
        "{plan}"
    );
}

#[test]
fn a_start_restarts_what_shares_namespaces_with_a_started_container() {
    let case = case()
        .found(running("app"))
        .but(needs("vpn:service_started:true"))
        .found(running("beside"))
        .but(needs("vpn:service_started:false"))
        .found(running("vpn").state(State::Exited(0)));
    assert_snapshot!(super::super::start("p", &case.observed, &named(&["vpn"])).to_string(), @"
    [] -> #1 vpn: start p-vpn-1, it is exited (0)
    [1] -> #2 vpn: await p-vpn-1: ready
    [2] -> #3 vpn: watch vpn 1 for 2s
    [1] -> #4 app: stop p-app-1, restarts with vpn [disruptive]
    [4] -> #5 app: start p-app-1, restarts with vpn
    [5] -> #6 app: await p-app-1: running
    [6] -> #7 app: watch app 1 for 2s
    ");
    let up = case_up();
    assert!(
        super::super::start("p", &up.observed, &Scope::Everything).operations.is_empty(),
        "nothing is stopped"
    );
}

fn case_up() -> Case {
    case().found(running("app")).but(needs("vpn:service_started:true")).found(running("vpn"))
}

#[test]
fn a_stop_leaves_one_offs_alone() {
    let case = case()
        .found(running("web"))
        .found(running("web").number(0).named("p-web-run-1"))
        .but(|run| run.oneoff = true);
    let plan = super::super::stop("p", &case.observed, &Scope::Everything, None).to_string();
    assert!(plan.contains("stop p-web-1") && !plan.contains("p-web-run-1"), "{plan}");
}
