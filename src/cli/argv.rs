//! Word order: `sofa dev deploy` means `sofa deploy dev`. Moves the verb to the front before clap parses the command line. Before the
//! verb a letter is always that of a global option; after it, the verb's own letters come first.

use clap::{Arg, ArgAction, Command};

/// Moves the verb behind the program's name. Options keep their values, and words keep their order. Words after `--` are not
/// searched. Without a verb nothing is moved, and clap reports what is missing.
pub fn verb_first(arguments: Vec<String>, command: &Command) -> Vec<String> {
    let is_verb = |word: &str| command.find_subcommand(word).is_some();
    let Some(at) = verb_position(&arguments, 1, is_verb, command) else {
        return arguments;
    };
    let (before, after) = (&arguments[1..at], &arguments[at + 1..]);
    let mut ordered = vec![arguments[0].clone(), arguments[at].clone()];
    match command.find_subcommand(&arguments[at]) {
        // The words after these options are the command that runs in a container, so those before the verb come before them.
        Some(verb) if verb.get_arguments().any(Arg::is_trailing_var_arg_set) => {
            let (options, words) = apart(before, command);
            let (own, command_line) = after.split_at(options_of(after, verb, command));
            ordered.extend(options.into_iter().flat_map(|argument| long_forms(argument, command)));
            ordered.extend(own.iter().cloned().chain(words).chain(command_line.iter().cloned()));
        }
        _ => {
            ordered.extend(before.iter().cloned().flat_map(|argument| long_forms(argument, command)));
            ordered.extend_from_slice(after);
        }
    }
    if ordered[1] == "plan" {
        planned_verb_second(&mut ordered, command);
    }
    ordered
}

/// Options with their values, and words.
fn apart(arguments: &[String], command: &Command) -> (Vec<String>, Vec<String>) {
    let (mut options, mut words) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if !is_option(argument) {
            words.push(argument.clone());
            continue;
        }
        options.push(argument.clone());
        if takes_next_before_verb(argument, command) {
            options.extend(arguments.next().cloned());
        }
    }
    (options, words)
}

/// How many arguments after a verb are its options and their values.
fn options_of(arguments: &[String], verb: &Command, command: &Command) -> usize {
    let own = || verb.get_arguments().chain(command.get_arguments());
    let by_name = |name: &str| own().any(|option| takes_value(option) && has_long(option, name));
    let by_letter = |letter| own().find(|option| option.get_short() == Some(letter)).is_some_and(takes_value);
    let mut at = 0;
    while let Some(option) = arguments.get(at).filter(|argument| is_option(argument)) {
        at += if takes_next(option, by_name, by_letter) { 2 } else { 1 };
    }
    at.min(arguments.len())
}

fn is_option(argument: &str) -> bool {
    argument.starts_with('-') && argument != "-" && argument != "--"
}

fn has_long(option: &Arg, long: &str) -> bool {
    option.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long))
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
        if is_option(argument) {
            index += if takes_next_before_verb(argument, command) { 2 } else { 1 };
            continue;
        }
        if is_verb(argument) {
            return Some(index);
        }
        index += 1;
    }
    None
}

/// The long forms of the global letters of an argument: `-qf x.yml` is `--quiet --file x.yml`. An argument with another letter
/// stays as it is.
fn long_forms(argument: String, command: &Command) -> Vec<String> {
    let Some(letters) = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
        return vec![argument];
    };
    let mut forms = Vec::new();
    for (at, letter) in letters.char_indices() {
        let Some(option) = global(letter, command) else { return vec![argument] };
        let long = option.get_long().unwrap_or_default();
        let value = &letters[at + letter.len_utf8()..];
        if takes_value(option) && !value.is_empty() {
            forms.push(format!("--{long}={}", value.strip_prefix('=').unwrap_or(value)));
            return forms;
        }
        forms.push(format!("--{long}"));
    }
    if forms.is_empty() { vec![argument] } else { forms }
}

fn global(letter: char, command: &Command) -> Option<&Arg> {
    command.get_arguments().find(|option| option.get_short() == Some(letter) && option.get_long().is_some())
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append) && !option.is_require_equals_set()
}

/// Whether an option's value is the next argument. Before the verb is known, the options of all verbs count; where two verbs
/// differ, the verb on the command line decides.
fn takes_next_before_verb(option: &str, command: &Command) -> bool {
    let of_verbs = || command.get_subcommands().flat_map(Command::get_arguments);
    let by_name = |name: &str| {
        command.get_arguments().chain(of_verbs()).any(|option| takes_value(option) && has_long(option, name))
    };
    let by_letter = |letter| match global(letter, command) {
        Some(option) => takes_value(option),
        None => {
            let mut meant = of_verbs().filter(|option| option.get_short() == Some(letter)).peekable();
            meant.peek().is_some() && meant.all(takes_value)
        }
    };
    takes_next(option, by_name, by_letter)
}

/// The same for options that are known by their names and letters.
fn takes_next(option: &str, by_name: impl Fn(&str) -> bool, by_letter: impl Fn(char) -> bool) -> bool {
    match option.strip_prefix("--") {
        _ if option.contains('=') => false,
        Some(name) => by_name(name),
        None => {
            // A letter that takes a value has the rest of the letters, where there are any.
            let letters: Vec<char> = option.chars().skip(1).collect();
            letters.iter().position(|letter| by_letter(*letter)).is_some_and(|at| at + 1 == letters.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> String {
        let arguments = line.split(' ').map(String::from).collect();
        verb_first(arguments, &crate::cli::command()).join(" ")
    }

    #[test]
    fn the_first_verb_comes_first_and_the_rest_keeps_its_order() {
        for (typed, expected) in [
            ("sofa deploy dev", "sofa deploy dev"),
            ("sofa dev deploy", "sofa deploy dev"),
            ("sofa all production deploy", "sofa deploy all production"),
            ("sofa SERVICES=a,b production deploy -q", "sofa deploy SERVICES=a,b production -q"),
            ("sofa -p deploy ps", "sofa ps --project-name deploy"),
            ("sofa --project-name=x dev logs --tail 5 web", "sofa logs --project-name=x dev --tail 5 web"),
            ("sofa --tail 5 web logs", "sofa logs --tail 5 web"),
            ("sofa -C /srv dev plan deploy", "sofa plan deploy --directory /srv dev"),
            ("sofa plan dev --exit-code", "sofa plan deploy dev --exit-code"),
            ("sofa dev down plan", "sofa down dev plan"),
            ("sofa plan dev down --volumes", "sofa plan down dev --volumes"),
            ("sofa plan --help", "sofa plan --help"),
            ("sofa logs -f web", "sofa logs -f web"),
            ("sofa -f x.yml logs web", "sofa logs --file x.yml web"),
            (
                "sofa -fx.yml -qp a -s web kill -s TERM",
                "sofa kill --file=x.yml --quiet --project-name a --service web -s TERM",
            ),
            ("sofa -n 5 dev logs", "sofa logs -n 5 dev"),
            ("sofa production exec -T -u root api ls -la", "sofa exec -T -u root production api ls -la"),
            (
                "sofa -q dev exec --index=2 -Tu root api ps -f",
                "sofa exec --quiet --index=2 -Tu root dev api ps -f",
            ),
            ("sofa dev run --interactive --rm api deploy", "sofa run --interactive --rm dev api deploy"),
            ("sofa dev exec", "sofa exec dev"),
            ("sofa dev", "sofa dev"),
            ("sofa dev -- deploy", "sofa dev -- deploy"),
            ("sofa", "sofa"),
        ] {
            assert_eq!(ordered(typed), expected, "{typed}");
        }
    }
}
