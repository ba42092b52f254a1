//! The backend: the services that are deployed often, by name.

/// The backend where neither `sofa.yaml` nor a role names one.
const DEFAULT: [&str; 3] = ["predict-worker", "score-worker", "report-worker"];

/// Names of backend services. `restart` restarts them in reverse order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    names: Vec<String>,
    explicit: bool,
}

impl Backend {
    /// The backend of `sofa.yaml`. Roles are then ignored.
    pub fn explicit(names: Vec<String>) -> Backend {
        Backend { names, explicit: true }
    }

    /// Whether `sofa.yaml` names the backend, so that roles are ignored.
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn contains(&self, service: &str) -> bool {
        self.names.iter().any(|name| name == service)
    }
}

impl Default for Backend {
    /// Names that a role overrides.
    fn default() -> Backend {
        Backend { names: DEFAULT.map(String::from).to_vec(), explicit: false }
    }
}
