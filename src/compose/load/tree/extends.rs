//! `extends`: a service that begins as a copy of another one, of this file or of another (Compose spec, “extends”).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::compose::load::complete::paths;
use crate::compose::load::request::Input;
use crate::compose::load::session::Session;
use crate::compose::load::tree::document::{Level, prepare, read};
use crate::compose::load::tree::merge::{merge, merge_service};
use crate::compose::load::tree::path::Step;
use crate::compose::load::tree::tags::Resets;
use crate::compose::load::tree::unique;
use crate::diag::Diagnostic;
use crate::util::spelling;
use crate::yaml::{Kind, Map, Node, Span};

/// Resolves `extends` of every service of a document.
pub(crate) fn apply(
    root: &mut Node,
    file: &Path,
    resets: &Resets,
    level: Level<'_>,
    session: &mut Session<'_>,
) {
    let Some(services) = root.get("services").and_then(Node::as_map) else {
        return;
    };
    let names: Vec<Box<str>> = services
        .iter()
        .filter(|entry| entry.value.get("extends").is_some())
        .map(|entry| entry.key.clone())
        .collect();
    if names.is_empty() {
        return;
    }
    let own = Extended {
        file: file.to_path_buf(),
        folder: level.folder.to_path_buf(),
        services: services.clone(),
        resets: resets.clone(),
    };
    let mut resolver =
        Resolver { level, files: vec![own], finished: HashMap::new(), in_circle: HashSet::new() };
    for name in names {
        let mut chain = Vec::new();
        let Some(service) = resolver.service(0, &name, &mut chain, session) else {
            continue;
        };
        let services = root.get_mut("services").and_then(Node::as_map_mut);
        if let Some(place) = services.and_then(|services| services.get_mut(&name)) {
            *place = service;
        }
    }
}

/// The services of a file.
struct Extended {
    file: PathBuf,
    /// Where `extends.file` of its services starts.
    folder: PathBuf,
    services: Map,
    resets: Resets,
}

struct Resolver<'a> {
    level: Level<'a>,
    /// The document itself, then the files that are extended.
    files: Vec<Extended>,
    finished: HashMap<(usize, Box<str>), Node>,
    /// Services of a circle that was reported already.
    in_circle: HashSet<(usize, Box<str>)>,
}

impl Resolver<'_> {
    /// A service with all that it extends; `None` when that is wrong, and the session knows why.
    fn service(
        &mut self,
        file: usize,
        name: &str,
        chain: &mut Vec<(usize, Box<str>)>,
        session: &mut Session<'_>,
    ) -> Option<Node> {
        if let Some(service) = self.finished.get(&(file, name.into())) {
            return Some(service.clone());
        }
        if self.in_circle.contains(&(file, name.into())) {
            return None;
        }
        let mut service = self.files[file].services.get(name)?.clone();
        let Some(extends) = service.as_map_mut().and_then(|service| service.remove("extends")) else {
            return Some(service);
        };
        let Some(base_name) = extends.get("service").and_then(Node::as_str) else {
            let message = format!("service `{name}`: `extends` names no service");
            session.error(
                Diagnostic::error(message).at(extends.span, "").hint("write `extends: {service: NAME}`"),
            );
            return None;
        };
        let base_file = match extends.get("file").filter(|node| !node.is_null()) {
            Some(path) => self.open(file, path, name, session)?,
            None => file,
        };
        chain.push((file, name.into()));
        self.check_cycle(base_file, base_name, chain, extends.span, session)?;
        self.check_known(base_file, base_name, name, extends.span, session)?;
        let base = self.service(base_file, base_name, chain, session);
        chain.pop();
        let mut base = base?;
        if !base.is_null() {
            self.files[file].resets.apply(&mut base, &[Step::Key("services"), Step::Key(name)]);
            merge_service(&mut base, service, name, session);
            service = base;
        }
        self.finished.insert((file, name.into()), service.clone());
        Some(service)
    }

    fn check_cycle(
        &mut self,
        file: usize,
        name: &str,
        chain: &[(usize, Box<str>)],
        span: Span,
        session: &mut Session<'_>,
    ) -> Option<()> {
        if !chain.iter().any(|(seen_file, seen)| *seen_file == file && **seen == *name) {
            return Some(());
        }
        let shown = |file: usize, name: &str| format!("`{name}` ({})", session.shown(&self.files[file].file));
        let mut steps: Vec<String> = chain.iter().map(|(file, name)| shown(*file, name)).collect();
        steps.push(shown(file, name));
        self.in_circle.extend(chain.iter().cloned());
        let message = format!("services extend each other: {}", steps.join(" → "));
        session.error(Diagnostic::error(message).at(span, "the circle closes here"));
        None
    }

    fn check_known(
        &self,
        file: usize,
        base: &str,
        name: &str,
        span: Span,
        session: &mut Session<'_>,
    ) -> Option<()> {
        let Extended { file, services, .. } = &self.files[file];
        if services.contains(base) {
            return Some(());
        }
        let message = format!("service `{name}` extends `{base}`, which is not in {}", session.shown(file));
        let near = spelling::nearest(base, services.iter().map(|entry| &*entry.key));
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        session.error(Diagnostic::error(message).at(span, label));
        None
    }

    /// Reads a file that is extended, once.
    fn open(&mut self, from: usize, path: &Node, name: &str, session: &mut Session<'_>) -> Option<usize> {
        let Some(text) = path.as_str() else {
            let message = format!("service `{name}`: `extends.file` must be text");
            session.error(Diagnostic::error(message).at(path.span, path.kind.name()));
            return None;
        };
        let file = PathBuf::from(self.level.base(&self.files[from].folder).absolute(text));
        if let Some(known) = self.files.iter().skip(1).position(|extended| extended.file == file) {
            return Some(known + 1);
        }
        let folder = file.parent().unwrap_or(Path::new("/")).to_path_buf();
        let documents = read(&Input::Path(file.clone()), Some(path.span), session)?;
        let mut model = Node::new(Kind::Map(Map::default()), Span::default());
        let mut resets = Resets::default();
        for mut document in documents {
            resets = prepare(&mut document.root, self.level, session);
            resets.apply(&mut model, &[]);
            merge(&mut model, document.root, session);
            unique::enforce(&mut model);
        }
        paths::resolve(&mut model, self.level.base_below(&folder));
        let services = model.get_mut("services").map(|services| std::mem::take(&mut services.kind));
        let Some(Kind::Map(services)) = services else {
            let message = format!("service `{name}` extends {}, which has no services", session.shown(&file));
            session.error(Diagnostic::error(message).at(path.span, ""));
            return None;
        };
        self.files.push(Extended { file, folder, services, resets });
        Some(self.files.len() - 1)
    }
}
