//! Hand-overs around every stop of a worker, whichever verb does it.

use insta::assert_snapshot;

use super::*;
use crate::compose::model::{Command, Sofa, UpdateConfig};
use crate::labels::sofa;

fn celery(service: &mut Service, line: &str) {
    let argv = crate::compat::argv::split(line).unwrap();
    service.command = Command(Some(argv));
    service.sofa = Some(Sofa { worker: Some("celery".into()), ..Sofa::default() });
}

fn worker(service: &mut Service) {
    celery(service, "celery -A app worker --time-limit 90");
}

fn on_gpu(service: &mut Service) {
    celery(service, "celery -A app worker -P solo -c 1");
    service.sofa = service.sofa.take().map(|sofa| Sofa { gpu: true, ..sofa });
}

/// A container that `sofa` made of a worker.
fn labelled(container: &mut Container) {
    container
        .labels
        .insert(sofa::HANDOVER.into(), r#"{"method":"celery","deadline":{"secs":90,"nanos":0}}"#.into());
}

#[test]
fn a_worker_starts_first_and_the_old_one_is_idle_before_the_plan_settles() {
    let case = case().with("cpu", worker).found(running("cpu").stale()).but(labelled);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 cpu: create container 000000000000_p-cpu-1, configuration changed
    [1] -> #2 cpu: start container of #1
    [2] -> #3 cpu: await container of #1: running
    [3] -> #4 cpu: quiesce p-cpu-1, replaced
    [4] -> #5 cpu: drain p-cpu-1 within 1m30s
    [3,5] -> #6 project: watch cpu 1 for 2s [barrier]
    [6] -> #7 cpu: stop p-cpu-1, replaced
    [7] -> #8 cpu: verify the end of p-cpu-1
    [8] -> #9 cpu: remove p-cpu-1, replaced
    [6,9] -> #10 cpu: rename container of #1 to p-cpu-1
    ");
}

#[test]
fn gpu_workers_are_replaced_one_after_the_other() {
    let case = case().with("gpu_0", on_gpu).with("gpu_1", on_gpu);
    let case = case.found(running("gpu_0").stale()).but(|old| old.labels.extend(gpu_label()));
    let case = case.found(running("gpu_1").stale()).but(|old| old.labels.extend(gpu_label()));
    assert_snapshot!(case.deploy(), @"
    [] -> #1 gpu_0: create container 000000000000_p-gpu_0-1, configuration changed
    [1] -> #2 gpu_0: disable restart of p-gpu_0-1, replaced
    [2] -> #3 gpu_0: quiesce p-gpu_0-1, replaced
    [3] -> #4 gpu_0: drain p-gpu_0-1 within 15m00s
    [2,4] -> #5 gpu_0: stop p-gpu_0-1, replaced [disruptive]
    [5] -> #6 gpu_0: verify the end of p-gpu_0-1
    [1,6] -> #7 gpu_0: start container of #1
    [7] -> #8 gpu_0: await container of #1: running
    [] -> #9 gpu_1: create container 111111111111_p-gpu_1-1, configuration changed
    [9] -> #10 gpu_1: disable restart of p-gpu_1-1, replaced
    [7,8,10] -> #11 gpu_1: quiesce p-gpu_1-1, replaced
    [11] -> #12 gpu_1: drain p-gpu_1-1 within 15m00s
    [10,12] -> #13 gpu_1: stop p-gpu_1-1, replaced [disruptive]
    [13] -> #14 gpu_1: verify the end of p-gpu_1-1
    [9,14] -> #15 gpu_1: start container of #9
    [15] -> #16 gpu_1: await container of #9: running
    [8,16] -> #17 project: watch gpu_0 1, gpu_1 1 for 2s [barrier]
    [17] -> #18 gpu_0: remove p-gpu_0-1, replaced
    [17,18] -> #19 gpu_0: rename container of #1 to p-gpu_0-1
    [17] -> #20 gpu_1: remove p-gpu_1-1, replaced
    [17,20] -> #21 gpu_1: rename container of #9 to p-gpu_1-1
    ");
}

fn gpu_label() -> Option<(String, String)> {
    let label = r#"{"method":"celery","deadline":{"secs":900,"nanos":0},"in_turn":true}"#;
    Some((sofa::HANDOVER.to_string(), label.to_string()))
}

#[test]
fn a_scheduler_is_stopped_before_its_successor_starts() {
    let beat = |service: &mut Service| celery(service, "celery -A app beat");
    assert_snapshot!(case().with("beat", beat).found(running("beat").stale()).deploy(), @"
    [] -> #1 beat: create container 000000000000_p-beat-1, configuration changed
    [1] -> #2 beat: disable restart of p-beat-1, replaced
    [2] -> #3 beat: stop p-beat-1, replaced [disruptive]
    [1,3] -> #4 beat: start container of #1
    [4] -> #5 beat: await container of #1: running
    [5] -> #6 project: watch beat 1 for 2s [barrier]
    [6] -> #7 beat: remove p-beat-1, replaced
    [6,7] -> #8 beat: rename container of #1 to p-beat-1
    ");
    let asked = |service: &mut Service| {
        celery(service, "celery -A app worker -B");
        let update = UpdateConfig { order: "start-first".into(), ..UpdateConfig::default() };
        service.deploy = Some(model::Deploy { update_config: Some(update), ..Default::default() });
    };
    let case = case().with("beat", asked).found(running("beat").stale());
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_snapshot!(plan.notes.join("\n"), @"beat stops first although `update_config.order` is `start-first`: it runs a scheduler (`--beat`), and every task would be sent twice");
}

#[test]
fn the_command_of_the_image_counts_where_the_file_has_none() {
    let undeclared = |service: &mut Service| {
        celery(service, "");
        service.command = Command(None);
    };
    let starts_first = |command: &[&str]| {
        let mut case = case().with("w", undeclared);
        if let Some(image) = case.observed.images.get_mut("w:1") {
            image.command = command.iter().map(|word| word.to_string()).collect();
        }
        !case.found(running("w").stale()).but(labelled).deploy().contains("disable restart")
    };
    assert!(starts_first(&["celery", "-A", "app", "worker"]));
    assert!(!starts_first(&["celery", "-A", "app", "beat"]));
    assert!(!starts_first(&["./start"]), "it may be a scheduler");
}

#[test]
fn two_workers_with_one_node_name_never_run_at_once() {
    let starts_first = |line: &'static str, hostname: &'static str| {
        let case = case().with("w", |service| {
            celery(service, line);
            service.hostname = hostname.into();
        });
        !case.found(running("w").stale()).but(labelled).deploy().contains("disable restart")
    };
    assert!(starts_first("celery -A app worker -n cpu@%h", ""));
    assert!(starts_first("celery -A app worker -n cpu", ""), "the host's name is added");
    assert!(!starts_first("celery -A app worker -n cpu@demeter", ""));
    assert!(!starts_first("celery -A app worker", "demeter"));
    assert!(!starts_first("celery -A app worker -n cpu@%h", "demeter"));
}

#[test]
fn scaling_down_hands_over_what_goes() {
    let case = case().with("cpu", worker).found(running("cpu")).but(labelled);
    let case = case.found(running("cpu").number(2)).but(labelled);
    assert_snapshot!(case.deploy(), @"
    [] -> #1 cpu: quiesce p-cpu-2, scaled to 1
    [1] -> #2 cpu: drain p-cpu-2 within 1m30s
    [2] -> #3 project: settle [barrier]
    [3] -> #4 cpu: stop p-cpu-2, scaled to 1 [disruptive]
    [4] -> #5 cpu: verify the end of p-cpu-2
    [5] -> #6 cpu: remove p-cpu-2, scaled to 1
    ");
}

#[test]
fn verbs_without_files_hand_over_too_and_a_failure_does_not_keep_a_stop_from_happening() {
    let case = case().found(running("cpu")).but(labelled);
    assert_snapshot!(super::super::stop("p", &case.observed, &Scope::Everything, None).to_string(), @"
    [] -> #1 cpu: quiesce p-cpu-1 (optional), stop
    [1] -> #2 cpu: drain p-cpu-1 within 1m30s (optional)
    [2] -> #3 cpu: stop p-cpu-1, stop [disruptive]
    [3] -> #4 cpu: verify the end of p-cpu-1 (optional)
    ");
    let grace = Some(std::time::Duration::from_secs(5));
    assert!(
        super::super::stop("p", &case.observed, &Scope::Everything, grace)
            .to_string()
            .contains("drain p-cpu-1 within 5.0s")
    );
    assert_snapshot!(super::super::restart("p", &case.observed, &Scope::Everything, &Default::default(), None).to_string(), @"
    [] -> #1 cpu: quiesce p-cpu-1, restart
    [1] -> #2 cpu: drain p-cpu-1 within 1m30s
    [2] -> #3 cpu: stop p-cpu-1, restart [disruptive]
    [3] -> #4 cpu: verify the end of p-cpu-1
    [4] -> #5 cpu: start p-cpu-1, restart
    [5] -> #6 cpu: await p-cpu-1: running
    [6] -> #7 cpu: watch cpu 1 for 2s
    ");
    let kill = super::super::kill("p", &case.observed, &Scope::Everything, "KILL").to_string();
    assert!(!kill.contains("drain"), "{kill}");
}

#[test]
fn what_a_killed_run_left_quiesced_takes_work_again() {
    let left = |container: &mut Container| {
        labelled(container);
        container.quiesced = true;
    };
    let with = case().with("cpu", worker).found(running("cpu")).but(left);
    assert_snapshot!(with.deploy(), @"[] -> #1 cpu: resume p-cpu-1, left by an interrupted run");
    assert_snapshot!(super::super::start("p", &with.observed, &Scope::Everything).to_string(), @"[] -> #1 cpu: resume p-cpu-1, left by an interrupted run");
    let stale = case().with("cpu", on_gpu).found(running("cpu").stale()).but(left);
    assert!(!stale.deploy().contains("resume"), "it is stopped now");
}

#[test]
fn a_plan_shows_a_hand_over_and_a_resume() {
    let lines = |case: &Case| -> Vec<String> {
        let plan = case.try_deploy(Policy::default()).unwrap();
        let lines = super::super::explain::explain(&plan).lines.into_iter();
        lines
            .map(|line| format!("{} {} {}: {}", line.change.sign(), line.subject, line.change, line.cause))
            .collect()
    };
    let replaced = case().with("cpu", worker).found(running("cpu").stale()).but(labelled);
    assert_eq!(lines(&replaced), ["~ cpu replace: configuration changed; hands over within 1m30s"]);
    let left = case().with("cpu", worker).found(running("cpu")).but(|container| {
        labelled(container);
        container.quiesced = true;
    });
    assert_eq!(lines(&left), ["~ cpu resume: left by an interrupted run"]);
}
