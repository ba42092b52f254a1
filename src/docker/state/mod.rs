//! The state of a project on the Docker Engine.
//!
//! The records of project `p` are in the volume `sofa.state.p`. They are read and written through a container of the same
//! name that is never started. The lock is another such container, `sofa.lock.p`. None of them has docker compose's
//! labels, so `down` and `docker compose down -v` keep them; `docker rm sofa.state.p && docker volume rm sofa.state.p`
//! removes the records.

mod lock;
mod records;
pub mod tags;

use crate::engine::{Engine, EngineError};
use crate::labels::sofa;
use crate::plan::observed::Observed;
use crate::state::{self, ContentKey, ErrorKind, StorageError};

pub type Lock = state::Lock<Engine>;
pub type LockError = state::LockError<EngineError>;
pub type Record = state::record::Record<Engine>;
pub type StateError = state::StateError<EngineError>;
pub type Store = state::Store<Engine>;

impl StorageError for EngineError {
    fn kind(&self) -> ErrorKind {
        match self {
            EngineError::Api { status: 404, .. } => ErrorKind::Missing,
            EngineError::Api { status: 409, .. } => ErrorKind::Conflict,
            EngineError::Api { status: 500.., .. } => ErrorKind::Unavailable,
            EngineError::Unreachable { .. }
            | EngineError::Stream { .. }
            | EngineError::Timeout { .. }
            | EngineError::Answer { .. } => ErrorKind::Unclear,
            EngineError::TooOld { .. }
            | EngineError::Api { .. }
            | EngineError::Failed { .. }
            | EngineError::Unsupported { .. }
            | EngineError::File { .. } => ErrorKind::Final,
        }
    }
}

/// The project's key, from a label of the volume of its records: the list of volumes shows it without another call, and
/// who can read it can read `docker inspect` too.
pub fn content_key(observed: &Observed) -> Option<ContentKey> {
    ContentKey::from_text(observed.store.as_ref()?.labels.get(sofa::KEY)?)
}

#[cfg(test)]
mod tests {
    use super::content_key;
    use crate::labels::sofa;
    use crate::plan::observed::{Observed, Volume};
    use crate::state::ContentKey;

    #[test]
    fn the_key_of_a_project_is_read_from_the_label_of_its_volume() {
        let key = ContentKey::generate().unwrap();
        let labels = [(sofa::KEY.to_owned(), key.to_text())].into();
        let store = Volume {
            name: "sofa.state.p".into(),
            driver: "local".into(),
            options: Default::default(),
            labels,
        };
        assert_eq!(content_key(&Observed { store: Some(store), ..Observed::default() }), Some(key));
        assert_eq!(content_key(&Observed::default()), None);
    }
}
