//! The Compose projects that are deployed: many small services, and few that wait for each other.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// A shell that ends as soon as it gets a signal.
pub const COMMAND: [&str; 3] = ["sh", "-c", "trap 'exit 0' TERM; : > /tmp/ready; sleep 86400 & wait"];

/// A folder with a Compose file, removed with its owner.
pub struct Fleet {
    folder: TempDir,
    name: String,
}

impl Fleet {
    /// This many services without a healthcheck.
    pub fn plain(services: usize, image: &str) -> Result<Self> {
        let service = format!("{{image: {image}, command: {}}}", listed(&COMMAND));
        Self::write((1..=services).map(|number| (format!("service-{number:02}"), service.clone())))
    }

    /// This many services, each healthy at its first test, which the engine runs every second.
    pub fn checked(services: usize, image: &str) -> Result<Self> {
        let service = waiting(image, 0.0, 1, None);
        Self::write((1..=services).map(|number| (format!("service-{number:02}"), service.clone())))
    }

    /// So many services, each behind the one before it, looked at every second and ready 0.3 s after their start.
    pub fn chain(services: usize, image: &str) -> Result<Self> {
        let name = |number: usize| format!("service-{number:02}");
        Self::write((1..=services).map(|number| {
            let before = (number > 1).then(|| name(number - 1));
            (name(number), waiting(image, 0.3, 1, before.as_deref()))
        }))
    }

    /// Two services that are looked at every 10 s, and behind each one that is looked at every 30 s; all are ready 1 s after
    /// their start.
    pub fn seldom_checked(image: &str) -> Result<Self> {
        let service = |name: &str, interval, before: Option<&str>| {
            (name.to_owned(), waiting(image, 1.0, interval, before))
        };
        Self::write([
            service("database", 10, None),
            service("queue", 10, None),
            service("api", 30, Some("database")),
            service("worker", 30, Some("queue")),
        ])
    }

    /// A project of this run alone: what another run may have left, such as a network that the engine does not give up, is
    /// not in its way.
    fn write(services: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let unique = folder.path().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = format!("sofa-bench-{}", unique.trim_start_matches('.'));
        let mut file = format!("name: {name}\nservices:\n");
        for (name, service) in services {
            file += &format!("  {name}: {service}\n");
        }
        fs::write(folder.path().join("compose.yaml"), file)?;
        Ok(Self { folder, name })
    }

    /// Its project's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A service that is ready so many seconds after its start, and whose health the engine looks at on this interval.
fn waiting(image: &str, boot: f64, interval: u32, before: Option<&str>) -> String {
    let script = format!("trap 'exit 0' TERM; sleep {boot}; : > /tmp/ready; sleep 86400 & wait");
    let depends = before.map(|name| format!(", depends_on: {{{name}: {{condition: service_healthy}}}}"));
    format!(
        "{{image: {image}, command: {}, healthcheck: {{test: [CMD, test, -f, /tmp/ready], interval: {interval}s, \
         timeout: 2s, retries: 30}}{}}}",
        listed(&["sh", "-c", &script]),
        depends.unwrap_or_default(),
    )
}

fn listed(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
}
