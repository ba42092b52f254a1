//! The values of a service or network that no Compose file has as they are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::record::Omit;

/// The paths (`environment.TOKEN`, `ports[0].published`) of values that a variable, an env file or a label file gave, or a part
/// of them: they may be secret, so nothing shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Given(pub BTreeSet<String>);

impl Omit for Given {
    fn omit(&self) -> bool {
        self.0.is_empty()
    }
}
