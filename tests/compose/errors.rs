//! What people read when something is wrong: the place, the line, the nearest spelling, what to do.

use crate::support::{load_text, load_with};

/// The text of all problems of a file.
fn problems(file: &str) -> String {
    let (loaded, sources) = load_text(file);
    match loaded {
        Ok(loaded) => loaded.warnings.render(&sources, false),
        Err(problems) => problems.render(&sources, false),
    }
}

#[test]
fn an_unknown_key_has_its_place_and_the_nearest_spelling() {
    insta::assert_snapshot!(problems("services:\n  web:\n    imag: nginx\n"), @r"
    error: service `web`: unknown key `imag`
     --> <stdin>:3:5
      |
    3 |     imag: nginx
      |     ^^^^ did you mean `image`?
    ");
}

#[test]
fn all_problems_are_reported_at_once() {
    let text =
        problems("services:\n  web:\n    imag: x\n    ports: '80'\n  db:\n    image: 5\n    command: ${\n");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        errors,
        [
            "error: service `db`: `command`: `${` begins no reference to a variable",
            "error: service `web`: unknown key `imag`",
            "error: service `web`: `ports` must be a list",
            "error: service `db`: `image` must be text",
        ]
    );
}

#[test]
fn a_duplicate_key_shows_both_places() {
    insta::assert_snapshot!(problems("services:\n  web:\n    image: a\n    tty: true\n    image: b\n"), @r"
    error: key `image` appears twice
     --> <stdin>:5:5
      |
    3 |     image: a
      |     ----- first here
    4 |     tty: true
    5 |     image: b
      |     ^^^^^ again here
    ");
}

#[test]
fn a_required_variable_says_who_could_set_it() {
    insta::assert_snapshot!(problems("services:\n  web:\n    image: x:${TAG:?set it in .env}\n"), @r"
    error: service `web`: `image`: variable `TAG` is required: set it in .env
     --> <stdin>:3:14
      |
    3 |     image: x:${TAG:?set it in .env}
      |              ^^^^^^^^^^^^^^^^^^^^^^ not set in the environment, and there is no env file
    ");
}

#[test]
fn an_unset_variable_is_a_warning() {
    let (loaded, sources) = load_text("services: {web: {image: 'x$TAG'}}\n");
    insta::assert_snapshot!(loaded.expect("loads").warnings.render(&sources, false), @r"
    warning: variable `TAG` is not set; it becomes the empty text
     --> <stdin>:1:27
      |
    1 | services: {web: {image: 'x$TAG'}}
      |                           ^^^^ not set in the environment, and there is no env file
    ");
}

#[test]
fn services_that_wait_for_each_other_are_named_in_order() {
    insta::assert_snapshot!(problems("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"), @r"
    error: services depend on each other: a → b → a
     --> <stdin>:2:30
      |
    2 |   a: {image: x, depends_on: [b]}
      |                              ^ `a` waits for `b`
    3 |   b: {image: x, depends_on: [a]}
      |                              - `b` waits for `a`
    hint: one of them must start without the other
    ");
}

#[test]
fn a_place_leads_through_aliases_to_where_the_value_was_written() {
    let text = problems("x-common: &c\n  restrat: always\nservices:\n  web:\n    <<: *c\n    image: x\n");
    assert!(text.contains("--> <stdin>:2:3"), "{text}");
}

#[test]
fn what_a_variable_gave_is_not_shown() {
    for file in [
        "services: {a: {image: x, ports: ['${SECRET}']}}",
        "services: {a: {image: x, scale: '${SECRET}'}}",
        "services: {a: {image: x, mem_limit: '${SECRET}'}}",
        "services: {a: {image: x, stop_grace_period: '${SECRET}'}}",
        "services: {a: {image: x, security_opt: ['${SECRET}', '${SECRET}']}}",
        "services: {a: {image: x, volumes: ['a1::${SECRET}']}}",
        "services: {a: {image: x, pull_policy: '${SECRET}'}}",
        "services: {a: {image: x, cgroup: '${SECRET}'}}",
        "services: {a: {image: x, command: \"'${SECRET}\"}}",
    ] {
        let (loaded, sources) = load_with(file, &[("SECRET", "hunter2")]);
        let text = loaded.map(|_| ()).expect_err(file).render(&sources, false);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_key_of_ones_own_is_free_and_x_sofa_is_not() {
    assert_eq!(problems("x-a: {b: [1]}\nservices: {a: {image: x, x-b: y}}\n"), "");
    assert!(problems("services: {a: {image: x, x-sofa: {rolle: backend}}}").contains("did you mean `role`?"));
    assert!(
        problems("services: {a: {image: x, x-sofa: {ready: {http: /, tcp: 80}}}}").contains("one question")
    );
    assert!(
        problems("services: {a: {image: x, x-sofa: {ready: {http: healthz}}}}").contains("begins with `/`")
    );
}

#[test]
fn what_docker_compose_drops_without_a_word_is_noted() {
    let file = "services: {a: {image: x, command: run && echo done, volumes: ['./a:/b:rw,nocpy']}}";
    let (loaded, sources) = load_text(file);
    let lost = loaded.expect("loads").lost.render(&sources, false);
    assert!(lost.contains("`command` loses `&& echo done`"), "{lost}");
    assert!(lost.contains("mount option `nocpy` is unknown"), "{lost}");
}

#[test]
fn a_file_of_another_machine_says_so() {
    let file = "services: {web: {extends: {file: 'https://example.com/base.yaml', service: web}}}\n";
    insta::assert_snapshot!(problems(file), @"
    error: Compose file https:/example.com/base.yaml is not on this machine
     --> <stdin>:1:34
      |
    1 | services: {web: {extends: {file: 'https://example.com/base.yaml', service: web}}}
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: only files of this machine are read: fetch it first, and name the copy
    ");
}

#[test]
fn a_mistake_is_marked_where_it_is_and_says_what_to_write() {
    for (text, place, advice) in [
        (
            "services:\n  web:\n    image: a\n    depends_on:\n      db:\n        condition: service_started\n",
            ":5:7",
            "not defined",
        ),
        ("services:\n  web:\n    environment:\n      A: 1\n", ":2:3", "-f compose.yaml -f"),
        ("services:\n  web:\n    image: a\n\tports: []\n", ":4:1", "indent with spaces"),
        ("services:\n  web:\n\timage: a\n", ":3:1", "indent with spaces"),
        ("services:\n  web:\n    image: a\n    environment:\n      - A: 1\n", ":5:9", "write `- A=1`"),
        ("services:\n  web:\n    image: a\n    labels:\n      - a.b: c\n", ":5:9", "write `- a.b=c`"),
        ("services:\n  web:\n    image: a\n    command:\n      - echo: b\n", ":5:9", "`\"echo: b\"`"),
        ("services:\n  web:\n    image: {{ image }}\n", ":3:13", "template that was not rendered"),
        (
            "services:\n  web:\n    image: a\n    healthcheck: {test: [CMD, x], timeout: 10}\n",
            ":4:44",
            "write `10s`",
        ),
        ("services:\n  web:\n    image: a\n    stop_grace_period: 30\n", ":4:24", "write `30s`"),
        ("services:\n  web:\n    image: a\n    restart: false\n", ":4:14", "write `'no'`"),
        ("services:\n  web:\n    image: a\n    volumes: [a/b:/c]\n", ":4:15", "`./a/b`"),
        ("x-a: &a [1]\nservices:\n  web:\n    <<: *a\n    image: a\n", ":4:5", "this is a list"),
        ("services:\n  web:\n    image: a\n    ports: [80.5]\n", ":4:13", "short form"),
        ("services:\n  web:\n    image: a\n    command: echo a: b\n", ":4:20", "in quotes"),
        (
            "services:\n  web:\n    image: a\n    ports: ['127.0.0.1:80']\n",
            ":4:13",
            "`127.0.0.1:80:80`, or `127.0.0.1::80`",
        ),
        ("services:\n  web:\n    image: a\n    x_y: 1\n", ":4:5", "did you mean `x-y`?"),
        ("services:\n  web:\n    image: a\n    memory: 1g\n", ":4:5", "did you mean `mem_limit`?"),
        (
            "services:\n  web:\n    image: a\n    volumes: ['d:/d']\nvolumes: {d: {}}\n",
            ":4:15",
            "a longer name",
        ),
    ] {
        let shown = problems(text);
        assert!(shown.contains(&format!(" --> <stdin>{place}\n")), "{place} is not in\n{shown}");
        assert!(shown.contains(advice), "{advice} is not in\n{shown}");
        assert!(!shown.contains("struct"), "{shown}");
    }
}

#[test]
fn an_alias_before_its_anchor_is_one_error() {
    let shown = problems("services:\n  web:\n    <<: *a\n    image: a\nx-a: &a {tty: true}\n");
    assert_eq!(shown.matches("error: ").count(), 1, "{shown}");
}

#[test]
fn an_advice_shows_nothing_that_a_variable_gave() {
    let ports = "services:\n  web:\n    image: a\n    ports: ['${SECRET}:80']\n";
    let (loaded, sources) = load_with(ports, &[("SECRET", "10.1.2.3")]);
    let shown = loaded.unwrap_err().render(&sources, false);
    assert!(!shown.contains("10.1.2.3"), "{shown}");
}
