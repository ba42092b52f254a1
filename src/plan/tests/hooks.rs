//! Hooks around every start and stop, whichever verb does it.

use insta::assert_snapshot;

use super::*;
use crate::compose::model::{Command, Hook};
use crate::plan::hooks;

fn hook(word: &str) -> Hook {
    Hook { command: Command(Some(vec![word.into()])), ..Hook::default() }
}

/// A service with a hook at each point.
fn hooked(service: &mut Service) {
    service.pre_start.push(hook("prepare"));
    service.post_start.push(hook("warm"));
    service.pre_stop.push(hook("drain"));
}

/// A container that `sofa` made with these hooks.
fn with_hooks(change: impl FnOnce(&mut Service)) -> impl FnOnce(&mut Container) {
    let mut service = Service::default();
    change(&mut service);
    move |container| {
        container
            .labels
            .extend(hooks::label(&service).map(|label| (crate::labels::sofa::HOOKS.to_string(), label)));
    }
}

#[test]
fn a_replacement_runs_the_hooks_of_the_old_container_and_of_the_new_one() {
    let case = case().with("web", hooked).with("api", |api| after(api, "web", Condition::Started));
    let case = case.found(running("web").stale()).but(with_hooks(|old| {
        old.pre_stop.extend([hook("leave"), hook("drain")]);
    }));
    assert_snapshot!(case.deploy(), @"
    [] -> #1 web: create container 000000000000_p-web-1, configuration changed
    [1] -> #2 web: disable restart of p-web-1, replaced
    [2] -> #3 web: run pre_stop 1/2 in p-web-1
    [3] -> #4 web: run pre_stop 2/2 in p-web-1
    [2,4] -> #5 web: stop p-web-1, replaced [disruptive]
    [1,5] -> #6 web: run pre_start beside container of #1 [one-way]
    [1,5,6] -> #7 web: start container of #1
    [7] -> #8 web: run post_start in container of #1
    [8] -> #9 web: await container of #1: running
    [] -> #10 api: create container p-api-1, not there yet
    [8,10] -> #11 api: start container of #10
    [11] -> #12 api: await container of #10: running
    [9,12] -> #13 project: watch web 1, api 1 for 2s [barrier]
    [13] -> #14 web: remove p-web-1, replaced
    [13,14] -> #15 web: rename container of #1 to p-web-1
    ");
}

#[test]
fn pre_start_runs_once_for_a_service_and_not_where_a_replica_stays_up() {
    let scaled = |count: i64| {
        case().with("web", move |web| {
            web.scale = Some(count);
            web.pre_start.extend([hook("one"), hook("two")]);
        })
    };
    assert_snapshot!(scaled(2).deploy(), @"
    [] -> #1 web: create container p-web-1, not there yet
    [1] -> #2 web: run pre_start 1/2 beside container of #1 [one-way]
    [2] -> #3 web: run pre_start 2/2 beside container of #1 [one-way]
    [1,3] -> #4 web: start container of #1
    [4] -> #5 web: await container of #1: running
    [] -> #6 web: create container p-web-2, not there yet
    [3,6] -> #7 web: start container of #6
    [7] -> #8 web: await container of #6: running
    [5,8] -> #9 project: watch web 1, web 2 for 2s [barrier]
    ");
    assert_snapshot!(scaled(2).found(running("web")).deploy(), @"
    [] -> #1 web: create container p-web-2, scaled to 2
    [1] -> #2 web: start container of #1
    [2] -> #3 web: await container of #1: running
    [3] -> #4 project: watch web 2 for 2s [barrier]
    ");
}

#[test]
fn a_failing_hook_does_not_prevent_a_stop_without_undo() {
    let case = case().found(running("web")).but(with_hooks(hooked));
    assert_snapshot!(case.down(&down::Policy::default()).to_string(), @"
    [] -> #1 web: run pre_stop in p-web-1 (optional)
    [1] -> #2 web: stop p-web-1, down [disruptive]
    [2] -> #3 web: remove p-web-1, down [one-way]
    ");
    assert_snapshot!(crate::plan::stop("p", &case.observed, &Scope::Everything, None).to_string(), @"
    [] -> #1 web: run pre_stop in p-web-1 (optional)
    [1] -> #2 web: stop p-web-1, stop [disruptive]
    ");
}

#[test]
fn a_restart_ends_where_a_hook_fails() {
    let case = case().found(running("web")).but(with_hooks(hooked));
    assert_snapshot!(crate::plan::restart("p", &case.observed, &Scope::Everything, &Default::default(), None).to_string(), @"
    [] -> #1 web: run pre_stop in p-web-1
    [1] -> #2 web: stop p-web-1, restart [disruptive]
    [2] -> #3 web: start p-web-1, restart
    [3] -> #4 web: run post_start in p-web-1
    [4] -> #5 web: await p-web-1: running
    [5] -> #6 web: watch web 1 for 2s
    ");
}

#[test]
fn a_container_that_is_started_from_labels_has_its_hooks() {
    let case = case().found(running("web").state(State::Exited(0))).but(with_hooks(hooked));
    assert_snapshot!(crate::plan::start("p", &case.observed, &Scope::Everything).to_string(), @"
    [] -> #1 web: start p-web-1, it is exited (0)
    [1] -> #2 web: run post_start in p-web-1
    [2] -> #3 web: await p-web-1: ready
    [3] -> #4 web: watch web 1 for 2s
    ");
}

#[test]
fn scaling_down_and_removing_orphans_run_hooks_too() {
    let case = case().with("web", |web| web.scale = Some(1));
    let case = case.found(running("web")).found(running("web").number(2)).but(with_hooks(hooked));
    let case = case.found(running("gone")).but(with_hooks(hooked));
    let policy = Policy { remove_orphans: true, ..Policy::default() };
    assert_snapshot!(case.try_deploy(policy).unwrap().to_string(), @"
    [] -> #1 project: settle [barrier]
    [1] -> #2 gone: run pre_stop in p-gone-1 (optional)
    [1,2] -> #3 gone: stop p-gone-1, orphan: no service of the files owns it [disruptive]
    [3] -> #4 gone: remove p-gone-1, orphan: no service of the files owns it
    [1] -> #5 web: run pre_stop in p-web-2 (optional)
    [1,5] -> #6 web: stop p-web-2, scaled to 1 [disruptive]
    [6] -> #7 web: remove p-web-2, scaled to 1
    ");
}

#[test]
fn a_container_of_docker_compose_has_the_hooks_of_the_files_as_long_as_they_made_it() {
    let made = case().with("web", hooked).found(running("web"));
    let forced = Policy { recreate: Recreate::Force, ..Policy::default() };
    assert!(made.try_deploy(forced).unwrap().to_string().contains("run pre_stop in p-web-1"));
    let changed = case().with("web", hooked).found(running("web").stale());
    assert!(!changed.deploy().contains("pre_stop"), "nobody knows its hooks");
}

#[test]
fn values_of_variables_in_hooks_must_be_in_the_containers_environment() {
    let service = |inherited: bool| {
        case().with("web", move |web| {
            let mut secret = hook("notify");
            secret.environment =
                [("TOKEN".to_string(), Some("t0p".to_string())), ("MODE".to_string(), Some("x".into()))]
                    .into();
            secret.withheld = vec!["environment.TOKEN".into()];
            web.post_start.push(secret);
            if inherited {
                web.environment.insert("TOKEN".into(), Some("t0p".into()));
            }
        })
    };
    let problems = service(false).try_deploy(Policy::default()).unwrap_err();
    assert_snapshot!(problems[0].to_string(), @"service `web`: `post_start[0].environment.TOKEN` comes from a variable and may be a secret, but `stop` and `start` know a hook only from the container's label");
    assert_snapshot!(problems[0].hint.clone().unwrap(), @"give `TOKEN` to the service's `environment`, which its hooks inherit");
    let fine = service(true);
    fine.try_deploy(Policy::default()).unwrap();
    let label = hooks::label(&fine.project.services["web"]).unwrap();
    assert_snapshot!(label, @r#"{"post_start":[{"command":["notify"],"environment":{"MODE":"x"}}]}"#);
}

#[test]
fn a_label_that_cannot_be_read_is_told_and_what_an_interrupted_run_left_goes() {
    let case = case().with("web", hooked).found(running("web")).but(|container| {
        container.labels.insert(crate::labels::sofa::HOOKS.into(), "{".into());
    });
    let case =
        case.found(running("web").named("p-web-pre_start-1").state(State::Exited(0))).but(|container| {
            container.oneoff = true;
            container.labels.insert("com.docker.compose.hook".into(), "pre_start".into());
        });
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_snapshot!(plan.to_string(), @"[] -> #1 web: remove p-web-pre_start-1 and its anonymous volumes, left by an interrupted run");
    assert_eq!(plan.notes, ["label sofa.hooks of p-web-1 is not readable: its hooks do not run"]);
}
