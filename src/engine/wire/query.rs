//! Builds paths with queries, escaped for the engine's router.

/// A path with a query: `Path::new("/containers/json").with("all", "1")`.
#[derive(Debug, Clone)]
pub(crate) struct Path(String);

impl Path {
    /// The segments of the path must be escaped already (`segment`).
    pub(crate) fn new(path: impl Into<String>) -> Path {
        Path(path.into())
    }

    /// Appends `key=value`, escaped.
    pub(crate) fn with(mut self, key: &str, value: impl AsRef<str>) -> Path {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        escape(&mut self.0, value.as_ref(), b"-._~");
        self
    }

    /// Appends `key=value` if there is a value.
    pub(crate) fn with_some(self, key: &str, value: Option<impl AsRef<str>>) -> Path {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Appends `key=1` if the flag is set.
    pub(crate) fn with_flag(self, key: &str, flag: bool) -> Path {
        if flag { self.with(key, "1") } else { self }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escapes a name for a path. Slashes, colons and at-signs of image references stay, as the engine's router expects.
pub(crate) fn segment(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    escape(&mut escaped, name, b"-._~/:@");
    escaped
}

fn escape(out: &mut String, text: &str, literal: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || literal.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, segment};

    #[test]
    fn values_are_escaped_and_joined() {
        let path = Path::new("/x").with("a", "1 2&3").with_some("b", None::<&str>).with_flag("c", true);
        assert_eq!(path.as_str(), "/x?a=1%202%263&c=1");
    }

    #[test]
    fn a_reference_keeps_its_shape_in_a_path() {
        assert_eq!(segment("reg:5000/a/b@sha256:00"), "reg:5000/a/b@sha256:00");
        assert_eq!(segment("a b?é"), "a%20b%3F%C3%A9");
    }
}
