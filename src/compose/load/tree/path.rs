//! The path of a value in the model, for messages and for rules that depend on it.

use std::fmt::Write as _;

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The value under a key.
    Key(&'a str),
    /// An entry of a list, from 0.
    Index(usize),
}

/// A way down the tree.
pub(crate) type Path<'a> = Vec<Step<'a>>;

/// `services.web.ports[1]`.
pub(crate) fn text(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                let _ = write!(text, ".{key}");
            }
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

/// How a message begins: with the service, network or the like that it is about, else with the path.
pub(crate) fn subject(path: &[Step<'_>]) -> String {
    match path {
        [Step::Key(section), Step::Key(name), rest @ ..] => {
            let kind = match *section {
                "services" => "service",
                "networks" => "network",
                "volumes" => "volume",
                "secrets" => "secret",
                "configs" => "config",
                "models" => "model",
                _ => return format!("`{}`", text(path)),
            };
            match text(rest) {
                inner if inner.is_empty() => format!("{kind} `{name}`"),
                inner => format!("{kind} `{name}`: `{inner}`"),
            }
        }
        [] => "file".to_owned(),
        _ => format!("`{}`", text(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_people_write_them() {
        let path = [Step::Key("services"), Step::Key("web"), Step::Key("ports"), Step::Index(1)];
        assert_eq!(text(&path), "services.web.ports[1]");
        assert_eq!(subject(&path), "service `web`: `ports[1]`");
        assert_eq!(subject(&path[..1]), "`services`");
    }
}
