//! The command line of Celery, read as Click reads it (celery 5.5 and 5.7, `celery/bin/worker.py`): long options with `=` or a space, short ones
//! joined or apart, and values from `CELERY_WORKER_*` variables.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Unreadable, program};

/// What a Celery command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Worker(Worker),
    /// `celery beat`: a scheduler.
    Beat,
    /// Flower, `inspect` and others: the words from the command on.
    Other(Vec<String>),
}

/// A `celery worker`, as far as its command line and environment say it; none is the application's own setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worker {
    pub pool: Option<Pool>,
    pub concurrency: Option<u32>,
    /// Whether it changes its concurrency with the load.
    pub autoscale: bool,
    /// Whether it runs a scheduler too (`-B`).
    pub beat: bool,
    pub max_tasks_per_child: bool,
    pub max_memory_per_child: bool,
    /// The hard limit of a task.
    pub time_limit: Option<Duration>,
    /// The node's name as written, such as `gpu@%h`.
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    Prefork,
    Solo,
    Threads,
    Gevent,
    Eventlet,
    Custom,
}

impl Pool {
    /// As Celery names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Pool::Prefork => "prefork",
            Pool::Solo => "solo",
            Pool::Threads => "threads",
            Pool::Gevent => "gevent",
            Pool::Eventlet => "eventlet",
            Pool::Custom => "custom",
        }
    }

    fn of(word: &str) -> Option<Pool> {
        Some(match word {
            "prefork" | "processes" => Pool::Prefork,
            "solo" => Pool::Solo,
            "threads" => Pool::Threads,
            "gevent" => Pool::Gevent,
            "eventlet" => Pool::Eventlet,
            "custom" => Pool::Custom,
            _ => return None,
        })
    }
}

/// An option: its names, and whether it takes a value.
type OptionOf = (&'static [&'static str], bool);

/// The options before the subcommand (`celery/bin/celery.py`).
const GLOBAL: &[OptionOf] = &[
    (&["--app", "-A"], true),
    (&["--broker", "-b"], true),
    (&["--result-backend"], true),
    (&["--loader"], true),
    (&["--config"], true),
    (&["--workdir"], true),
    (&["--no-color", "-C"], false),
    (&["--quiet", "-q"], false),
    (&["--version"], false),
    (&["--skip-checks"], false),
    (&["--help"], false),
];

/// The options of `worker`; the first name is that of its variable.
const WORKER: &[OptionOf] = &[
    (&["--pool", "-P"], true),
    (&["--concurrency", "-c"], true),
    (&["--autoscale"], true),
    (&["--queues", "-Q"], true),
    (&["--beat", "-B"], false),
    (&["--max-tasks-per-child"], true),
    (&["--max-memory-per-child"], true),
    (&["--time-limit"], true),
    (&["--hostname", "-n"], true),
    (&["--detach", "-D"], false),
    (&["--statedb", "-S"], true),
    (&["--loglevel", "-l"], true),
    (&["--optimization", "-O"], true),
    (&["--prefetch-multiplier"], true),
    (&["--disable-prefetch"], false),
    (&["--task-events", "--events", "-E"], false),
    (&["--soft-time-limit"], true),
    (&["--purge", "--discard"], false),
    (&["--exclude-queues", "-X"], true),
    (&["--include", "-I"], true),
    (&["--without-gossip"], false),
    (&["--without-mingle"], false),
    (&["--without-heartbeat"], false),
    (&["--heartbeat-interval"], true),
    (&["--schedule-filename", "--schedule", "-s"], true),
    (&["--scheduler"], true),
    (&["--logfile", "-f"], true),
    (&["--pidfile"], true),
    (&["--uid"], true),
    (&["--gid"], true),
    (&["--umask"], true),
    (&["--executable"], true),
    (&["--help"], false),
];

/// Reads the command line of a container.
///
/// # Errors
/// In words, where it cannot be read: then nothing is known of the worker.
pub fn read(argv: &[String], environment: &BTreeMap<String, String>) -> Result<Command, Unreadable> {
    let found = program::celery(argv, environment)?;
    let (_, rest) = options(&found.arguments, GLOBAL, Others::End)?;
    match rest.split_first() {
        Some((command, rest)) if command == "worker" => {
            let (typed, _) = options(rest, WORKER, Others::Skipped)?;
            worker(typed, &found.environment).map(Command::Worker)
        }
        Some((command, _)) if command == "beat" => Ok(Command::Beat),
        Some(_) => Ok(Command::Other(rest.to_vec())),
        None => Err(Unreadable("`celery` runs no command".into())),
    }
}

type Typed = BTreeMap<&'static str, String>;

/// What another word than an option does: it ends the options of `celery`, and means nothing to `worker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    End,
    Skipped,
}

/// The options by their first names, and the words behind them. A flag has the value `true`.
fn options<'w>(
    words: &'w [String],
    known: &[OptionOf],
    others: Others,
) -> Result<(Typed, &'w [String]), Unreadable> {
    let unknown = |word: &str| Unreadable(format!("Celery has no option `{word}` there"));
    let find = |name: &str| {
        known.iter().find(|(names, _)| names.contains(&name)).map(|(names, value)| (names[0], *value))
    };
    let mut typed = Typed::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let value_behind = |at: &mut usize| {
            *at += 1;
            words.get(*at - 1).cloned().ok_or_else(|| Unreadable(format!("`{word}` has no value")))
        };
        if word == "--" {
            break;
        } else if word.starts_with("--") {
            let (name, joined) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let (name, takes_value) = find(name).ok_or_else(|| unknown(name))?;
            let value = match (takes_value, joined) {
                (true, Some(value)) => value.to_owned(),
                (true, None) => value_behind(&mut at)?,
                (false, None) => "true".to_owned(),
                (false, Some(_)) => return Err(Unreadable(format!("`{name}` takes no value"))),
            };
            typed.insert(name, value);
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            for (offset, letter) in letters.char_indices() {
                let short = format!("-{letter}");
                let (name, takes_value) = find(&short).ok_or_else(|| unknown(&short))?;
                if !takes_value {
                    typed.insert(name, "true".to_owned());
                    continue;
                }
                // The rest of the word is the value; Click drops no `=`.
                let value = match &letters[offset + letter.len_utf8()..] {
                    "" => value_behind(&mut at)?,
                    rest => rest.to_owned(),
                };
                typed.insert(name, value);
                break;
            }
        } else if others == Others::End {
            return Ok((typed, &words[at - 1..]));
        }
    }
    Ok((typed, words.get(at..).unwrap_or_default()))
}

fn worker(mut typed: Typed, environment: &BTreeMap<String, String>) -> Result<Worker, Unreadable> {
    for (names, _) in WORKER {
        let variable = format!(
            "CELERY_WORKER_{}",
            names[0].trim_start_matches('-').replace('-', "_").to_ascii_uppercase()
        );
        if let Some(value) = environment.get(&variable).filter(|value| !value.is_empty()) {
            typed.entry(names[0]).or_insert_with(|| value.clone());
        }
    }
    let number = |name: &str| match typed.get(name) {
        None => Ok(None),
        Some(text) => match text.parse::<f64>() {
            Ok(number) if number >= 0.0 => Ok(Some(number)),
            _ => Err(Unreadable(format!("`{name}` is `{text}`, which is no number"))),
        },
    };
    let pool = match typed.get("--pool") {
        None => None,
        Some(word) => {
            let known = Pool::of(word);
            Some(known.ok_or_else(|| Unreadable(format!("Celery has no pool `{word}`")))?)
        }
    };
    let is_set = |name: &str| typed.contains_key(name);
    Ok(Worker {
        pool,
        concurrency: number("--concurrency")?.map(|number| number as u32),
        autoscale: is_set("--autoscale"),
        beat: typed
            .get("--beat")
            .is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no" | "off")),
        max_tasks_per_child: is_set("--max-tasks-per-child"),
        max_memory_per_child: is_set("--max-memory-per-child"),
        time_limit: number("--time-limit")?.map(Duration::from_secs_f64),
        hostname: typed.get("--hostname").cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str, environment: &[(&str, &str)]) -> Result<Command, String> {
        let argv = crate::compat::argv::split(line).unwrap();
        let environment =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read(&argv, &environment).map_err(|error| error.0)
    }

    fn worker_of(line: &str) -> Worker {
        match read_line(line, &[]) {
            Ok(Command::Worker(worker)) => worker,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_are_read_in_every_form() {
        let expected = Worker { pool: Some(Pool::Solo), concurrency: Some(1), ..Worker::default() };
        for line in [
            "celery -A app worker --pool=solo --concurrency=1 --queues=gpu_0,gpu_1",
            "celery -A app worker --pool solo --concurrency 1 --queues gpu_0,gpu_1",
            "celery --app=app worker -P solo -c 1 -Q gpu_0,gpu_1",
            "celery -Aapp worker -Psolo -c1 -Qgpu_0,gpu_1 -l INFO",
            "celery -q -A app worker -EPsolo -c1 -Qgpu_0,gpu_1 -Ofair --loglevel=INFO",
        ] {
            assert_eq!(worker_of(line), expected, "{line}");
        }
    }

    #[test]
    fn a_value_is_not_an_option() {
        assert_eq!(worker_of("celery -A app worker more -c 2").concurrency, Some(2));
        assert_eq!(worker_of("celery -A app worker -- -c 2").concurrency, None);
        let named = worker_of("celery -A app worker -n --pool=solo");
        assert_eq!((named.pool, named.hostname.as_deref()), (None, Some("--pool=solo")));
        assert!(!worker_of("celery -A beat worker -l info").beat);
    }

    #[test]
    fn variables_give_what_is_not_typed() {
        let variables =
            [("CELERY_WORKER_POOL", "solo"), ("CELERY_WORKER_CONCURRENCY", "4"), ("CELERY_WORKER_BEAT", "1")];
        let Ok(Command::Worker(worker)) = read_line("celery -A app worker -c 1", &variables) else {
            panic!()
        };
        assert_eq!((worker.pool, worker.concurrency, worker.beat), (Some(Pool::Solo), Some(1), true));
    }

    #[test]
    fn schedulers_and_limits_are_seen() {
        assert_eq!(read_line("celery -A app beat -l info", &[]), Ok(Command::Beat));
        assert_eq!(
            read_line("celery -A app flower --port=5555", &[]),
            Ok(Command::Other(vec!["flower".into(), "--port=5555".into()]))
        );
        let worker = worker_of(
            "celery -A app worker -B --time-limit=90 --max-tasks-per-child 50 --max-memory-per-child=8000000",
        );
        assert!(worker.beat && worker.max_tasks_per_child && worker.max_memory_per_child);
        assert_eq!(worker.time_limit, Some(Duration::from_secs(90)));
        assert!(worker_of("celery -A app worker --autoscale=10,3").autoscale);
    }

    #[test]
    fn what_celery_would_refuse_cannot_be_read() {
        for (line, why) in [
            ("celery worker -A app", "no option `-A`"),
            ("celery -A app worker --pol=solo", "no option `--pol`"),
            ("celery -A app worker -P", "has no value"),
            ("celery -A app worker -P fork", "no pool `fork`"),
            ("celery -A app worker -c many", "no number"),
            ("celery -A app worker -P SOLO", "no pool `SOLO`"),
            ("celery -A app worker -P=solo", "no pool `=solo`"),
            ("celery -A app worker --beat=1", "takes no value"),
            ("celery -A app", "runs no command"),
        ] {
            let told = read_line(line, &[]).unwrap_err();
            assert!(told.contains(why), "{line}: {told}");
        }
    }
}
