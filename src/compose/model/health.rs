//! How a container's health is judged (Compose spec, “healthcheck”).

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::{fmt, time};

use super::record::{Omit, record};
use super::{Duration, Extensions};

/// What the engine takes where nothing is said (`docker run --help`).
const INTERVAL: time::Duration = time::Duration::from_secs(30);
const TIMEOUT: time::Duration = time::Duration::from_secs(30);
const RETRIES: u64 = 3;

record! {
    /// The `healthcheck` section. Absent values are the image's or the engine's defaults.
    pub struct Healthcheck {
        /// The test.
        pub test: HealthcheckTest,
        /// How long one test may take.
        pub timeout: Option<Duration>,
        /// Pause between tests.
        pub interval: Option<Duration>,
        /// Failures in a row until the container is unhealthy.
        pub retries: Option<u64>,
        /// Time at the start in which failures do not count.
        pub start_period: Option<Duration>,
        /// Pause between tests during the start period (API 1.44).
        pub start_interval: Option<Duration>,
        /// Whether the image's own check is switched off.
        pub disable: bool,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

/// A test in the engine's form: `NONE`, `CMD` and words, or `CMD-SHELL` and one line. Empty: the image's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HealthcheckTest(pub Vec<String>);

impl Omit for HealthcheckTest {
    fn omit(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for HealthcheckTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TestVisitor)
    }
}

struct TestVisitor;

impl<'de> Visitor<'de> for TestVisitor {
    type Value = HealthcheckTest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command line, or a list that begins with `NONE`, `CMD` or `CMD-SHELL`")
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<HealthcheckTest, E> {
        Ok(HealthcheckTest(vec!["CMD-SHELL".to_owned(), line.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<HealthcheckTest, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = access.next_element()? {
            words.push(word);
        }
        Ok(HealthcheckTest(words))
    }
}

impl Healthcheck {
    /// Whether no test runs: `disable: true`, or `test: [NONE]`.
    pub fn is_disabled(&self) -> bool {
        self.disable || self.test.0.first().is_some_and(|word| word == "NONE")
    }

    /// How long the engine takes to call a container unhealthy whose tests fail at once: `start_period` + `interval` × `retries`,
    /// with the engine's defaults.
    pub fn patience(&self) -> time::Duration {
        self.grace() + self.interval() * self.retries()
    }

    /// The time at the start in which failures do not count.
    pub fn grace(&self) -> time::Duration {
        self.start_period.map_or(time::Duration::ZERO, |time| time.0)
    }

    /// How long it takes until the container is unhealthy, where each test takes as long as it may.
    pub fn longest_round(&self) -> time::Duration {
        (self.interval() + or_default(self.timeout, TIMEOUT)) * self.retries()
    }

    fn interval(&self) -> time::Duration {
        or_default(self.interval, INTERVAL)
    }

    fn retries(&self) -> u32 {
        let retries = self.retries.filter(|retries| *retries > 0).unwrap_or(RETRIES);
        // Nobody waits longer, and the product does not overflow.
        u32::try_from(retries).unwrap_or(u32::MAX).min(100_000)
    }
}

fn or_default(time: Option<Duration>, default: time::Duration) -> time::Duration {
    time.map(|time| time.0).filter(|time| !time.is_zero()).unwrap_or(default)
}
