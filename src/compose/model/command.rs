//! Commands: a line or a list of words (Compose spec, “command”).

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::record::Omit;

/// A command: absent (the image's own), or words; no words at all clears the image's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Command(pub Option<Vec<String>>);

impl Omit for Command {
    fn omit(&self) -> bool {
        false
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CommandVisitor)
    }
}

struct CommandVisitor;

impl<'de> Visitor<'de> for CommandVisitor {
    type Value = Command;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command line or a list of words")
    }

    fn visit_unit<E: Error>(self) -> Result<Command, E> {
        Ok(Command(None))
    }

    fn visit_none<E: Error>(self) -> Result<Command, E> {
        Ok(Command(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Command, D::Error> {
        Command::deserialize(deserializer)
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Command, E> {
        crate::compat::argv::split(line).map(|words| Command(Some(words))).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Command, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = access.next_element()? {
            words.push(word);
        }
        Ok(Command(Some(words)))
    }
}
