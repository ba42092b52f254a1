//! `sofa cp`, next to docker compose: what arrives where, links, pipes, and what cannot be copied.

use std::fs;
use std::process::Command;

use crate::support::real_engine::{Run, TestProject, has_docker_compose};

const STACK: &str = r#"
services:
  web:
    image: ${IMAGE}
    init: true
    command: [sleep, "1000"]
    deploy: { replicas: 2 }
"#;

/// Everything below a folder of the host or, through `sh`, of a container: kind, mode, path, content or target.
const LIST: &str = r#"cd "$0" && find . | sort | while read -r f; do
  if [ -L "$f" ]; then echo "link $f $(readlink "$f")"
  elif [ -d "$f" ]; then echo "folder $f $(stat -c %a "$f")"
  else echo "file $f $(stat -c %a "$f") $(cat "$f")"; fi
done"#;

fn shell(test: &TestProject, line: &str, argument: &str) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", line, argument]);
    test.run(command)
}

fn either<'a>(test: &TestProject, ours: bool, line: impl IntoIterator<Item = &'a str>) -> Run {
    if ours { test.sofa(line) } else { test.docker_compose(line) }
}

#[tokio::test]
async fn files_arrive_where_docker_compose_puts_them() {
    let Some(mut test) = TestProject::new("cp").await else { return };
    if !has_docker_compose() {
        return crate::support::real_engine::skip("needs docker compose");
    }
    let image = test.image().to_owned();
    test.env("IMAGE", &image);
    test.file("compose.yaml", STACK);
    test.sofa(["deploy"]).ok();
    test.file("from/tree/sub/file", "text");
    test.file("from/tree/program", "run");
    shell(
        &test,
        "cd from/tree && chmod 750 program sub && ln -s sub/file link && ln -s nowhere dangling",
        "",
    )
    .ok();

    // Into the containers.
    for (number, (source, target)) in [
        ("from/tree", "/there"),
        ("from/tree", "/new"),
        ("from/tree/.", "/there"),
        ("from/tree/.", "/new"),
        ("from/tree/program", "/there"),
        ("from/tree/program", "/there/renamed"),
        ("from/tree/program", "/there/file"),
        ("from/tree/program", "/linked"),
        ("from/tree/program", "/missing/x"),
        ("from/tree/program", "/new/"),
        ("from/tree", "/there/file"),
        ("from/tree/link", "/there"),
        ("from/nothing", "/there"),
    ]
    .into_iter()
    .enumerate()
    {
        let [ours, theirs] = [true, false].map(|ours| {
            let root = format!("/tmp/{number}{ours}");
            let begin = format!("mkdir -p {root}/there {root}/other; echo old >{root}/there/file; ln -s {root}/other {root}/linked");
            test.sofa(["exec", "web", "sh", "-c", &begin]).ok();
            test.sofa(["exec", "--index", "2", "web", "sh", "-c", &begin]).ok();
            let run = either(&test, ours, ["cp", source, &format!("web:{root}{target}")]);
            let list = |index| test.sofa(["exec", "--index", index, "web", "sh", "-c", LIST, &root]).ok().stdout.clone();
            let (first, second) = (list("1"), list("2"));
            assert_eq!(first, second, "{source} {target}: all containers have it");
            (run.code != 0, first.replace(&root, ""))
        });
        assert_eq!(ours, theirs, "{source} to {target}");
    }

    // Out of one.
    let begin = "mkdir -p /out/sub; echo text >/out/sub/file; echo x >/out/program; chmod 750 /out/program; ln -s sub/file /out/link";
    // docker compose copies out of any of them.
    for index in ["1", "2"] {
        test.sofa(["exec", "--index", index, "web", "sh", "-c", begin]).ok();
    }
    for (number, (source, target)) in [
        ("/out", "there"),
        ("/out", "new"),
        ("/out/.", "there"),
        ("/out/.", "new"),
        ("/out/program", "there"),
        ("/out/program", "there/renamed"),
        ("/out/program", "there/file"),
        ("/out/program", "missing/x"),
        ("/out/program", "new/"),
        ("/out", "there/file"),
        ("/out/link", "there"),
        ("-L /out/link", "there"),
        ("/out/nothing", "there"),
        ("out/program", "there"),
    ]
    .into_iter()
    .enumerate()
    {
        let [ours, theirs] = [true, false].map(|ours| {
            let root = format!("to/{number}{ours}");
            test.file(&format!("{root}/there/file"), "old");
            let (option, path) =
                source.split_once(' ').map_or((None, source), |(option, path)| (Some(option), path));
            let (path, target) = (format!("web:{path}"), format!("{root}/{target}"));
            let words = ["cp"].into_iter().chain(option).chain([path.as_str(), target.as_str()]);
            let run = either(&test, ours, words);
            (run.code != 0, shell(&test, LIST, &root).ok().stdout.clone())
        });
        assert_eq!(ours, theirs, "{source} to {target}");
    }
}

#[tokio::test]
async fn archives_pass_through_pipes_and_large_files_stay_out_of_memory() {
    let Some(mut test) = TestProject::new("cp-pipes").await else { return };
    let image = test.image().to_owned();
    test.env("IMAGE", &image);
    test.file("compose.yaml", STACK);
    test.sofa(["deploy"]).ok();
    let sofa = test.sofa_command();
    let words = std::iter::once(sofa.get_program()).chain(sofa.get_args());
    let sofa = words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
    test.file("tree/a", "one");
    shell(&test, &format!("tar -c tree | {sofa} cp --index 1 - web:/tmp"), "").ok();
    assert_eq!(test.sofa(["exec", "--index", "1", "web", "cat", "/tmp/tree/a"]).ok().stdout, "one");
    let run = shell(&test, &format!("{sofa} cp web:/tmp/tree - | tar -xO tree/a"), "");
    assert_eq!(run.ok().stdout, "one");
    // There and back again, with the most memory that it took.
    let line = format!(
        "head -c 300000000 /dev/urandom >big; /usr/bin/env time -f %M -o memory {sofa} cp --index 1 big web:/tmp/big && \
         {sofa} cp web:/tmp/big back && cmp big back && cat memory"
    );
    let run = shell(&test, &line, "");
    let kilobytes: u64 = run.ok().stdout.trim().parse().unwrap();
    assert!(kilobytes < 60_000, "{kilobytes} KB");
    fs::remove_file(test.folder().join("big")).unwrap();
    // Mistakes are named.
    test.sofa(["cp", "-", "web:/tmp"]).assert_code(2).says("one of the 2 containers");
    test.sofa(["cp", "a", "b"]).assert_code(2).says("one service");
    test.sofa(["cp", "web:/a", "web:/b"]).assert_code(2).says("one service");
    test.sofa(["cp", "wbe:/a", "."]).assert_code(2).says("did you mean `web`?");
    test.sofa(["cp", "web:/nothing", "."]).assert_code(1).says("`/nothing`: no such file");
    test.sofa(["cp", "--index", "3", "web:/tmp", "."]).assert_code(1).says("no such container");
}
