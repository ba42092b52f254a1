//! Word order: `sofa dev deploy` means `sofa deploy dev`. Moves the verb to the front before clap parses the command line.

use clap::{ArgAction, Command};

/// Moves the verb behind the program's name. Options keep their values, and words keep their order. Words after `--` are not
/// searched. Without a verb nothing is moved, and clap reports what is missing.
pub fn verb_first(arguments: Vec<String>, command: &Command) -> Vec<String> {
    let is_verb = |word: &str| command.find_subcommand(word).is_some();
    let Some(at) = verb_position(&arguments, 1, is_verb, command) else {
        return arguments;
    };
    let mut ordered = arguments;
    // In docker compose `logs -f` means follow. A Compose file for `logs` is given as `--file` or before the verb.
    if ordered[at] == "logs" {
        ordered[at..]
            .iter_mut()
            .filter(|argument| *argument == "-f")
            .for_each(|argument| *argument = "--follow".into());
    }
    let verb = ordered.remove(at);
    ordered.insert(1, verb);
    if ordered[1] == "plan" {
        planned_verb_second(&mut ordered, command);
    }
    ordered
}

/// `plan` takes a verb, which follows it. Without a verb it plans `deploy`.
fn planned_verb_second(ordered: &mut Vec<String>, command: &Command) {
    let asks_for_help = |argument: &String| matches!(argument.as_str(), "-h" | "--help");
    let Some(plan) = command.find_subcommand("plan") else { return };
    match verb_position(ordered, 2, |word| plan.find_subcommand(word).is_some(), command) {
        Some(at) => {
            let verb = ordered.remove(at);
            ordered.insert(2, verb);
        }
        None if ordered.iter().any(asks_for_help) => {}
        None => ordered.insert(2, "deploy".into()),
    }
}

/// The position of the first verb, from `index` on.
fn verb_position(
    arguments: &[String],
    mut index: usize,
    is_verb: impl Fn(&str) -> bool,
    command: &Command,
) -> Option<usize> {
    while let Some(argument) = arguments.get(index) {
        if argument == "--" {
            return None;
        }
        if argument.starts_with('-') && argument != "-" {
            index += if takes_next(argument, command) { 2 } else { 1 };
            continue;
        }
        if is_verb(argument) {
            return Some(index);
        }
        index += 1;
    }
    None
}

/// Whether an option's value is the next argument. Before the verb is known, the options of all verbs count; where two verbs
/// differ, the verb on the command line decides.
fn takes_next(option: &str, command: &Command) -> bool {
    if option.contains('=') {
        return false;
    }
    let takes = |argument: &clap::Arg| matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let mut all = command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments));
    match option.strip_prefix("--") {
        Some(long) => all.any(|argument| {
            takes(argument)
                && argument.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long))
        }),
        // `-fx` and bundles such as `-qv` contain their values.
        None => {
            let mut letters = option.chars().skip(1);
            let (Some(letter), None) = (letters.next(), letters.next()) else {
                return false;
            };
            all.any(|argument| takes(argument) && argument.get_short() == Some(letter))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn ordered(line: &str) -> String {
        let arguments = line.split(' ').map(String::from).collect();
        verb_first(arguments, &crate::cli::Cli::command()).join(" ")
    }

    #[test]
    fn the_first_verb_comes_first_and_the_rest_keeps_its_order() {
        for (typed, expected) in [
            ("sofa deploy dev", "sofa deploy dev"),
            ("sofa dev deploy", "sofa deploy dev"),
            ("sofa all production deploy", "sofa deploy all production"),
            ("sofa SERVICES=a,b production deploy -q", "sofa deploy SERVICES=a,b production -q"),
            ("sofa -p deploy ps", "sofa ps -p deploy"),
            ("sofa --project-name=x dev logs --tail 5 web", "sofa logs --project-name=x dev --tail 5 web"),
            ("sofa --tail 5 web logs", "sofa logs --tail 5 web"),
            ("sofa -C /srv dev plan deploy", "sofa plan deploy -C /srv dev"),
            ("sofa plan dev --exit-code", "sofa plan deploy dev --exit-code"),
            ("sofa dev down plan", "sofa down dev plan"),
            ("sofa plan dev down --volumes", "sofa plan down dev --volumes"),
            ("sofa plan --help", "sofa plan --help"),
            ("sofa logs -f web", "sofa logs --follow web"),
            ("sofa -f x.yml logs web", "sofa logs -f x.yml web"),
            ("sofa dev", "sofa dev"),
            ("sofa dev -- deploy", "sofa dev -- deploy"),
            ("sofa", "sofa"),
        ] {
            assert_eq!(ordered(typed), expected, "{typed}");
        }
    }
}
