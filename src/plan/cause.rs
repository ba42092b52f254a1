//! Why something is replaced: in words, and field by field where that is known.

use crate::compose::fields::FieldChange;

/// How many fields are named in the words; all of them are in the list.
const NAMED: usize = 3;

/// Why a container or network is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// In words a person understands.
    pub(super) text: String,
    /// The fields of the files that are not as they were.
    pub(super) fields: Vec<FieldChange>,
}

impl Cause {
    /// The files say something else: these fields; none where it is not known what they said.
    pub(super) fn configuration(fields: Vec<FieldChange>) -> Cause {
        let mut text = "configuration changed".to_string();
        let named: Vec<&str> = fields.iter().take(NAMED).map(|change| change.field.as_str()).collect();
        if !named.is_empty() {
            text = format!("{text}: {}", named.join(", "));
        }
        if fields.len() > NAMED {
            text = format!("{text} and {} more", fields.len() - NAMED);
        }
        Cause { text, fields }
    }
}

impl<T: Into<String>> From<T> for Cause {
    fn from(text: T) -> Cause {
        Cause { text: text.into(), fields: Vec::new() }
    }
}
