//! The input and the output of the loader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::compose::model::{Given, Project, ServiceName};
use crate::diag::{Diagnostic, Diagnostics};
use crate::yaml::{Kind, Node, Span};

/// What to load. `Request::default()` with a working directory and an environment is `docker compose config` without options.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The process's working directory, absolute; relative paths of the request start here, and so does discovery.
    pub working_directory: PathBuf,
    /// `-f`, in order; empty means `COMPOSE_FILE`, else discovery.
    pub files: Vec<Input>,
    /// `--project-directory`; without it the folder of the first file.
    pub project_directory: Option<PathBuf>,
    /// `--env-file`, in order; empty means `COMPOSE_ENV_FILES`, else the default `.env`.
    pub env_files: Vec<PathBuf>,
    /// `--project-name`; without it `COMPOSE_PROJECT_NAME`, else `name:` in the files, else the folder's name.
    pub project_name: Option<String>,
    /// A name that gives way to `COMPOSE_PROJECT_NAME` and wins over `name:` in the files: a mode's own.
    pub fallback_name: Option<String>,
    /// `--profile`, added to `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Services named on the command line: each enables its own profiles.
    pub services: Vec<ServiceName>,
    /// The process's environment (`COMPOSE_*` included).
    pub environment: BTreeMap<String, String>,
    /// A Compose file in text form that is merged after all others: what options of a verb say about a service.
    pub typed: Option<String>,
    /// Stages to leave out.
    pub options: Options,
}

/// Where a Compose file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A path, relative to the working directory or absolute.
    Path(PathBuf),
    /// `-f -`: the text that was read from standard input.
    Stdin(String),
}

/// Stages to leave out; the default leaves out none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `--no-interpolate`: variables stay as written. The project then has only a name and paths; the content of the files is in
    /// [`Origins::tree`].
    pub no_interpolate: bool,
    /// `--no-normalize`: no defaults are added.
    pub no_normalize: bool,
    /// `--no-path-resolution`: paths stay relative.
    pub no_path_resolution: bool,
    /// `--no-consistency`: references between parts are not checked.
    pub no_consistency: bool,
    /// `--no-env-resolution`: `env_file` stays, and its variables are not added to `environment`.
    pub no_env_resolution: bool,
    /// Problems that concern single services (a missing `env_file`, a `container_name` that two of them have) are in
    /// [`Loaded::service_problems`] and not errors: a deploy judges only the services of its scope.
    pub defers_service_problems: bool,
}

/// A problem that prevents a deploy of all these services together.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceProblem {
    pub services: BTreeSet<ServiceName>,
    pub diagnostic: Diagnostic,
}

/// A loaded project.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The project.
    pub project: Project,
    /// What is allowed but probably not meant.
    pub warnings: Diagnostics,
    /// What docker compose loses without a word, and so does this loader: parts of command lines, unknown options of mounts,
    /// variables without a name. For `sofa check`.
    pub lost: Diagnostics,
    /// The variables that env files name and that are not set, without a default beside them.
    pub unset: Vec<Unset>,
    /// See [`Options::defers_service_problems`].
    pub service_problems: Vec<ServiceProblem>,
    /// The variables that the files name, by name.
    pub variables: BTreeMap<String, Variable>,
    /// Where values were written, by path in the model (`services.web.environment.TOKEN`).
    pub origins: Origins,
}

/// A variable that the value of a key in an env file names, and that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    /// Its name.
    pub variable: String,
    /// The key.
    pub key: String,
    /// Whether the key's value is empty for that.
    pub is_empty: bool,
    /// The key and its value.
    pub span: Span,
}

/// A variable named by the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variable {
    /// Its value where it is set; may be a secret.
    pub value: Option<String>,
    /// The value used where it is not set, from the first place that gives one.
    pub default: Option<String>,
    /// The text of `${NAME:+text}`.
    pub alternate: Option<String>,
    /// Whether some place insists on it (`${NAME:?message}`).
    pub required: bool,
    /// The env file that sets it; `None` for the environment, or if it is not set.
    pub set_by: Option<PathBuf>,
    /// Where that file sets it.
    pub set_at: Option<Span>,
    /// Where it is used.
    pub used_at: Vec<Span>,
}

/// Where a value of the model came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where it was written: its last writer, through extends, include and merges.
    pub span: Span,
    /// Whether the file has it as it is. If not, a variable or an env file gave it, and it may be a secret.
    pub literal: bool,
}

/// Where the values of a model came from.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    model: Node,
    /// What is not in the model's tree: variables out of env files.
    added: BTreeMap<String, Origin>,
}

impl Origins {
    pub(crate) fn new(model: Node) -> Self {
        Self { model, added: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, path: String, origin: Origin) {
        self.added.insert(path, origin);
    }

    /// The merged tree, in long form, as it was before it was typed.
    pub fn tree(&self) -> &Node {
        &self.model
    }

    /// The paths in an entry of a section (`services`, `web`) whose values no Compose file has as they are.
    pub(super) fn given(&self, section: &str, name: &str) -> Given {
        let mut given = BTreeSet::new();
        if let Some(entry) = self.model.get(section).and_then(|entries| entries.get(name)) {
            collect_given(entry, &mut String::new(), &mut given);
        }
        let prefix = format!("{section}.{name}.");
        let added = self.added.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        given.extend(
            added.filter(|(_, origin)| !origin.literal).map(|(path, _)| path[prefix.len()..].to_owned()),
        );
        Given(given)
    }

    /// Whether something is written at a path itself.
    pub fn has(&self, path: &str) -> bool {
        let (mut node, mut rest) = (&self.model, path);
        while let Some((below, left)) = step(node, rest) {
            (node, rest) = (below, left);
        }
        rest.is_empty()
    }

    /// The origin of the value at a path such as `services.web.environment.TOKEN` or `services.web.ports[0]`, or of the nearest
    /// value around it. `None` for a default.
    pub fn of(&self, path: &str) -> Option<Origin> {
        if let Some(added) = self.added.get(path) {
            return Some(added.clone());
        }
        let mut node = &self.model;
        let mut literal = true;
        let mut rest = path;
        while let Some((below, left)) = step(node, rest) {
            literal &= below.literal;
            node = below;
            rest = left;
        }
        (node.span != Span::default()).then_some(Origin { span: node.span, literal })
    }

    /// Where the key of a value is, or the value itself where it has no key.
    pub fn key(&self, path: &str) -> Option<Span> {
        let mut node = &self.model;
        let mut key = None;
        let mut rest = path;
        while let Some((below, left)) = step(node, rest) {
            let entry =
                node.as_map().and_then(|map| map.iter().find(|entry| std::ptr::eq(&entry.value, below)));
            key = entry.map(|entry| entry.key_span);
            node = below;
            rest = left;
        }
        key.filter(|span| rest.is_empty() && *span != Span::default()).or_else(|| Some(self.of(path)?.span))
    }
}

/// Adds the paths of values below a node that are not as written.
fn collect_given(node: &Node, path: &mut String, given: &mut BTreeSet<String>) {
    if !node.literal {
        given.insert(path.clone());
        return;
    }
    let length = path.len();
    match &node.kind {
        Kind::Map(map) => {
            for entry in map {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&entry.key);
                collect_given(&entry.value, path, given);
                path.truncate(length);
            }
        }
        Kind::List(list) => {
            for (index, element) in list.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect_given(element, path, given);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The value one step down a path, and the rest of the path. A key may contain dots: the longest match is used.
fn step<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(&'n Node, &'p str)> {
    let path = path.trim_start_matches('.');
    if let Some(index) = path.strip_prefix('[') {
        let (index, rest) = index.split_once(']')?;
        return Some((node.as_list()?.get(index.parse::<usize>().ok()?)?, rest));
    }
    let map = node.as_map().filter(|_| !path.is_empty())?;
    let mut end = path.len();
    loop {
        if let Some(value) = map.get(&path[..end]) {
            return Some((value, &path[end..]));
        }
        end = path[..end].rfind(['.', '['])?;
    }
}
