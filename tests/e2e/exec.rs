//! `sofa exec`: exit codes, pipes, a terminal, signals, and what a person sees who types it wrong.

use std::process::Command;
use std::time::Duration;

use crate::support::real_engine::TestProject;
use crate::terminal::Terminal;

const STACK: &str = r#"
services:
  web:
    image: ${IMAGE}
    command: [sleep, "1000"]
    init: true
    environment: { GREETING: hello }
    deploy: { replicas: 2 }
  other:
    image: ${IMAGE}
    command: [sleep, "1000"]
    init: true
"#;

async fn stack(name: &str) -> Option<TestProject> {
    let mut test = TestProject::new(name).await?;
    let image = test.image().to_owned();
    test.env("IMAGE", &image);
    test.file("compose.yaml", STACK);
    test.sofa(["deploy"]).ok();
    Some(test)
}

#[tokio::test]
async fn a_command_has_its_streams_its_environment_and_its_exit_code() {
    let Some(mut test) = stack("exec").await else { return };
    let exec = |arguments: &str| test.sofa(["exec"].into_iter().chain(arguments.split(' ')));
    let run = exec("web sh -c echo");
    assert_eq!((run.ok().stdout.as_str(), run.stderr.as_str()), ("\n", ""));
    let run = test.sofa(["exec", "web", "sh", "-c", "echo $GREETING; echo bad >&2; exit 7"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("hello\n", "bad\n"));
    run.assert_code(7);
    // Options of the command are its own, also those that `sofa` has.
    assert_eq!(exec("web echo -f --all -v").ok().stdout, "-f --all -v\n");
    assert_eq!(exec("-u 1234:5 -w /tmp web sh -c pwd").ok().stdout, "/tmp\n");
    assert_eq!(exec("-u 1234:5 web id -u").ok().stdout, "1234\n");
    assert_eq!(exec("web cat /etc/hostname").ok().stdout, exec("--index 1 web cat /etc/hostname").stdout);
    assert_ne!(
        exec("--index 2 web cat /etc/hostname").ok().stdout,
        exec("--index=1 web cat /etc/hostname").stdout
    );
    // Engines before 25 say 126.
    assert!([126, 127].contains(&exec("web no-such-program").code));
    exec("web /etc").assert_code(126);
    test.env("FROM_HERE", "x y");
    let run = test.sofa(["exec", "-e", "FROM_HERE", "-e", "A=b=c", "web", "sh", "-c", "echo $FROM_HERE $A"]);
    assert_eq!(run.ok().stdout, "x y b=c\n");
    // One that nobody waits for.
    test.sofa(["exec", "-d", "web", "sh", "-c", "sleep 0.2; touch /tmp/later"]).ok();
    test.sofa(["exec", "web", "sh", "-c", "while ! test -e /tmp/later; do sleep 0.05; done"]).ok();
    // Mistakes are named.
    test.sofa(["exec", "--index", "3", "web", "true"])
        .assert_code(1)
        .says("container 3 of service `web` is not running");
    test.sofa(["exec", "wbe", "true"]).assert_code(2).says("did you mean `web`?");
    test.sofa(["exec", "web"]).assert_code(2).says("no command");
    test.sofa(["exec", "--nonsense", "web", "true"]).assert_code(2).says("`exec` has no option `--nonsense`");
    test.sofa(["stop", "web"]).ok();
    test.sofa(["exec", "web", "true"]).assert_code(1).says("service `web` is not running");
}

#[tokio::test]
async fn pipes_pass_every_byte_and_end_when_either_side_ends() {
    let Some(test) = stack("exec-pipes").await else { return };
    let sofa = test.sofa_command();
    let words = std::iter::once(sofa.get_program()).chain(sofa.get_args());
    let sofa = words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
    let shell = |line: &str| {
        let mut command = test.sofa_command();
        let mut shell = Command::new("bash");
        shell.args(["-c", &line.replace("sofa", &sofa)]).current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.env("LC_ALL", "C").get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        test.run(shell)
    };
    // 100 MB there and back, through a program that reads to the end of its input.
    let run = shell(
        "set -o pipefail; head -c 100000000 /dev/urandom >bytes; sofa exec -T web cat <bytes | cmp - bytes && echo same; \
         sofa exec web sh -c \"md5sum\" <bytes | cut -c 1-32 >sum; md5sum bytes | cut -c 1-32 | cmp - sum && echo same",
    );
    assert_eq!(run.ok().stdout, "same\nsame\n");
    // A reader that has enough, and a command that reads nothing.
    let run = shell(
        "sofa exec web sh -c \"while :; do echo y; done\" | head -n 2; echo ${PIPESTATUS[0]}; yes | sofa exec web echo done",
    );
    assert_eq!(run.ok().stdout, "y\ny\n141\ndone\n");
    // Without any input.
    assert_eq!(shell("sofa exec web cat <&-").ok().stdout, "");
}

#[tokio::test]
async fn a_person_has_a_terminal() {
    let Some(test) = stack("exec-tty").await else { return };
    let mut terminal = Terminal::open(&test, &["exec", "-e", "PS1=> ", "web", "sh"]);
    let cooked = terminal.modes();
    terminal.shows("> ");
    terminal.types("stty size\n");
    terminal.shows("33 77");
    terminal.resize(120, 40);
    // The program learns it a moment later.
    terminal.types("until stty size | grep -x '40 120'; do sleep 0.1; done; echo re''sized\n");
    terminal.shows("resized");
    // Ctrl-C goes to the command, not to `sofa`.
    terminal.types("sleep 1000; echo code $?\n");
    std::thread::sleep(Duration::from_millis(300));
    terminal.types("\u{3}");
    terminal.shows("> ");
    terminal.types("echo go''es on; exit 5\n");
    terminal.shows("goes on");
    assert_eq!(terminal.ends(), Some(5));
    assert_eq!(terminal.modes(), cooked, "the terminal is as before");
    // Two keys detach; the command runs on.
    let mut terminal =
        Terminal::open(&test, &["exec", "web", "sh", "-c", "echo up; sleep 1; touch /tmp/ran-on; sleep 100"]);
    terminal.shows("up");
    terminal.types("\u{10}\u{11}");
    assert_eq!(terminal.ends(), Some(0));
    test.sofa(["exec", "web", "sh", "-c", "until test -e /tmp/ran-on; do sleep 0.1; done"]).ok();
    // A signal ends `sofa`, and gives the terminal back.
    let mut terminal = Terminal::open(&test, &["exec", "web", "sh", "-c", "echo up; sleep 100"]);
    terminal.shows("up");
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &terminal.id().to_string()]);
    test.run(kill).ok();
    assert_eq!(terminal.ends(), Some(143));
    assert_eq!(terminal.modes(), cooked, "the terminal is as before");
}
