//! How a container's health is judged (Compose spec, “healthcheck”).

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

use super::record::{Omit, record};
use super::{Duration, Extensions};

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
}
