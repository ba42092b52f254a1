//! Relative paths become absolute, `~` the home folder (Compose spec, “paths”).

use std::path::Path;

use crate::compose::load::syntax::short_syntax::clean;
use crate::yaml::{Kind, Node};

/// Where relative paths start, and what `~` means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) home: Option<&'a str>,
}

impl Base<'_> {
    /// Makes a path absolute. `~` is replaced by the home folder, even if a user's name follows it.
    pub(crate) fn absolute(self, path: &str) -> String {
        let expanded = match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => clean(&format!("{home}/{rest}")),
            _ => path.to_owned(),
        };
        if expanded.is_empty() || expanded.starts_with('/') {
            return expanded;
        }
        clean(&format!("{}/{expanded}", self.folder.display()))
    }

    /// The same, but absolute Windows paths stay, and the empty path is the folder itself.
    fn absolute_or_windows(self, path: &str) -> String {
        let bytes = path.as_bytes();
        let drive = bytes.len() > 2 && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/');
        let share = bytes.len() > 1 && matches!(bytes[0], b'\\' | b'/') && matches!(bytes[1], b'\\' | b'/');
        match path {
            "" => self.folder.display().to_string(),
            _ if drive || (share && bytes[0] == b'\\') => path.to_owned(),
            _ => self.absolute(path),
        }
    }

    fn context(self, context: &str) -> String {
        const REMOTE: [&str; 6] = ["https://", "http://", "git://", "ssh://", "github.com/", "git@"];
        let is_remote = REMOTE.iter().any(|prefix| context.starts_with(prefix));
        if is_remote || context.contains("://") || context.starts_with("service:") {
            context.to_owned()
        } else {
            self.absolute(context)
        }
    }
}

/// Makes every path of a model absolute.
pub(crate) fn resolve(root: &mut Node, base: Base<'_>) {
    for entry in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flatten() {
        resolve_service(&mut entry.value, base);
    }
    for section in ["configs", "secrets"] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flatten() {
            change(entry.value.get_mut("file"), |path| base.absolute_or_windows(path));
        }
    }
    for entry in root.get_mut("volumes").and_then(Node::as_map_mut).into_iter().flatten() {
        let local = entry.value.get("driver").and_then(Node::as_str) == Some("local");
        if let Some(options) = entry.value.get_mut("driver_opts").filter(|_| local)
            && options.get("o").and_then(Node::as_str) == Some("bind")
        {
            change(options.get_mut("device"), |path| base.absolute_or_windows(path));
        }
    }
}

/// Makes every path of one service absolute.
pub(crate) fn resolve_service(service: &mut Node, base: Base<'_>) {
    let Some(service) = service.as_map_mut() else {
        return;
    };
    if let Some(build) = service.get_mut("build") {
        change(build.get_mut("context"), |path| base.context(path));
        for entry in build.get_mut("additional_contexts").and_then(Node::as_map_mut).into_iter().flatten() {
            change(Some(&mut entry.value), |path| base.context(path));
        }
        for entry in build.get_mut("ssh").and_then(Node::as_map_mut).into_iter().flatten() {
            change(Some(&mut entry.value), |path| base.absolute_or_windows(path));
        }
    }
    let ready = service.get_mut("x-sofa").and_then(|sofa| sofa.get_mut("ready"));
    change(ready.and_then(|ready| ready.get_mut("ca")), |path| base.absolute(path));
    for entry in list(service.get_mut("env_file")) {
        change(entry.get_mut("path"), |path| base.absolute(path));
    }
    for entry in list(service.get_mut("label_file")) {
        change(Some(entry), |path| base.absolute(path));
    }
    for mount in list(service.get_mut("volumes")) {
        if mount.get("type").and_then(Node::as_str) == Some("bind") {
            change(mount.get_mut("source"), |path| base.absolute_or_windows(path));
        }
    }
    let watch = service.get_mut("develop").and_then(|develop| develop.get_mut("watch"));
    for trigger in list(watch) {
        change(trigger.get_mut("path"), |path| {
            let path = base.absolute(path);
            std::fs::canonicalize(&path).map_or(path, |real| real.display().to_string())
        });
    }
}

fn list(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_list_mut).into_iter().flatten()
}

fn change(node: Option<&mut Node>, path: impl FnOnce(&str) -> String) {
    if let Some(Node { kind: Kind::String(text), .. }) = node {
        *text = path(text).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_folder() {
        let base = Base { folder: Path::new("/p/q"), home: Some("/home/me") };
        assert_eq!(base.absolute("./a"), "/p/q/a");
        assert_eq!(base.absolute("../a/"), "/p/a");
        assert_eq!(base.absolute("/x/../y"), "/x/../y");
        assert_eq!(base.absolute("~/x"), "/home/me/x");
        assert_eq!(base.absolute("~root/x"), "/home/me/root/x");
        assert_eq!(base.absolute(""), "");
        assert_eq!(base.absolute_or_windows("C:\\x"), "C:\\x");
        assert_eq!(base.context("https://x/y.git"), "https://x/y.git");
        assert_eq!(base.context("service:base"), "service:base");
        assert_eq!(base.context("."), "/p/q");
    }
}
