//! Finds the program that a command line runs in the end, through the programs that only start another: shells, `env`, `tini`,
//! `uv run` and the like.

use std::collections::BTreeMap;

use super::Unreadable;

/// A program with its arguments, and the environment that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The words behind `celery`.
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

/// Programs that start another, by what stands before its name.
enum Starter {
    /// Options, of which these take a value.
    Options(&'static [&'static str]),
    /// A word (`run`), then options.
    Word(&'static str, &'static [&'static str]),
    /// Options, of which these take a value, then so many words.
    Words(usize, &'static [&'static str]),
}

/// The longest chain of programs that is followed.
const DEEPEST: usize = 16;

/// Finds `celery`, or `python -m celery`, in a command line.
///
/// # Errors
/// In words, where another program runs in the end, or a shell script is not just commands in a row.
pub(super) fn celery(argv: &[String], environment: &BTreeMap<String, String>) -> Result<Program, Unreadable> {
    let mut environment = environment.clone();
    let mut words = argv.to_vec();
    for _ in 0..DEEPEST {
        let Some((first, rest)) = words.split_first() else {
            return Err(Unreadable("its command is in the image".into()));
        };
        let name = first.rsplit('/').next().unwrap_or(first);
        words = match name {
            "celery" => return Ok(Program { arguments: rest.to_vec(), environment }),
            "env" => behind_env(rest, &mut environment),
            "sh" | "bash" | "dash" | "ash" | "zsh" => script_of(rest, &environment)?,
            name if is_python(name) => match behind_python(rest) {
                Some((module, rest)) if module == "celery" => {
                    return Ok(Program { arguments: rest, environment });
                }
                _ => return Err(unknown(first)),
            },
            name => match starter(name) {
                Some(starter) => behind(rest, &starter).ok_or_else(|| unknown(first))?,
                None => return Err(unknown(first)),
            },
        };
    }
    Err(Unreadable("too many programs start each other".into()))
}

fn unknown(program: &str) -> Unreadable {
    Unreadable(format!("`{program}` is not a program that sofa knows"))
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn starter(name: &str) -> Option<Starter> {
    use Starter::{Options, Word, Words};
    Some(match name {
        "exec" => Options(&["-a"]),
        "command" | "nohup" | "setsid" | "ddtrace-run" | "catchsegv" => Options(&[]),
        "opentelemetry-instrument" => Options(&["--traces_exporter", "--metrics_exporter", "--service_name"]),
        "tini" | "tini-static" | "docker-init" => Options(&["-e", "-p"]),
        "dumb-init" => Options(&["-r", "--rewrite"]),
        "nice" => Options(&["-n", "--adjustment"]),
        "ionice" => Options(&["-c", "-n", "--class", "--classdata"]),
        "stdbuf" => Options(&["-i", "-o", "-e"]),
        "setpriv" => Options(&["--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set"]),
        "gosu" | "su-exec" => Words(1, &[]),
        "timeout" => Words(1, &["-s", "--signal", "-k", "--kill-after"]),
        "uv" => Word(
            "run",
            &[
                "--with",
                "--extra",
                "--group",
                "--package",
                "--python",
                "-p",
                "--directory",
                "--project",
                "--env-file",
            ],
        ),
        "poetry" | "pipenv" | "pdm" | "rye" | "hatch" => {
            Word("run", &["-p", "--project", "-C", "--directory"])
        }
        "conda" | "mamba" | "micromamba" => Word("run", &["-n", "--name", "-p", "--prefix", "--cwd"]),
        "newrelic-admin" => Word("run-program", &[]),
        _ => return None,
    })
}

/// The command line behind a program that starts another.
fn behind(words: &[String], starter: &Starter) -> Option<Vec<String>> {
    let (words, options, skipped) = match starter {
        Starter::Options(options) => (words, options, 0),
        Starter::Words(count, options) => (words, options, *count),
        Starter::Word(word, options) => {
            let at = words.iter().position(|found| found == word)?;
            // Options of the program itself may stand before its word.
            words[..at].iter().all(|word| word.starts_with('-')).then_some(())?;
            (&words[at + 1..], options, 0)
        }
    };
    let rest = behind_options(words, options);
    rest.get(skipped..).map(<[String]>::to_vec)
}

/// The words behind options. An option with `=` holds its value; `--` ends them.
fn behind_options<'w>(words: &'w [String], with_value: &[&str]) -> &'w [String] {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "--" => return &words[at + 1..],
            option if option.starts_with('-') && option.len() > 1 => {
                at += if with_value.contains(&option) { 2 } else { 1 };
            }
            _ => break,
        }
    }
    words.get(at..).unwrap_or_default()
}

/// The command line behind `env`, whose assignments are added.
fn behind_env(words: &[String], environment: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut words = behind_options(words, &["-u", "--unset", "-C", "--chdir"]);
    while let Some((name, value)) = words.first().and_then(|word| assignment(word)) {
        environment.insert(name.to_owned(), value.to_owned());
        words = &words[1..];
    }
    words.to_vec()
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, value))
}

/// The module that `python -m` runs, with its arguments.
fn behind_python(words: &[String]) -> Option<(String, Vec<String>)> {
    let mut at = 0;
    loop {
        let word = words.get(at)?;
        match word.as_str() {
            "-m" => return Some((words.get(at + 1)?.clone(), words[at + 2..].to_vec())),
            "-W" | "-X" => at += 2,
            option if option.starts_with("-m") => {
                return Some((option[2..].to_owned(), words[at + 1..].to_vec()));
            }
            option if option.starts_with('-') && option != "-c" && option != "-" => at += 1,
            _ => return None,
        }
    }
}

/// The last command of `sh -c`: those before it prepare something.
fn script_of(words: &[String], environment: &BTreeMap<String, String>) -> Result<Vec<String>, Unreadable> {
    let takes_script = |word: &String| {
        let flags = word.strip_prefix('-').filter(|flags| !flags.starts_with('-'));
        flags.is_some_and(|flags| flags.contains('c'))
    };
    let Some(at) = words.iter().position(takes_script) else {
        let file = words.iter().find(|word| !word.starts_with('-')).map_or("a shell", String::as_str);
        return Err(Unreadable(format!("`{file}` is a script, which sofa does not read")));
    };
    let script = words.get(at + 1).map(String::as_str).unwrap_or_default();
    let mut commands = commands(script, environment)?;
    commands.retain(|command| !command.is_empty());
    let mut last = commands.pop().ok_or_else(|| Unreadable("its shell script is empty".into()))?;
    // `A=1 celery …`
    let assigned = last.iter().take_while(|word| assignment(word).is_some()).count();
    if assigned > 0 {
        last.insert(0, "env".into());
    }
    Ok(last)
}

/// The commands of a script, in a row: separated by `;`, `&&` and line ends. Variables have the values of the environment.
fn commands(script: &str, environment: &BTreeMap<String, String>) -> Result<Vec<Vec<String>>, Unreadable> {
    let mut reader = Reader { rest: script.chars().peekable(), environment };
    let mut commands = vec![Vec::new()];
    loop {
        match reader.token()? {
            Token::End => return Ok(commands),
            Token::Separator => commands.push(Vec::new()),
            Token::Word(word) => {
                if let Some(last) = commands.last_mut() {
                    last.push(word);
                }
            }
        }
    }
}

enum Token {
    Word(String),
    Separator,
    End,
}

/// Reads words of a shell script.
struct Reader<'s> {
    rest: std::iter::Peekable<std::str::Chars<'s>>,
    environment: &'s BTreeMap<String, String>,
}

impl Reader<'_> {
    fn token(&mut self) -> Result<Token, Unreadable> {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        match self.rest.peek() {
            None => return Ok(Token::End),
            Some('\n' | ';') => {
                self.rest.next();
                return Ok(Token::Separator);
            }
            Some('&') => {
                self.rest.next();
                return match self.rest.next_if_eq(&'&') {
                    Some(_) => Ok(Token::Separator),
                    None => Err(Unreadable("its shell script runs programs in the background".into())),
                };
            }
            Some('#') => {
                while self.rest.next_if(|c| *c != '\n').is_some() {}
                return self.token();
            }
            Some(_) => {}
        }
        let mut word = String::new();
        // Quotes make a word even if it is empty; a line that continues makes none.
        let mut begun = false;
        while let Some(c) = self.rest.peek().copied() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' => break,
                '|' | '<' | '>' | '(' | ')' | '`' | '*' | '?' => {
                    return Err(Unreadable(format!("its shell script has `{c}`, which sofa does not read")));
                }
                _ => self.rest.next(),
            };
            begun |= c != '\\';
            match c {
                '\'' => self.until('\'', &mut word, false)?,
                '"' => self.until('"', &mut word, true)?,
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(c) => word.push(c),
                },
                '$' => self.variable(&mut word)?,
                c => word.push(c),
            }
        }
        if begun || !word.is_empty() { Ok(Token::Word(word)) } else { self.token() }
    }

    /// Reads to the closing quote.
    fn until(&mut self, quote: char, word: &mut String, expands: bool) -> Result<(), Unreadable> {
        while let Some(c) = self.rest.next() {
            match c {
                c if c == quote => return Ok(()),
                '\\' if expands => word.extend(self.rest.next()),
                '$' if expands => self.variable(word)?,
                '`' if expands => {
                    return Err(Unreadable("its shell script has a command in a command".into()));
                }
                c => word.push(c),
            }
        }
        Err(Unreadable("a quote in its shell script is not closed".into()))
    }

    /// `$NAME`, `${NAME}` and `${NAME:-default}`.
    fn variable(&mut self, word: &mut String) -> Result<(), Unreadable> {
        let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let text: String = match self.rest.next_if_eq(&'{') {
            Some(_) => {
                let text: String = std::iter::from_fn(|| self.rest.next_if(|c| *c != '}')).collect();
                self.rest.next();
                text
            }
            None => std::iter::from_fn(|| self.rest.next_if(is_name)).collect(),
        };
        let (name, default) = match text.split_once(":-").or_else(|| text.split_once('-')) {
            Some((name, default)) => (name, Some(default)),
            None => (text.as_str(), None),
        };
        let known = !name.is_empty() && name.chars().all(|c| is_name(&c));
        let value = self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        match value.or(default).filter(|_| known) {
            Some(value) => word.push_str(value),
            None => {
                return Err(Unreadable(format!("the value of `${{{text}}}` is known in the container only")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        crate::compat::argv::split(line).unwrap()
    }

    fn found(argv: &[&str]) -> Result<String, String> {
        let argv: Vec<String> = argv.iter().map(|word| word.to_string()).collect();
        let environment = [("POOL".to_owned(), "solo".to_owned())].into();
        celery(&argv, &environment).map(|found| found.arguments.join(" ")).map_err(|error| error.0)
    }

    #[test]
    fn celery_is_found_behind_programs_that_start_another() {
        for line in [
            "celery -A app worker",
            "/opt/venv/bin/celery -A app worker",
            "python -m celery -A app worker",
            "python3.11 -u -W ignore -m celery -A app worker",
            "exec celery -A app worker",
            "env A=1 B=2 celery -A app worker",
            "tini -g -- celery -A app worker",
            "gosu app celery -A app worker",
            "nice -n 5 celery -A app worker",
            "timeout -k 5 3600 celery -A app worker",
            "uv run --frozen --package api celery -A app worker",
            "poetry run celery -A app worker",
            "tini -- gosu app uv run python -m celery -A app worker",
        ] {
            let argv = words(line);
            let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
            assert_eq!(found(&argv).as_deref(), Ok("-A app worker"), "{line}");
        }
    }

    #[test]
    fn the_last_command_of_a_shell_script_counts() {
        for script in [
            "celery -A app worker",
            "exec celery -A app worker",
            "alembic upgrade head && exec celery -A app worker",
            "set -e; cd /srv\nA=1 celery \\\n -A app worker # the worker",
            "celery '-A' \"app\" worker",
        ] {
            assert_eq!(found(&["sh", "-c", script]).as_deref(), Ok("-A app worker"), "{script}");
            assert_eq!(found(&["/bin/bash", "-lc", script]).as_deref(), Ok("-A app worker"), "{script}");
        }
        let script = "celery worker -P ${POOL} -c $POOL -Q ${QUEUE:-gpu}";
        assert_eq!(found(&["sh", "-c", script]).as_deref(), Ok("worker -P solo -c solo -Q gpu"));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (argv, why) in [
            (&["./start.sh"][..], "`./start.sh` is not a program"),
            (&["sh", "start.sh"], "`start.sh` is a script"),
            (&["sh", "-c", "celery worker & celery beat"], "in the background"),
            (&["sh", "-c", "celery worker | tee log"], "`|`"),
            (&["sh", "-c", "celery worker -c $(nproc)"], "known in the container only"),
            (&["sh", "-c", "celery worker -c $CPUS"], "known in the container only"),
            (&["python", "-m", "app.worker"], "`python` is not"),
            (&["python", "worker.py"], "`python` is not"),
            (&[], "in the image"),
        ] {
            let told = found(argv).unwrap_err();
            assert!(told.contains(why), "{argv:?}: {told}");
        }
    }
}
