//! The backend: the services that are deployed often, by name.

/// The backend's services where neither the settings nor a role name them.
const USUAL: [&str; 3] = ["predict-worker", "score-worker", "report-worker"];

/// Names of backend services, in order: `restart` goes through them backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    names: Vec<String>,
    written: bool,
}

impl Backend {
    /// As `sofa.yaml` names it: then roles do not count.
    pub fn written(names: Vec<String>) -> Backend {
        Backend { names, written: true }
    }

    /// Whether the settings name it, so that no role adds to it or takes its place.
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a service is one of them by name.
    pub fn holds(&self, service: &str) -> bool {
        self.names.iter().any(|name| name == service)
    }
}

impl Default for Backend {
    /// The usual names, which a role overrides.
    fn default() -> Backend {
        Backend { names: USUAL.map(String::from).to_vec(), written: false }
    }
}
