//! Which source files use which others: every path of the code, resolved to the file that defines its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree};

/// The files of `src/` by module path (`plan::deploy`), and the uses between them.
pub struct Imports {
    pub files: BTreeMap<String, PathBuf>,
    /// By module, the modules that it uses.
    pub uses: BTreeMap<String, BTreeSet<String>>,
}

impl Imports {
    pub fn of_sources() -> Imports {
        let files: BTreeMap<String, PathBuf> =
            sources().into_iter().map(|file| (module_of(&file), file)).collect();
        let parsed: BTreeMap<&str, Paths> =
            files.iter().map(|(module, file)| (module.as_str(), Paths::of(module, file))).collect();
        let mut uses = BTreeMap::new();
        for (module, paths) in &parsed {
            let used = paths.used.iter().filter_map(|path| resolve(path, &files, &parsed, 0));
            uses.insert(module.to_string(), used.filter(|used| used != module).collect());
        }
        Imports { files, uses }
    }

    /// The groups of files that use each other in a circle.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let mut left: BTreeSet<&str> = self.uses.keys().map(String::as_str).collect();
        let mut circles = Vec::new();
        while let Some(start) = left.pop_first() {
            let forward = self.reach(start, |module| self.uses[module].iter().map(String::as_str).collect());
            let backward = self.reach(start, |module| {
                let users = self.uses.iter().filter(|(_, used)| used.contains(module));
                users.map(|(user, _)| user.as_str()).collect()
            });
            let circle: Vec<&str> = forward.intersection(&backward).copied().collect();
            left.retain(|module| !circle.contains(module));
            if circle.len() > 1 {
                circles.push(circle);
            }
        }
        circles
    }

    fn reach<'a>(&'a self, start: &'a str, next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::from([start]);
        let mut open = vec![start];
        while let Some(module) = open.pop() {
            open.extend(next(module).into_iter().filter(|found| reached.insert(found)));
        }
        reached
    }
}

/// Every source file; folders of tests are left out.
pub fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "sources not found");
    found.sort();
    found
}

pub fn module_of(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().skip(1).map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect::<Vec<_>>().join("::")
}

/// The file that defines the last name of a path: the deepest module on it, or where that module re-exports the next name from.
fn resolve(
    path: &[String],
    files: &BTreeMap<String, PathBuf>,
    parsed: &BTreeMap<&str, Paths>,
    depth: usize,
) -> Option<String> {
    let module = (1..=path.len()).rev().map(|length| path[..length].join("::"));
    let module = module.into_iter().find(|module| files.contains_key(module))?;
    let rest = &path[module.split("::").count()..];
    let reexport = rest.first().and_then(|name| parsed.get(module.as_str())?.reexports.get(name));
    match reexport {
        Some(origin) if depth < 8 => {
            let path: Vec<String> = origin.iter().chain(&rest[1..]).cloned().collect();
            resolve(&path, files, parsed, depth + 1)
        }
        _ => Some(module),
    }
}

/// The paths of one file, absolute from the crate's root.
#[derive(Default)]
struct Paths {
    module: Vec<String>,
    used: BTreeSet<Vec<String>>,
    reexports: BTreeMap<String, Vec<String>>,
    /// The names of its child modules, which paths may begin with.
    children: BTreeSet<String>,
    /// The names that `use` brings in, with their paths.
    imported: BTreeMap<String, Vec<String>>,
}

impl Paths {
    fn of(module: &str, file: &Path) -> Paths {
        let syntax = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        // The crate's root is the module without a name.
        let parts = module.split("::").map(String::from);
        let parts: Vec<String> = if matches!(module, "lib" | "main") { Vec::new() } else { parts.collect() };
        let mut paths = Paths { module: parts, ..Paths::default() };
        for item in &syntax.items {
            match item {
                Item::Mod(child) if child.content.is_none() => {
                    paths.children.insert(child.ident.to_string());
                }
                _ => {}
            }
        }
        for item in &syntax.items {
            if let Item::Use(item) = item
                && !is_for_tests(&item.attrs)
            {
                let is_reexport = !matches!(item.vis, syn::Visibility::Inherited);
                paths.use_tree(&item.tree, Vec::new(), is_reexport);
            }
        }
        paths.visit_file(&syntax);
        paths
    }

    fn use_tree(&mut self, tree: &UseTree, mut before: Vec<String>, is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before, is_reexport);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, before.clone(), is_reexport));
            }
            UseTree::Name(name) => self.use_name(before, &name.ident.to_string(), None, is_reexport),
            UseTree::Rename(rename) => {
                self.use_name(
                    before,
                    &rename.ident.to_string(),
                    Some(rename.rename.to_string()),
                    is_reexport,
                );
            }
            UseTree::Glob(_) => self.use_name(before, "*", None, is_reexport),
        }
    }

    fn use_name(&mut self, mut path: Vec<String>, name: &str, alias: Option<String>, is_reexport: bool) {
        let known_as = match (name, alias) {
            (_, Some(alias)) => alias,
            ("self", None) => path.last().cloned().unwrap_or_default(),
            (name, None) => name.to_string(),
        };
        if name != "self" || path.is_empty() {
            path.push(name.to_string());
        }
        let Some(absolute) = self.absolute(&path) else { return };
        if is_reexport {
            self.reexports.insert(known_as, absolute);
        } else {
            self.imported.insert(known_as, absolute.clone());
            self.used.insert(absolute);
        }
    }

    /// A path from the crate's root; `None` for one of another crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(self.module.iter().chain(rest).cloned().collect()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let module = &self.module[..self.module.len().checked_sub(ups)?];
                Some(module.iter().chain(&path[ups..]).cloned().collect())
            }
            child if self.children.contains(child) => Some(self.module.iter().chain(path).cloned().collect()),
            name => {
                let imported = self.imported.get(name)?;
                Some(imported.iter().chain(rest).cloned().collect())
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(_) => return,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(absolute) = self.absolute(&parts).filter(|_| parts.len() > 1) {
            self.used.insert(absolute);
        }
        visit::visit_path(self, path);
    }

    /// The tokens of a macro are not a syntax tree: its paths are read as words, outside of string literals.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let text: String = text.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':') {
            let parts: Vec<String> = word.split("::").map(String::from).collect();
            if let Some(absolute) = self.absolute(&parts).filter(|_| parts.len() > 1) {
                self.used.insert(absolute);
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    })
}
