//! The state of the queue workers of a project, read by exec in their containers. Works from labels and reads no file.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::docker::handover;
use crate::engine::Engine;
use crate::engine::exec::ExecCommand;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::plan::handover::{HandOver, Method, of_container};
use crate::plan::observed::Container;
use crate::worker::control::Status;

/// The heads of [`Workers::rows`].
pub const COLUMNS: [&str; 7] = ["WORKER", "DOES", "WAITING", "ACTIVE", "RESERVED", "SCHEDULED", "GPU MEMORY"];

/// How long a command that only looks may take.
const LOOK: Duration = Duration::from_secs(20);

/// The workers in scope that run.
pub struct Workers(Vec<Worker>);

/// A container that hands over its work, and its state.
struct Worker {
    name: String,
    container: String,
    quiesced: bool,
    found: Found,
    /// MiB used and there, of the GPUs that its container has.
    gpu_memory: Option<(u64, u64)>,
}

/// The state of a worker, by its kind.
enum Found {
    Celery(Status),
    /// Whether its `idle` command succeeded.
    Other {
        idle: bool,
    },
    /// The reason why the state is not known.
    Nothing(String),
}

impl Workers {
    /// Asks all workers at once. Asks nothing where the project has none.
    ///
    /// # Errors
    /// A named service that the project does not have.
    pub async fn of(context: &Context) -> Result<Workers, Failure> {
        let live = context.live_project(View::Project).await?;
        let workers = live.scope.pick(&live.observed.containers).into_iter();
        let workers = workers.filter(|container| container.is_up() && !container.oneoff);
        let workers = workers.filter_map(|container| Some((container, of_container(container, None)?)));
        let asked = workers.map(|(container, handover)| ask(&live.engine, container, handover));
        Ok(Workers(join_all(asked).await.into_iter().flatten().collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cells of a table, a row for each worker.
    pub fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(Worker::cells).collect()
    }

    /// One JSON object a line.
    pub fn json(&self) -> String {
        self.0.iter().map(|worker| worker.object().to_string() + "\n").collect()
    }

    /// The reasons why the state of some workers is not known.
    pub fn notes(&self) -> Vec<String> {
        let silent = self.0.iter().filter_map(|worker| match &worker.found {
            Found::Nothing(why) => Some(format!("{} could not be asked: {why}", worker.container)),
            _ => None,
        });
        silent.collect()
    }
}

/// `None` for a container that hands over requests: it is no worker.
async fn ask(engine: &Engine, container: &Container, handover: HandOver) -> Option<Worker> {
    let found = match handover.method {
        Method::Celery => match handover::look(engine, &container.id).await {
            Ok(Ok(status)) => Found::Celery(status),
            Ok(Err(why)) => Found::Nothing(why),
            Err(error) => Found::Nothing(engine_failure(error).messages.join("; ")),
        },
        Method::Edge => return None,
        Method::Commands(commands) => {
            let command = ExecCommand { argv: commands.idle, ..ExecCommand::default() };
            match engine.exec(&container.id, &command, LOOK).await {
                Ok(outcome) => Found::Other { idle: outcome.exit_code == Some(0) },
                Err(error) => Found::Nothing(engine_failure(error).messages.join("; ")),
            }
        }
    };
    let name = match container.number {
        0 | 1 => container.service.clone(),
        number => format!("{} {number}", container.service),
    };
    let gpu_memory = gpu_memory(engine, container).await;
    Some(Worker { name, container: container.name.clone(), quiesced: container.quiesced, found, gpu_memory })
}

/// The memory of the GPUs of a container, by `nvidia-smi` in it.
async fn gpu_memory(engine: &Engine, container: &Container) -> Option<(u64, u64)> {
    let details = engine.inspect(container.id.as_str()).await.ok()?;
    if !details.has_gpu {
        return None;
    }
    let argv = ["nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"];
    let command = ExecCommand { argv: argv.map(String::from).to_vec(), ..ExecCommand::default() };
    let outcome = engine.exec(&container.id, &command, LOOK).await.ok()?;
    memory(&String::from_utf8_lossy(&outcome.stdout))
}

/// The sums of `used, total` lines, in MiB.
fn memory(printed: &str) -> Option<(u64, u64)> {
    let mut sums = None;
    for line in printed.lines() {
        let (used, total) = line.split_once(',')?;
        let (used, total): (u64, u64) = (used.trim().parse().ok()?, total.trim().parse().ok()?);
        let (all_used, all) = sums.unwrap_or((0, 0));
        sums = Some((all_used + used, all + total));
    }
    sums
}

impl Worker {
    /// Its state in a word or two.
    fn does(&self) -> &'static str {
        match &self.found {
            Found::Nothing(_) => "?",
            Found::Celery(status) if status.workers == 0 => "no worker",
            Found::Celery(Status { silent: true, .. }) => "busy",
            Found::Celery(status) if status.queues.is_empty() => match status.active + status.reserved {
                0 => "drained",
                _ => "draining",
            },
            Found::Celery(_) => "consumes",
            Found::Other { idle: true } if self.quiesced => "drained",
            Found::Other { idle: false } if self.quiesced => "draining",
            Found::Other { idle: true } => "idle",
            Found::Other { idle: false } => "busy",
        }
    }

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let mut cells = vec![self.name.clone(), self.does().to_owned()];
        cells.extend(match &self.found {
            Found::Celery(status) => {
                let waiting: Vec<String> =
                    status.depths.iter().map(|(queue, depth)| format!("{queue} {depth}")).collect();
                let count = |count: usize| if status.silent { dash() } else { count.to_string() };
                let counts = [status.active, status.reserved, status.scheduled].map(count);
                [vec![waiting.join(", ")], counts.to_vec()].concat()
            }
            Found::Other { .. } | Found::Nothing(_) => vec![dash(); 4],
        });
        cells.push(self.gpu_memory.map_or_else(dash, |(used, total)| format!("{used} / {total} MiB")));
        cells
    }

    fn object(&self) -> Value {
        let mut object = json!({
            "Worker": self.name,
            "Container": self.container,
            "Does": self.does(),
            "GpuMemoryMiB": self.gpu_memory.map(|(used, total)| json!({ "Used": used, "Total": total })),
        });
        if let (Found::Celery(status), Value::Object(fields)) = (&self.found, &mut object) {
            let known = !status.silent;
            let count = |count: usize| known.then_some(count);
            fields.insert("Queues".into(), json!(status.queues));
            fields.insert("Waiting".into(), json!(status.depths));
            fields.insert("Active".into(), json!(count(status.active)));
            fields.insert("Reserved".into(), json!(count(status.reserved)));
            fields.insert("Scheduled".into(), json!(count(status.scheduled)));
            fields.insert("AcksLate".into(), json!(status.acks_late));
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(found: Found, quiesced: bool) -> Worker {
        Worker {
            name: "cpu".into(),
            container: "p-cpu-1".into(),
            quiesced,
            found,
            gpu_memory: Some((10, 80)),
        }
    }

    #[test]
    fn the_memory_of_all_gpus_is_added() {
        assert_eq!(memory("100, 81920\n23, 81920\n"), Some((123, 163_840)));
        assert_eq!(memory("NVIDIA-SMI has failed\n"), None);
        assert_eq!(memory(""), None);
    }

    #[test]
    fn what_a_worker_does_is_one_word() {
        let status = |queues: &[&str], active| Status {
            workers: 1,
            queues: queues.iter().map(|queue| queue.to_string()).collect(),
            active,
            ..Status::default()
        };
        for (found, quiesced, word) in [
            (Found::Celery(status(&["cpu"], 0)), false, "consumes"),
            (Found::Celery(status(&[], 2)), true, "draining"),
            (Found::Celery(status(&[], 0)), true, "drained"),
            (Found::Celery(Status { silent: true, ..status(&[], 0) }), false, "busy"),
            (Found::Celery(Status::default()), false, "no worker"),
            (Found::Other { idle: false }, false, "busy"),
            (Found::Other { idle: false }, true, "draining"),
            (Found::Nothing("gone".into()), false, "?"),
        ] {
            assert_eq!(worker(found, quiesced).does(), word);
        }
    }

    #[test]
    fn counts_that_are_not_known_are_not_shown_as_zero() {
        let silent =
            Status { workers: 1, silent: true, depths: [("gpu".to_owned(), 3)].into(), ..Status::default() };
        let worker = worker(Found::Celery(silent), false);
        assert_eq!(worker.cells(), ["cpu", "busy", "gpu 3", "-", "-", "-", "10 / 80 MiB"]);
        assert_eq!(worker.object()["Active"], Value::Null);
        assert_eq!(worker.object()["Waiting"]["gpu"], 3);
    }
}
