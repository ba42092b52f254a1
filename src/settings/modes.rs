//! The modes of a project: the built-in modes, with those that `sofa.yaml` changes or adds.

use super::file::{ModeEntry, SettingsFile};
use super::layout::Layout;
use super::mode::Mode;
use crate::diag::{Diagnostic, Diagnostics};
use crate::util::spelling;

/// All valid modes, the built-in modes first, and the problems of the others.
pub fn all(file: &SettingsFile, layout: &Layout, project: &str) -> (Vec<Mode>, Diagnostics) {
    let mut resolver = Resolver { file, layout, project, problems: Diagnostics::default() };
    let builtin = Mode::builtin_names();
    let others = file.modes.keys().filter(|name| !builtin.contains(name));
    let names: Vec<&String> = builtin.iter().chain(others).collect();
    let modes = names.into_iter().filter_map(|name| resolver.mode(name, &[])).collect();
    (modes, resolver.problems)
}

/// Resolves `extends` between modes.
struct Resolver<'a> {
    file: &'a SettingsFile,
    layout: &'a Layout,
    project: &'a str,
    problems: Diagnostics,
}

impl Resolver<'_> {
    /// The mode with everything that it inherits. `children` are the modes that extend it, beginning with the mode that is
    /// resolved. A problem is reported only for the mode that has it, so that each is reported once.
    fn mode(&mut self, name: &str, children: &[&str]) -> Option<Mode> {
        let entry = self.file.modes.get(name);
        let base = match entry.and_then(|entry| entry.extends.as_ref()) {
            Some(parent) => {
                let chain = [children, &[name]].concat();
                if let Some(begin) = chain.iter().position(|child| **child == parent.value) {
                    self.circle(&chain[begin..], chain[0], entry?);
                    return None;
                }
                if !self.exists(&parent.value) {
                    self.unknown(name, children.is_empty(), entry?);
                    return None;
                }
                self.mode(&parent.value, &chain)?.renamed(name, self.project)
            }
            None => Mode::builtin(name, self.layout, self.project)
                .unwrap_or_else(|| Mode::empty(name, self.project)),
        };
        let mode = match entry {
            Some(entry) => overlay(base, entry),
            None => base,
        };
        if let (true, true, Some(entry)) = (mode.files.is_empty(), children.is_empty(), entry) {
            self.problems.push(
                Diagnostic::error(format!("mode `{name}` has no Compose files"))
                    .at(entry.span, "")
                    .hint("name them with `files:`, or extend another mode with `extends:`"),
            );
            return None;
        }
        Some(mode)
    }

    fn exists(&self, name: &str) -> bool {
        self.file.modes.contains_key(name) || Mode::builtin_names().iter().any(|known| known == name)
    }

    /// Reports a circle once, at its alphabetically first mode.
    fn circle(&mut self, circle: &[&str], wanted: &str, last: &ModeEntry) {
        if circle.iter().min() != Some(&wanted) {
            return;
        }
        let chain: Vec<String> = circle.iter().chain(&circle[..1]).map(|name| format!("`{name}`")).collect();
        let error = Diagnostic::error(format!("modes extend each other: {}", chain.join(" → ")));
        let span = last.extends.as_ref().map_or(last.span, |extends| extends.span);
        self.problems.push(error.at(span, "this closes the circle"));
    }

    fn unknown(&mut self, name: &str, wanted: bool, entry: &ModeEntry) {
        let Some(parent) = entry.extends.as_ref().filter(|_| wanted) else {
            return;
        };
        let builtin = Mode::builtin_names();
        let known: Vec<&str> = builtin
            .iter()
            .chain(self.file.modes.keys())
            .map(String::as_str)
            .filter(|known| *known != name)
            .collect();
        let error =
            Diagnostic::error(format!("mode `{name}` extends `{}`, which does not exist", parent.value));
        self.problems.push(match spelling::nearest(&parent.value, known.iter().copied()) {
            Some(near) => error.at(parent.span, format!("did you mean `{near}`?")),
            None => error.at(parent.span, "").hint(format!("modes: {}", known.join(", "))),
        });
    }
}

/// The base mode with the settings of an entry of `sofa.yaml`.
fn overlay(base: Mode, entry: &ModeEntry) -> Mode {
    let name = entry.project_name.clone();
    Mode {
        files: entry.files.clone().unwrap_or(base.files),
        env_files: entry.env_files.clone().unwrap_or(base.env_files),
        profiles: entry.profiles.clone().unwrap_or(base.profiles),
        services: entry.services.clone().unwrap_or(base.services),
        deps: entry.deps.unwrap_or(base.deps),
        protected: entry.protected.unwrap_or(base.protected),
        down_volumes: entry.down_volumes.unwrap_or(base.down_volumes),
        host: entry.host.clone().or(base.host),
        wait_timeout: entry.wait_timeout.or(base.wait_timeout),
        name_span: name.as_ref().map(|name| name.span).or(base.name_span),
        project_name: name.map_or(base.project_name, |name| name.value),
        name: base.name,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use insta::assert_snapshot;

    use super::*;
    use crate::diag::Sources;
    use crate::settings::file::parse;
    use crate::settings::{Deps, Services};

    fn modes(text: &str) -> (Vec<Mode>, String) {
        let mut sources = Sources::default();
        let (file, wrong) = parse(text, Path::new("/srv/app"), &[], &mut sources);
        assert!(wrong.is_empty(), "{}", wrong.render(&sources, false));
        let (modes, problems) = all(&file, &Layout::of(Path::new("/srv/app")), "app");
        (modes, problems.render(&sources, false))
    }

    fn mode(text: &str, name: &str) -> Mode {
        let (modes, problems) = modes(text);
        assert_eq!(problems, "");
        modes.into_iter().find(|mode| mode.name == name).expect(name)
    }

    #[test]
    fn without_a_file_there_are_the_built_in_modes() {
        let names: Vec<String> = modes("").0.into_iter().map(|mode| mode.name).collect();
        assert_eq!(names, ["local", "dev", "production"]);
    }

    #[test]
    fn a_built_in_mode_keeps_the_settings_that_the_file_does_not_change() {
        let production =
            mode("modes: { production: { wait_timeout: 9m, project_name: prod } }", "production");
        assert_eq!(production.wait_timeout, Some(std::time::Duration::from_secs(540)));
        assert_eq!((production.protected, production.profiles), (true, vec!["production".to_owned()]));
        assert_eq!(production.project_name, "prod");
        assert!(production.name_span.is_some());
    }

    #[test]
    fn a_mode_inherits_everything_except_the_project_name_through_all_parents() {
        let text = "
modes:
  production: { project_name: prod, protected: true, deps: none }
  staging: { extends: production, env_files: [stage.env] }
  preview: { extends: staging, services: all }
";
        let preview = mode(text, "preview");
        assert_eq!((preview.project_name.as_str(), preview.name_span), ("app-preview", None));
        assert_eq!(preview.env_files, [PathBuf::from("/srv/app/stage.env")]);
        assert_eq!((preview.protected, preview.deps, preview.services), (true, Deps::None, Services::All));
        assert_eq!(preview.profiles, ["production"]);
    }

    #[test]
    fn a_new_mode_has_the_defaults() {
        let staging = mode("modes: { staging: { files: [x.yml] } }", "staging");
        assert_eq!(staging.files, [PathBuf::from("/srv/app/x.yml")]);
        assert_eq!((staging.protected, staging.down_volumes, staging.deps), (false, false, Deps::Auto));
        assert_eq!((staging.services, staging.project_name.as_str()), (Services::All, "app-staging"));
    }

    #[test]
    fn each_invalid_mode_is_reported_once_with_a_fix() {
        let text = "
modes:
  a: { extends: b }
  b: { extends: c }
  c: { extends: a }
  outside: { extends: a }
  typo: { extends: prodution }
  empty: { protected: true }
";
        let (modes, problems) = modes(text);
        let names: Vec<String> = modes.into_iter().map(|mode| mode.name).collect();
        assert_eq!(names, ["local", "dev", "production"]);
        assert_snapshot!(problems, @"
        error: modes extend each other: `a` → `b` → `c` → `a`
         --> sofa.yaml:5:17
          |
        5 |   c: { extends: a }
          |                 ^ this closes the circle

        error: mode `empty` has no Compose files
         --> sofa.yaml:8:3
          |
        8 |   empty: { protected: true }
          |   ^^^^^
        hint: name them with `files:`, or extend another mode with `extends:`

        error: mode `typo` extends `prodution`, which does not exist
         --> sofa.yaml:7:20
          |
        7 |   typo: { extends: prodution }
          |                    ^^^^^^^^^ did you mean `production`?
        ");
    }
}
