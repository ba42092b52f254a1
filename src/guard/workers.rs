//! Celery workers: what loses tasks, shares a GPU or silently does nothing. Judges services with `x-sofa.worker: celery`.

use std::time::Duration;

use super::candidate::Candidate;
use super::gpus::{self, Devices, GpuUser};
use crate::compose::model::Service;
use crate::diag::finding::Finding;
use crate::plan::gate::uses_gpu;
use crate::plan::workers::{self, is_celery};
use crate::worker::celery::{self, Command, Pool, Worker};

/// The engine's grace period of a stop, where a service says nothing.
const GRACE: Duration = Duration::from_secs(10);

/// Errors in a protected mode, else warnings.
pub(super) fn findings(candidate: &Candidate<'_>) -> Vec<Finding> {
    let project = &candidate.loaded.project;
    let declared: Vec<&Service> = project.services.values().filter(|service| is_celery(service)).collect();
    let mut rules = Rules { candidate, found: Vec::new() };
    let mut schedulers = Vec::new();
    for service in &declared {
        match workers::command(service, None) {
            Err(why) => rules.unread(service, &why.to_string()),
            Ok(Command::Beat) => schedulers.push(*service),
            Ok(Command::Worker(worker)) => {
                if worker.beat {
                    schedulers.push(*service);
                }
                rules.worker(service, &worker);
            }
            Ok(Command::Other(words)) => {
                let message = format!("is declared a Celery worker, but runs `celery {}`", words.join(" "));
                rules.add("worker-command", service, "command", &message, "remove `x-sofa.worker`");
            }
        }
    }
    rules.schedulers(&schedulers);
    rules.shared_devices(&declared);
    if !declared.is_empty() {
        project.services.values().for_each(|service| rules.eviction(service));
    }
    rules.found
}

struct Rules<'a> {
    candidate: &'a Candidate<'a>,
    found: Vec<Finding>,
}

impl Rules<'_> {
    fn worker(&mut self, service: &Service, worker: &Worker) {
        if uses_gpu(service) {
            self.gpu_worker(service, worker);
        }
        let is_solo = worker.pool == Some(Pool::Solo);
        if is_solo && (worker.max_tasks_per_child || worker.max_memory_per_child) {
            let message =
                "its pool is solo, which ignores `--max-tasks-per-child` and `--max-memory-per-child`";
            let fix = "count the tasks in the application and end it; limit memory with `deploy.resources.limits.memory`";
            self.add("solo-recycle", service, "command", message, fix);
        }
        if is_solo && is_ping(service) {
            let message =
                "a solo worker answers no `inspect ping` while it runs a task, so its healthcheck fails then";
            let fix =
                "test something else, for example that its process runs or the age of a file that it touches";
            self.add("solo-ping", service, "healthcheck", message, fix);
        }
        let grace = service.stop_grace_period.map_or(GRACE, |grace| grace.0);
        if let Some(limit) = worker.time_limit.filter(|limit| *limit > grace) {
            let (limit, grace) = (limit.as_secs(), grace.as_secs());
            let message = format!("a task may run {limit} s, but a stop kills the worker after {grace} s");
            let fix = format!("`stop_grace_period` of more than {limit}s, or a lower `--time-limit`");
            self.add("grace-period", service, "command", &message, &fix);
        }
    }

    fn gpu_worker(&mut self, service: &Service, worker: &Worker) {
        if worker.pool != Some(Pool::Solo) {
            let pool = worker.pool.map_or("not said, so prefork", Pool::as_str);
            let message =
                format!("it uses a GPU, but its pool is {pool}: CUDA does not work in forked processes");
            self.add("gpu-pool", service, "command", &message, "`--pool=solo`, and one service for each GPU");
        }
        if worker.autoscale || worker.concurrency.is_some_and(|count| count != 1) {
            let message = "it uses a GPU, but runs more than one task at once";
            self.add("gpu-concurrency", service, "command", message, "`--concurrency=1`");
        }
        let replicas = service.replicas();
        if replicas > 1 {
            let message = format!("it has {replicas} containers, and each gets the same GPU");
            self.add("gpu-replicas", service, "", &message, "one service for each GPU, with one container");
        }
        if let Some(hidden) = gpus::hidden(service) {
            let fix = "number the GPUs from 0 as the container sees them, or reserve all and choose with the variable";
            self.add("gpu-hidden", service, "environment.CUDA_VISIBLE_DEVICES", &hidden, fix);
        }
    }

    /// Each GPU has one worker.
    fn shared_devices(&mut self, services: &[&Service]) {
        let mut seen: Vec<(&Service, Devices)> = Vec::new();
        for service in services.iter().filter(|service| uses_gpu(service)) {
            let Some(devices) = gpus::devices(service) else { continue };
            let shared = seen.iter().find_map(|(other, theirs)| Some((*other, devices.shared(theirs)?)));
            if let Some((other, device)) = shared {
                let message = format!("it uses {device}, as `{}` does", other.name);
                let fix = "give each worker a GPU of its own: `device_ids: [\"1\"]`";
                self.add("gpu-shared", service, "", &message, fix);
            }
            seen.push((service, devices));
        }
    }

    /// A second scheduler sends every periodic task twice.
    fn schedulers(&mut self, services: &[&Service]) {
        for service in services.iter().filter(|service| service.replicas() > 1) {
            let message = format!("it is a scheduler with {} containers", service.replicas());
            self.add(
                "two-schedulers",
                service,
                "",
                &message,
                "one container: each scheduler sends every task",
            );
        }
        let [first, others @ ..] = services else { return };
        for service in others {
            let message = format!("it is a scheduler, and so is `{}`", first.name);
            self.add(
                "two-schedulers",
                service,
                "command",
                &message,
                "one `celery beat`, or one worker with `-B`",
            );
        }
    }

    /// A broker that evicts keys loses tasks.
    fn eviction(&mut self, service: &Service) {
        let words = workers::argv(service, None);
        let is_redis =
            |word: &String| matches!(word.rsplit('/').next(), Some("redis-server" | "valkey-server"));
        if !words.first().is_some_and(is_redis) {
            return;
        }
        let at = words.iter().rposition(|word| word == "--maxmemory-policy");
        let policy = at.and_then(|at| words.get(at + 1)).filter(|policy| policy.starts_with("allkeys-"));
        if let Some(policy) = policy {
            let message = format!("its policy `{policy}` may remove queued tasks when memory is short");
            self.add("redis-eviction", service, "command", &message, "`--maxmemory-policy noeviction`");
        }
    }

    fn unread(&mut self, service: &Service, why: &str) {
        let message = format!("service `{}`: cannot check its Celery options: {why}", service.name);
        let place = self.candidate.place(&format!("services.{}.command", service.name));
        let fix = "write the command of the worker into the Compose file: `celery -A app worker …`";
        self.found.push(Finding::unchecked("worker-command", message, place, fix));
    }

    fn add(&mut self, rule: &'static str, service: &Service, key: &str, message: &str, fix: &str) {
        let name = &service.name;
        let path = if key.is_empty() { format!("services.{name}") } else { format!("services.{name}.{key}") };
        let (message, place) = (format!("service `{name}`: {message}"), self.candidate.place(&path));
        self.found.push(match self.candidate.protected {
            true => Finding::error(rule, message, place, fix).refused(),
            false => Finding::warning(rule, message, place, fix),
        });
    }
}

/// GPUs that a worker would share with a container of another project.
pub(super) fn taken(candidate: &Candidate<'_>, users: &[GpuUser]) -> Vec<Finding> {
    let mut rules = Rules { candidate, found: Vec::new() };
    for service in candidate.loaded.project.services.values().filter(|service| is_celery(service)) {
        let Some(devices) = gpus::devices(service) else { continue };
        let shared = users.iter().find_map(|user| Some((user, devices.shared(&user.devices()?)?)));
        if let Some((user, device)) = shared {
            let message =
                format!("it uses {device}, as container `{}` of another project does", user.container);
            rules.add("gpu-shared", service, "", &message, "reserve another GPU, or stop that container");
        }
    }
    rules.found
}

/// The Celery services whose files ask for a hand-over.
pub(super) fn asked_for_a_handover<'a>(candidate: &Candidate<'a>) -> Vec<&'a str> {
    let asks = |service: &&Service| {
        service.sofa.as_ref().is_some_and(|sofa| sofa.handover.is_some()) && is_celery(service)
    };
    candidate.loaded.project.services.values().filter(asks).map(|service| service.name.as_str()).collect()
}

/// A task that is acknowledged when it begins is lost where its worker is killed.
pub(super) fn early_acknowledgement(candidate: &Candidate<'_>, services: &[&str]) -> Vec<Finding> {
    let mut rules = Rules { candidate, found: Vec::new() };
    for service in services.iter().filter_map(|name| candidate.loaded.project.service(name)) {
        let message = "its application has `task_acks_late` off: a task is lost where its worker is killed";
        let fix =
            "`task_acks_late = True` and `task_reject_on_worker_lost = True`, for tasks that may run twice";
        rules.add("acks-late", service, "x-sofa.handover", message, fix);
    }
    rules.found
}

/// Whether any worker reserves a GPU.
pub(super) fn use_gpus(candidate: &Candidate<'_>) -> bool {
    candidate
        .loaded
        .project
        .services
        .values()
        .any(|service| is_celery(service) && gpus::devices(service).is_some())
}

/// Whether the healthcheck asks the worker with `celery inspect ping`.
fn is_ping(service: &Service) -> bool {
    let test = service.healthcheck.as_ref().map(|check| check.test.0.as_slice()).unwrap_or_default();
    let command = match test.split_first() {
        Some((kind, words)) if kind == "CMD" => words.to_vec(),
        Some((kind, line)) if kind == "CMD-SHELL" => [&["sh".to_owned(), "-c".to_owned()], line].concat(),
        _ => return false,
    };
    match celery::read(&command, &workers::environment(service)) {
        Ok(Command::Other(words)) => {
            let has = |wanted: &str| words.iter().any(|word| word == wanted);
            words.first().is_some_and(|first| first == "inspect" || first == "status")
                && (has("ping") || has("status"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::compose::load::{Input, Request, load};
    use crate::diag::Sources;
    use crate::diag::finding::Severity;

    /// The rules that a file with these services breaks, each with its line.
    fn broken(services: &str) -> Vec<String> {
        let text = format!("x-w: &w\n  image: app\n  x-sofa: {{worker: celery}}\nservices:\n{services}");
        let request = Request {
            working_directory: "/srv".into(),
            files: vec![Input::Stdin(text)],
            ..Request::default()
        };
        let mut sources = Sources::default();
        let loaded = load(&request, &mut sources).map_err(|found| found.render(&sources, false)).unwrap();
        let candidate = Candidate {
            loaded: &loaded,
            sources: &sources,
            env_files: &[],
            root: Path::new("/srv"),
            protected: true,
            wait_timeout: Duration::from_secs(360),
        };
        findings(&candidate)
            .into_iter()
            .map(|found| match found.severity {
                Severity::Unchecked => format!("{}?", found.rule),
                _ => format!("{}:{}", found.rule, found.place.line.unwrap()),
            })
            .collect()
    }

    /// Services `a`, `b`, … with these lines, from line 5 on.
    fn of(services: &[&str]) -> Vec<String> {
        let names = ["a", "b", "c"].into_iter().zip(services);
        broken(&names.map(|(name, line)| format!("  {name}: {{<<: *w, {line}}}\n")).collect::<String>())
    }

    const SOLO: &str = "command: celery -A app worker -P solo -c 1, stop_grace_period: 2m";

    fn on_gpu(id: &str, rest: &str) -> String {
        format!("{rest}, gpus: [{{device_ids: [\"{id}\"]}}]")
    }

    #[test]
    fn a_gpu_has_one_solo_worker() {
        assert_eq!(of(&[&on_gpu("0", SOLO), &on_gpu("1", SOLO)]), [""; 0]);
        assert_eq!(of(&[&on_gpu("0", SOLO), &on_gpu("0", SOLO)]), ["gpu-shared:6"]);
        assert_eq!(of(&[&on_gpu("0", "command: celery -A app worker -c 1")]), ["gpu-pool:5"]);
        assert_eq!(of(&[&on_gpu("0", "command: celery -A app worker -P prefork -c 1")]), ["gpu-pool:5"]);
        assert_eq!(of(&[&on_gpu("0", "command: celery -A app worker -P solo -c 2")]), ["gpu-concurrency:5"]);
        assert_eq!(
            of(&[&on_gpu("0", "command: celery -A app worker -P solo --autoscale 3")]),
            ["gpu-concurrency:5"]
        );
        assert_eq!(of(&[&on_gpu("0", &format!("{SOLO}, scale: 2"))]), ["gpu-replicas:5"]);
        assert_eq!(of(&["command: celery -A app worker -P prefork -c 16"]), [""; 0], "without a GPU");
    }

    #[test]
    fn the_variable_and_the_reservation_number_gpus_differently() {
        let with =
            |index: &str| on_gpu("1", &format!("{SOLO}, environment: {{CUDA_VISIBLE_DEVICES: \"{index}\"}}"));
        assert_eq!(of(&[&with("1")]), ["gpu-hidden:5"]);
        assert_eq!(of(&[&with("0")]), [""; 0]);
    }

    #[test]
    fn what_a_solo_worker_ignores_or_cannot_answer_is_told() {
        assert_eq!(
            of(&["command: celery -A app worker -P solo --max-tasks-per-child=50"]),
            ["solo-recycle:5"]
        );
        assert_eq!(of(&["command: celery -A app worker -P prefork --max-tasks-per-child=50"]), [""; 0]);
        let ping = "healthcheck: {test: celery -A app inspect ping -d celery@x}";
        assert_eq!(of(&[&format!("{SOLO}, {ping}")]), ["solo-ping:5"]);
        assert_eq!(of(&[&format!("command: celery -A app worker -P threads, {ping}")]), [""; 0]);
        assert_eq!(of(&[&format!("{SOLO}, healthcheck: {{test: test -e /tmp/ping}}")]), [""; 0]);
    }

    #[test]
    fn a_stop_leaves_a_task_its_time() {
        assert_eq!(
            of(&["command: celery -A app worker --time-limit 300"]),
            ["grace-period:5"],
            "ten seconds"
        );
        assert_eq!(of(&["command: celery -A app worker --time-limit 300, stop_grace_period: 5m"]), [""; 0]);
        assert_eq!(
            of(&["command: celery -A app worker --time-limit 300, stop_grace_period: 4m59s"]),
            ["grace-period:5"]
        );
    }

    #[test]
    fn there_is_one_scheduler() {
        let (beat, worker) = ("command: celery -A app beat", "command: celery -A app worker");
        assert_eq!(of(&[beat, worker]), [""; 0]);
        assert_eq!(of(&[beat, "command: celery -A app worker -B"]), ["two-schedulers:6"]);
        assert_eq!(of(&["command: celery -A app beat, scale: 2"]), ["two-schedulers:5"]);
        assert_eq!(of(&["command: celery -A app worker, scale: 2"]), [""; 0]);
    }

    #[test]
    fn a_broker_keeps_its_tasks() {
        let redis = |policy: &str| {
            let worker = "  a: {<<: *w, command: celery -A app worker}\n";
            broken(&format!(
                "{worker}  redis: {{image: redis, command: redis-server --maxmemory-policy {policy}}}\n"
            ))
        };
        assert_eq!(redis("allkeys-lru"), ["redis-eviction:6"]);
        assert_eq!(redis("noeviction"), [""; 0]);
        assert_eq!(redis("volatile-lru"), [""; 0], "tasks have no expiry");
        let without = "  redis: {image: redis, command: redis-server --maxmemory-policy allkeys-lru}\n";
        assert_eq!(broken(without), [""; 0], "a cache, without workers");
    }

    #[test]
    fn what_cannot_be_read_is_unchecked_and_what_is_no_worker_is_told() {
        assert_eq!(of(&["command: ./worker.sh"]), ["worker-command?"]);
        assert_eq!(of(&["environment: {A: b}"]), ["worker-command?"]);
        assert_eq!(of(&["command: celery -A app flower"]), ["worker-command:5"]);
        assert_eq!(
            broken("  a: {image: app, command: celery -A app worker --max-tasks-per-child=5 -P solo}\n"),
            [""; 0]
        );
    }
}
