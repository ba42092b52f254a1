//! The Makefile, judged by what reaches the binary.

use crate::stage::{Run, Stage};

/// The programs that the Makefile calls, and what they say of the variables it sets.
fn stage() -> Stage {
    let says = "printf '%s' \"${SOFA_SERVICES+ services=$SOFA_SERVICES}\" >>$CALLS";
    ["sofa", "ensure-engine", "build", "base-image"]
        .iter()
        .fold(Stage::new(), |stage, program| stage.with(program, says))
}

fn make(stage: &Stage, arguments: &[&str]) -> Run {
    let folder = stage.folder().display();
    let mut command = stage.command("make");
    command.arg(format!("SOFA={folder}/sofa")).arg(format!("TOOLS={folder}")).args(arguments);
    for name in ["MAKEFLAGS", "MAKELEVEL"] {
        command.env_remove(name);
    }
    stage.run(command)
}

/// What the binary was called with, of a command that calls nothing else.
fn called(arguments: &[&str]) -> Vec<String> {
    let run = make(&stage(), arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.calls
}

/// Asserts that make refuses before anything runs, and says why.
fn assert_refused(arguments: &[&str], reason: &str) {
    let run = make(&stage(), arguments);
    assert_eq!(run.code, 2, "make {arguments:?}");
    assert!(run.stderr.contains(reason), "make {arguments:?}: {}", run.stderr);
    assert_eq!(run.calls, [""; 0], "make {arguments:?}");
}

#[test]
fn make_alone_prints_help() {
    let run = make(&stage(), &[]);
    assert_eq!((run.code, run.calls.len()), (0, 0));
    assert!(run.stdout.starts_with("make VERB"), "{}", run.stdout);
}

#[test]
fn deploy_sees_to_engine_binary_and_base_first() {
    let calls = called(&["deploy"]);
    assert_eq!(calls, ["ensure-engine", "build", "base-image", "sofa deploy"]);
}

#[test]
fn a_failing_tool_keeps_deploy_from_running() {
    for tool in ["ensure-engine", "build", "base-image"] {
        let run = make(&stage().with(tool, "exit 1"), &["deploy"]);
        assert_eq!(run.code, 2, "{tool}");
        assert!(!run.calls.iter().any(|call| call.starts_with("sofa")), "{tool}: {:?}", run.calls);
    }
}

#[test]
fn other_verbs_use_the_binary_that_is_there() {
    for verb in ["stop", "start", "restart", "ps", "status", "logs", "down", "plan", "config", "check"] {
        assert_eq!(called(&[verb]), [format!("sofa {verb}")]);
    }
}

#[test]
fn other_verbs_build_a_binary_where_there_is_none() {
    let run = make(&stage().without("sofa"), &["ps"]);
    assert_eq!(run.calls, ["build"]);
}

#[test]
fn every_verb_passes_every_row_of_the_table() {
    for verb in ["deploy", "stop", "restart", "down", "build", "logs"] {
        for words in
            [[""; 2], ["local", ""], ["dev", ""], ["production", ""], ["production", "all"], ["all", ""]]
        {
            let typed: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).chain([verb]).collect();
            let mut expected: Vec<&str> = vec!["sofa", verb];
            expected.extend(&typed[..typed.len() - 1]);
            assert_eq!(called(&typed).last().unwrap(), &expected.join(" "), "make {typed:?}");
            let services = [typed.as_slice(), &["SERVICES=predict-worker, score-worker"]].concat();
            let with = format!("{} services=predict-worker, score-worker", expected.join(" "));
            assert_eq!(called(&services).last().unwrap(), &with, "make {services:?}");
        }
    }
}

#[test]
fn words_come_in_any_order() {
    for (typed, called_with) in [
        (["dev", "deploy"].as_slice(), "sofa deploy dev"),
        (&["deploy", "dev"], "sofa deploy dev"),
        (&["production", "all", "deploy"], "sofa deploy production all"),
        (&["all", "deploy", "production"], "sofa deploy all production"),
        (&["-j4", "local", "deploy"], "sofa deploy local"),
    ] {
        assert_eq!(called(typed).last().unwrap(), called_with, "make {typed:?}");
    }
}

#[test]
fn services_reach_the_binary_as_typed() {
    assert_eq!(called(&["ps", "SERVICES=a,b"]), ["sofa ps services=a,b"]);
    assert_eq!(called(&["SERVICES=a b", "dev", "ps"]), ["sofa ps dev services=a b"]);
}

#[test]
fn nothing_expands_what_services_holds() {
    for hostile in [
        "a;touch MARK",
        "$(shell touch MARK)",
        "`touch MARK`",
        "$$(touch MARK)",
        "'\"; touch MARK #",
        "$(eval MARK:=x)",
        "${HOME}",
        "-h",
        "*",
    ] {
        for option in ["--silent", "-n", "-e", "-j4", "-B", "-k"] {
            let stage = stage();
            let services = hostile.replace("MARK", &stage.mark());
            let run = make(&stage, &[option, "ps", &format!("SERVICES={services}")]);
            assert!(stage.is_unmarked(), "{option} {hostile}");
            let expected = if option == "-n" { vec![] } else { vec![format!("sofa ps services={services}")] };
            assert_eq!(run.calls, expected, "{option} {hostile}");
        }
    }
}

#[test]
fn services_of_the_environment_are_not_read() {
    let stage = stage().with_environment("SERVICES", "web");
    assert_eq!(make(&stage, &["ps"]).calls, ["sofa ps"]);
}

#[test]
fn services_of_the_command_line_beat_the_environment() {
    let stage = stage().with_environment("SOFA_SERVICES", "web");
    assert_eq!(make(&stage, &["ps", "SERVICES=db"]).calls, ["sofa ps services=db"]);
}

#[test]
fn a_dry_run_runs_nothing() {
    for option in ["-n", "--dry-run", "-nj4", "-t"] {
        for goals in [["deploy", "dev"], ["down", "local"], ["ps", "all"], ["config", "production"]] {
            let run = make(&stage(), &[option, goals[0], goals[1]]);
            assert_eq!((run.code, run.calls.len()), (0, 0), "{option} {goals:?}: {:?}", run.calls);
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    assert_refused(&["deploy", "prod"], "no goal `prod`");
    assert_refused(&["prod", "deploy"], "no goal `prod`");
    assert_refused(&["production"], "`production` needs a verb");
    assert_refused(&["all"], "`all` needs a verb");
    assert_refused(&["down", "deploy"], "two verbs");
    assert_refused(&["-j4", "down", "deploy"], "two verbs");
    assert_refused(&["-k", "down", "prodution"], "no goal `prodution`");
    assert_refused(&["deploy", "report-worker"], "no goal `report-worker`");
    assert_refused(&["deploy;id"], "no goal `deploy;id`");
    assert_refused(&["deploy", "dev", "production"], "more than one mode");
    assert_refused(&["deploy", "test"], "do not go together");
    assert_refused(&["Makefile"], "no goal `Makefile`");
    assert_refused(&["$(shell id)"], "no goal");
}

#[test]
fn empty_services_are_refused() {
    for empty in ["SERVICES=", "SERVICES=  "] {
        assert_refused(&["deploy", "production", empty], "SERVICES is empty");
    }
    assert_refused(&["SERVICES=web"], "SERVICES needs a verb");
}

#[test]
fn a_stack_is_a_folder_and_has_modes_of_its_own() {
    let calls = called(&["deploy", "STACK=forecaster"]);
    assert_eq!(calls.last().unwrap(), "sofa -C compose/forecaster deploy");
    assert_eq!(called(&["ps", "stage", "STACK=forecaster"]), ["sofa -C compose/forecaster ps stage"]);
    assert_refused(&["ps", "dev", "STACK=forecaster"], "this stack has no mode `dev`");
    assert_refused(&["ps", "stage"], "this stack has no mode `stage`");
    assert_eq!(called(&["ps", "gpu", "STACK=demeter"]), ["sofa -C compose/demeter ps gpu"]);
    for (mode, stack) in [("stage", "demeter"), ("gpu", "forecaster")] {
        assert_refused(&["ps", mode, &format!("STACK={stack}")], &format!("this stack has no mode `{mode}`"));
    }
    assert_refused(&["lint", "STACK=forecaster"], "STACK needs a verb");
    let stage = stage().with_environment("STACK", "forecaster");
    assert_eq!(make(&stage, &["ps"]).calls, ["sofa ps"], "the environment does not choose a stack");
}

#[test]
fn nothing_expands_what_stack_holds() {
    for hostile in [
        "a;touch MARK",
        "$(shell touch MARK)",
        "`touch MARK`",
        "$(eval MARK:=x)",
        "%",
        "../forecaster",
        "",
        "forecaster forecaster",
        "-h",
    ] {
        for option in ["--silent", "-n", "-e", "-j4"] {
            let stage = stage();
            let value = hostile.replace("MARK", &stage.mark());
            let run = make(&stage, &[option, "ps", &format!("STACK={value}")]);
            assert!(stage.is_unmarked(), "{option} {hostile}");
            assert_eq!((run.code, run.calls.len()), (2, 0), "{option} {hostile}: {}", run.stderr);
        }
    }
}
