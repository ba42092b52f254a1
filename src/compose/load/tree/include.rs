//! `include`: the resources of another application, loaded with their own folder and env file, then imported (Compose spec,
//! “include”). What the including file says about a resource is merged over it.

use std::path::{Path, PathBuf};

use crate::compose::load::complete::defaults;
use crate::compose::load::complete::paths;
use crate::compose::load::complete::resolve;
use crate::compose::load::inputs::discover::read_into;
use crate::compose::load::request::Input;
use crate::compose::load::session::Session;
use crate::compose::load::syntax::schema;
use crate::compose::load::syntax::shape;
use crate::compose::load::tree::document::{Document, Level, read};
use crate::compose::load::tree::merge::merge_resource;
use crate::compose::load::tree::path::Step;
use crate::compose::load::tree::tags::Resets;
use crate::diag::Diagnostic;
use crate::yaml::{Kind, Map, Node, Span};

const SECTIONS: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];
/// Includes within includes beyond this are refused.
const DEEPEST: usize = 32;

/// Merges documents into one tree. Included files are merged in the same way as the files that include them.
pub(crate) type Assemble = fn(Vec<Document>, Level<'_>, &mut Session<'_>) -> Node;

/// One entry of `include`.
struct Include {
    /// The file and its overrides.
    files: Vec<(PathBuf, Span)>,
    folder: PathBuf,
    env_files: Option<Vec<(PathBuf, Span)>>,
    span: Span,
}

/// Imports what a document includes.
pub(crate) fn apply(
    root: &mut Node,
    file: &Path,
    resets: &Resets,
    level: Level<'_>,
    session: &mut Session<'_>,
    assemble: Assemble,
) {
    let Some(map) = root.as_map_mut() else { return };
    let Some(mut list) = map.remove("include").filter(|list| !list.is_null()) else {
        return;
    };
    if !well_shaped(&mut list, session) {
        return;
    }
    for entry in list.as_list().unwrap_or_default() {
        let Some(include) = Include::read(entry, level) else {
            continue;
        };
        if let Some(imported) = include.load(file, level, session, assemble) {
            import(root, imported, resets, session);
        }
    }
}

fn well_shaped(list: &mut Node, session: &mut Session<'_>) -> bool {
    let mut probe = Map::default();
    probe.insert("include", list.span, std::mem::take(list));
    let probe = Node::new(Kind::Map(probe), Span::default());
    let before = session.errors();
    shape::check(&probe, &schema::PROJECT, session);
    if let Kind::Map(mut map) = probe.kind {
        *list = map.remove("include").unwrap_or_default();
    }
    session.errors() == before
}

fn texts(node: Option<&Node>) -> Vec<(&str, Span)> {
    let Some(node) = node else { return Vec::new() };
    let list = node.as_list().unwrap_or(std::slice::from_ref(node));
    list.iter().filter_map(|entry| Some((entry.as_str()?, entry.span))).collect()
}

impl Include {
    fn read(entry: &Node, level: Level<'_>) -> Option<Self> {
        let base = level.base(level.folder);
        let absolute = |(path, span): (&str, Span)| (PathBuf::from(base.absolute(path)), span);
        let paths = if entry.as_str().is_some() { texts(Some(entry)) } else { texts(entry.get("path")) };
        let files: Vec<_> = paths.into_iter().map(absolute).collect();
        let (first, _) = files.first()?;
        let folder =
            match entry.get("project_directory").and_then(Node::as_str).filter(|path| !path.is_empty()) {
                Some(folder) => PathBuf::from(base.absolute(folder)),
                None => first.parent().unwrap_or(Path::new("/")).to_path_buf(),
            };
        let env_files: Vec<_> = texts(entry.get("env_file")).into_iter().map(absolute).collect();
        let env_files = (!env_files.is_empty()).then_some(env_files);
        Some(Self { files, folder, env_files, span: entry.span })
    }

    /// The included model, loaded like a separate project.
    fn load(
        self,
        file: &Path,
        level: Level<'_>,
        session: &mut Session<'_>,
        assemble: Assemble,
    ) -> Option<Node> {
        let mut including = level.including.to_vec();
        including.push(file.to_path_buf());
        self.check_cycle(&including, session)?;
        let mut environment = level.environment.clone();
        read_into(&self.env_files(session)?, &mut environment, session)?;
        let mut documents = Vec::new();
        for (path, span) in self.files {
            documents.extend(read(&Input::Path(path), Some(span), session)?);
        }
        let level = Level { folder: &self.folder, environment: &environment, including: &including, ..level };
        let mut model = assemble(documents, level, session);
        defaults::set(&mut model);
        paths::resolve(&mut model, level.base_below(&self.folder));
        resolve::environment(&mut model, &environment, &mut session.contents);
        Some(model)
    }

    fn check_cycle(&self, including: &[PathBuf], session: &mut Session<'_>) -> Option<()> {
        let (first, span) = self.files.first()?;
        if including.contains(first) {
            let names: Vec<String> =
                including.iter().chain([first]).map(|file| session.shown(file)).collect();
            let message = format!("files include each other: {}", names.join(" → "));
            session.error(Diagnostic::error(message).at(*span, "the circle closes here"));
            return None;
        }
        if including.len() > DEEPEST {
            let message = format!("includes are nested more than {DEEPEST} deep");
            session.error(Diagnostic::error(message).at(self.span, ""));
            return None;
        }
        Some(())
    }

    /// The named env files, else the `.env` of the folder; `/dev/null` means none.
    fn env_files(&self, session: &mut Session<'_>) -> Option<Vec<PathBuf>> {
        let Some(named) = &self.env_files else {
            let default = self.folder.join(".env");
            return Some(if default.is_file() { vec![default] } else { Vec::new() });
        };
        let mut files = Vec::new();
        for (file, span) in named.iter().filter(|(file, _)| file != Path::new("/dev/null")) {
            if !file.is_file() {
                let message = format!("env file {} of an include does not exist", session.shown(file));
                session.error(Diagnostic::error(message).at(*span, ""));
                return None;
            }
            files.push(file.clone());
        }
        Some(files)
    }
}

fn import(root: &mut Node, imported: Node, resets: &Resets, session: &mut Session<'_>) {
    let Kind::Map(mut imported) = imported.kind else {
        return;
    };
    for section in SECTIONS {
        let Some(resources) = imported.remove(section) else {
            continue;
        };
        let span = resources.span;
        let Kind::Map(resources) = resources.kind else {
            continue;
        };
        let Some(map) = root.as_map_mut() else { return };
        if map.get(section).is_none_or(Node::is_null) {
            map.insert(section, span, Node::new(Kind::Map(Map::default()), span));
        }
        let Some(own) = map.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for entry in resources {
            let mut resource = entry.value;
            let key_span = match own.entry(&entry.key) {
                None => entry.key_span,
                Some(mine) if mine.value == resource => continue,
                Some(mine) => {
                    let (mine, key_span) = (mine.value.clone(), mine.key_span);
                    resets.apply(&mut resource, &[Step::Key(section), Step::Key(&entry.key)]);
                    merge_resource(&mut resource, mine, section, &entry.key, session);
                    key_span
                }
            };
            own.insert(entry.key, key_span, resource);
        }
    }
}
