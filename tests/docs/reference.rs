//! `docs/reference/` is generated from the command line and from the annotated YAML files. With `SOFA_UPDATE_REFERENCE=1` the
//! test writes it; otherwise it compares.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};
use sofa::testing::Kind;

/// The first line of every generated page.
const GENERATED: &str = "<!-- Generated: `SOFA_UPDATE_REFERENCE=1 cargo test --locked --test docs reference` writes this page. -->\n";

#[test]
fn the_reference_is_current() {
    let pages = [
        ("docs/reference/commands.md", commands_page()),
        ("docs/reference/exit-codes.md", exit_codes_page()),
        ("docs/reference/sofa-yaml.md", yaml_page("docs/sofa.yaml", "sofa.yaml", "MODE")),
        ("docs/reference/x-sofa.md", yaml_page("docs/x-sofa.yaml", "x-sofa", "SERVICE")),
    ];
    #[allow(clippy::disallowed_methods, reason = "tests stand outside `settings`")]
    let update = std::env::var_os("SOFA_UPDATE_REFERENCE").is_some();
    for (path, expected) in pages {
        if update {
            fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
            fs::write(path, &expected).unwrap();
        }
        let written = fs::read_to_string(path).unwrap_or_default();
        let first = expected.lines().zip(written.lines()).position(|(a, b)| a != b);
        assert!(
            written == expected,
            "{path} is not current, first in line {}: run `SOFA_UPDATE_REFERENCE=1 cargo test --locked --test docs reference`",
            first.map_or(expected.lines().count().min(written.lines().count()) + 1, |line| line + 1)
        );
    }
}

fn commands_page() -> String {
    let command = sofa::testing::command();
    let mut page = format!("{GENERATED}# Commands\n\n{}.\n\n", about(&command));
    if let Some(text) = command.get_after_help() {
        writeln!(page, "{text}\n").unwrap();
    }
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).collect();
    page.push_str("| command | does |\n|---|---|\n");
    for verb in &verbs {
        writeln!(page, "| [`sofa {0}`](#sofa-{0}) | {1} |", verb.get_name(), cell(&about(verb))).unwrap();
    }
    page.push_str("| [global options](#global-options) | accepted by every command |\n\n");
    for verb in &verbs {
        verb_section(&mut page, verb);
    }
    page.push_str("## Global options\n\nEvery command accepts these options.\n\n");
    options_table(&mut page, command.get_arguments());
    page
}

fn verb_section(page: &mut String, verb: &Command) {
    writeln!(page, "## sofa {}\n\n{}.\n", verb.get_name(), about(verb)).unwrap();
    let aliases: Vec<String> = verb.get_all_aliases().map(|alias| format!("`sofa {alias}`")).collect();
    if !aliases.is_empty() {
        writeln!(page, "Also: {}.\n", aliases.join(", ")).unwrap();
    }
    let usage = verb.clone().bin_name(format!("sofa {}", verb.get_name())).render_usage().to_string();
    writeln!(page, "```text\n{}\n```\n", usage.lines().map(str::trim).collect::<Vec<_>>().join("\n"))
        .unwrap();
    let positionals: Vec<&Arg> = verb.get_positionals().collect();
    if !positionals.is_empty() {
        page.push_str("| argument | meaning |\n|---|---|\n");
        for argument in positionals {
            writeln!(page, "| `{}` | {} |", value_names(argument), meaning(argument)).unwrap();
        }
        page.push('\n');
    }
    options_table(page, verb.get_opts());
    if verb.get_name() == "plan" {
        page.push_str("`COMMAND` is one of:");
        for planned in verb.get_subcommands() {
            write!(page, " [`{0}`](#sofa-{0})", planned.get_name()).unwrap();
        }
        page.push_str(". Without one it is `deploy`. The command's own options are accepted.\n\n");
    }
}

fn options_table<'a>(page: &mut String, options: impl Iterator<Item = &'a Arg>) {
    let options: Vec<&Arg> = options
        .filter(|option| !option.is_positional() && !option.is_hide_set())
        .filter(|option| !["help", "version"].contains(&option.get_id().as_str()))
        .collect();
    if options.is_empty() {
        return;
    }
    page.push_str("| option | meaning |\n|---|---|\n");
    for option in options {
        writeln!(page, "| {} | {} |", spelling(option), meaning(option)).unwrap();
    }
    page.push('\n');
}

fn spelling(option: &Arg) -> String {
    let names: Vec<String> = option
        .get_short()
        .map(|short| format!("-{short}"))
        .into_iter()
        .chain(option.get_long().map(|long| format!("--{long}")))
        .collect();
    let values = match value_names(option) {
        values if values.is_empty() || !option.get_action().takes_values() => String::new(),
        values => format!(" {values}"),
    };
    format!("`{}{values}`", names.join(", "))
}

fn value_names(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let names = names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ");
    let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
    let optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
    match (many || argument.is_positional(), optional || argument.is_positional()) {
        (true, _) if argument.is_positional() && !argument.is_required_set() => format!("[{names}]"),
        (_, true) => format!("[{names}]"),
        _ => names,
    }
}

fn meaning(argument: &Arg) -> String {
    let mut text = argument
        .get_long_help()
        .or_else(|| argument.get_help())
        .map(|help| sentence(&help.to_string()))
        .unwrap_or_default();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}`: {}", value.get_name(), help.to_string().trim_end_matches('.')),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() {
        text.push_str(&format!("<br>{}", values.join("<br>")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        text.push_str(&format!("<br>Default: {}", defaults.join(", ")));
    }
    cell(&text)
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about());
    about.map(|about| about.to_string().trim_end_matches('.').to_owned()).unwrap_or_default()
}

fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    if text.is_empty() { String::new() } else { format!("{text}.") }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn exit_codes_page() -> String {
    let mut page = format!(
        "{GENERATED}# Exit codes\n\nThe numbers never change. `make` turns every failure into 2, so scripts call `sofa` itself.\n\n\
         | code | meaning |\n|---|---|\n| 0 | The command succeeded, or there was nothing to do. |\n"
    );
    for kind in [
        Kind::Failed,
        Kind::Usage,
        Kind::Invalid,
        Kind::NotReady,
        Kind::Refused,
        Kind::Unreachable,
        Kind::Incomplete,
        Kind::Changes,
        Kind::Interrupted,
    ] {
        writeln!(page, "| {} | {} |", kind as u8, meaning_of(kind)).unwrap();
    }
    page
}

/// Without a catch-all arm, so that a new kind must be described here.
fn meaning_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "The work failed, or the engine reported an error.",
        Kind::Usage => "The command line is wrong. Nothing was changed.",
        Kind::Invalid => "A Compose file, an env file or `sofa.yaml` is invalid. Nothing was changed.",
        Kind::NotReady => {
            "A service was not ready in time, and the changes were undone. \
             With `failure_action: pause` the deploy stopped without an undo."
        }
        Kind::Refused => "A protection, another owner or the lock of another run forbids it.",
        Kind::Unreachable => "The Docker Engine does not answer.",
        Kind::Incomplete => {
            "The undo is incomplete, or old resources could not be removed. The message lists what is left."
        }
        Kind::Changes => "`sofa plan --exit-code` found changes.",
        Kind::Interrupted => "A person or a signal interrupted the command, and the changes were undone.",
    }
}

/// A key of an annotated YAML file.
struct Key {
    path: String,
    comment: String,
    example: String,
}

/// A page with one section for every key that has a comment. Under `modes` and `services` the name of the mode or service is
/// replaced by `placeholder`.
fn yaml_page(path: &str, title: &str, placeholder: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (head, keys) = annotated(&text, placeholder);
    let mut page = format!("{GENERATED}# {title}\n\n{head}\n\n");
    writeln!(page, "The same text is shown by `sofa help {title}`.\n\n| key | example |\n|---|---|").unwrap();
    for key in &keys {
        let anchor: String =
            key.path.to_lowercase().chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
        writeln!(page, "| [`{}`](#{anchor}) | {} |", key.path, code(&cell(&key.example))).unwrap();
    }
    for key in &keys {
        writeln!(page, "\n## `{}`\n\n{}", key.path, key.comment).unwrap();
    }
    writeln!(page, "\n## The whole file\n\n```yaml\n{}```", text).unwrap();
    page
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// The comment at the head of the file, and the keys with the comments above them, in the order of the file. A key without a
/// comment is described by the comment of the key before it.
fn annotated(text: &str, placeholder: &str) -> (String, Vec<Key>) {
    let mut keys: Vec<Key> = Vec::new();
    let mut comment: Vec<String> = Vec::new();
    let mut head = None;
    let mut path: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        if content.is_empty() {
            if head.is_none() && !comment.is_empty() {
                head = Some(std::mem::take(&mut comment).join(" "));
            }
            continue;
        }
        if let Some(words) = content.strip_prefix('#') {
            comment.push(words.trim().to_owned());
            continue;
        }
        let Some((name, value)) = content.split_once(':') else { continue };
        if head.is_none() {
            head = Some(std::mem::take(&mut comment).join(" "));
        }
        let indent = line.len() - content.len();
        path.retain(|(depth, _)| *depth < indent);
        let named = path.last().is_some_and(|(_, parent)| ["modes", "services"].contains(&parent.as_str()));
        path.push((indent, if named { placeholder.to_owned() } else { name.to_owned() }));
        let path = path.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(".");
        let example =
            if value.trim().is_empty() { String::new() } else { format!("{name}: {}", value.trim()) };
        if !comment.is_empty() {
            let comment = std::mem::take(&mut comment).join(" ");
            if !keys.iter().any(|key| key.path == path) {
                keys.push(Key { path, comment, example });
            }
        }
    }
    (head.unwrap_or_default(), keys)
}

#[test]
fn a_comment_describes_the_key_below_it() {
    let (head, keys) =
        annotated("# Head.\n\n# One\n# two.\na: 1\nmodes:\n  x:\n    # Host.\n    host: y\n", "MODE");
    assert_eq!(head, "Head.");
    let found: Vec<_> = keys.iter().map(|key| (key.path.as_str(), key.comment.as_str())).collect();
    assert_eq!(found, [("a", "One two."), ("modes.MODE.host", "Host.")]);
    assert_eq!(keys[0].example, "a: 1");
}
