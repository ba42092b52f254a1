//! `.dockerignore` by Docker's rules (moby `patternmatcher`), which differ from git's: patterns are anchored at the
//! root of the context, and a match of a folder includes its content.

#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    tokens: Vec<Token>,
    /// `!pattern`: includes files again.
    negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` is not a valid pattern")]
pub struct NotAPattern {
    /// From 1.
    pub line: usize,
    pub text: String,
}

impl Ignore {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// `NotAPattern` for a single `!` and for an unclosed bracket.
    pub fn parse(text: &str) -> Result<Ignore, NotAPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if line.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let wrong = || NotAPattern { line: number + 1, text: trimmed.to_owned() };
            let (negated, pattern) = match trimmed.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, trimmed),
            };
            if pattern.is_empty() {
                return Err(wrong());
            }
            patterns.push(Pattern::new(pattern, negated).ok_or_else(wrong)?);
        }
        Ok(Ignore { patterns })
    }

    /// Includes a file independently of the patterns: the Dockerfile is always sent.
    pub fn keep(&mut self, path: &str) {
        let escaped: String = path.chars().flat_map(|c| ['\\', c]).collect();
        self.patterns.extend(Pattern::new(&escaped, true));
    }

    /// Whether a file or folder is excluded. `path` is relative to the context, with slashes.
    pub fn is_ignored(&self, path: &str) -> bool {
        let mut ignored = false;
        for pattern in &self.patterns {
            if pattern.negated == ignored && pattern.covers(path) {
                ignored = !pattern.negated;
            }
        }
        ignored
    }

    /// Whether something in an excluded folder may be included again.
    pub fn may_keep_within(&self, folder: &str) -> bool {
        let folder = format!("{folder}/");
        self.patterns.iter().filter(|pattern| pattern.negated).any(|pattern| {
            let literal = pattern.text.split(['*', '?', '[']).next().unwrap_or_default().replace('\\', "");
            literal.starts_with(&folder) || folder.starts_with(&literal) || format!("{literal}/") == folder
        })
    }
}

#[derive(Debug)]
enum Token {
    Literal(char),
    /// `?`: any character but a slash.
    One,
    /// `*`: any number of characters but slashes.
    Some,
    /// `**/` or `**` before another part: any number of folders.
    Folders,
    /// `**` at the end: anything.
    Rest,
    /// `[a-z]`, `[^a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    fn new(text: &str, negated: bool) -> Option<Pattern> {
        let text = clean(text);
        let tokens = tokens(&text)?;
        Some(Pattern { text, tokens, negated })
    }

    /// Whether the pattern matches the path or one of its parent folders.
    fn covers(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        std::iter::once(path).chain(folders).any(|path| self.matches(path))
    }

    fn matches(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        let mut seen = vec![false; (self.tokens.len() + 1) * (path.len() + 1)];
        reaches_end(&self.tokens, &path, 0, 0, &mut seen)
    }
}

/// Whether the tokens from `token` on match the path from `at` on. `seen` prevents that a position is tried twice.
fn reaches_end(tokens: &[Token], path: &[char], token: usize, at: usize, seen: &mut [bool]) -> bool {
    let place = token * (path.len() + 1) + at;
    if std::mem::replace(&mut seen[place], true) {
        return false;
    }
    let Some(current) = tokens.get(token) else {
        return at == path.len();
    };
    let mut go = |token: usize, at: usize| reaches_end(tokens, path, token, at, seen);
    let next = path.get(at);
    match current {
        Token::Rest => true,
        Token::Some => go(token + 1, at) || (next.is_some_and(|c| *c != '/') && go(token, at + 1)),
        Token::Folders => {
            go(token + 1, at) || (at..path.len()).any(|slash| path[slash] == '/' && go(token + 1, slash + 1))
        }
        Token::Literal(c) => next == Some(c) && go(token + 1, at + 1),
        Token::One => next.is_some_and(|c| *c != '/') && go(token + 1, at + 1),
        Token::Class { negated, ranges } => {
            let within = |c: &char| ranges.iter().any(|(from, to)| (from..=to).contains(&c));
            next.is_some_and(|c| within(c) != *negated) && go(token + 1, at + 1)
        }
    }
}

/// Without `.` and `..` parts, double slashes, and slashes at both ends (Go's `filepath.Clean`).
fn clean(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    match parts.is_empty() {
        true => ".".to_owned(),
        false => parts.join("/"),
    }
}

/// The parts of a pattern; none for an unclosed bracket.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() { Token::Rest } else { Token::Folders }
            }
            '*' => Token::Some,
            '?' => Token::One,
            '[' => class(&mut chars)?,
            '\\' => Token::Literal(chars.next().unwrap_or('\\')),
            other => Token::Literal(other),
        });
    }
    Some(tokens)
}

/// The content of a bracket after the opening one.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { negated, ranges }),
            '\\' => chars.next()?,
            other => other,
        };
        let to = match chars.next_if_eq(&'-') {
            Some(_) => chars.next()?,
            None => from,
        };
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    fn ignored(patterns: &str, path: &str) -> bool {
        Ignore::parse(patterns).unwrap().is_ignored(path)
    }

    #[test]
    fn patterns_are_anchored_at_the_root() {
        assert!(ignored("*.md", "a.md"));
        assert!(!ignored("*.md", "docs/a.md"), "git would match it");
        assert!(ignored("**/*.md", "docs/x/a.md"));
        assert!(ignored("**/*.md", "a.md"));
        assert!(ignored("/a", "a"));
        assert!(ignored("./a/", "a"));
        assert!(ignored("a/../b", "b"));
        assert!(!ignored("a", "ab"));
    }

    #[test]
    fn a_match_of_a_folder_includes_its_content() {
        assert!(ignored("node_modules", "node_modules/x/y.js"));
        assert!(ignored("a/*", "a/b/c"));
        assert!(!ignored("a/*", "a"));
        assert!(ignored("a/**", "a/b/c"));
    }

    #[test]
    fn wildcards_match_within_a_name() {
        assert!(ignored("a?c", "abc"));
        assert!(!ignored("a?c", "a/c"));
        assert!(!ignored("*c", "a/c"));
        assert!(ignored("[a-c]x", "bx"));
        assert!(!ignored("[^a]x", "ax"));
        assert!(ignored("a.b", "a.b"));
        assert!(!ignored("a.b", "aXb"), "a dot is a dot");
        assert!(ignored(r"a\*", "a*"));
        assert!(!ignored(r"a\*", "ab"));
    }

    #[test]
    fn the_last_match_decides() {
        let patterns = "*\n!keep\n!src/**\nsrc/*.tmp";
        assert!(ignored(patterns, "other"));
        assert!(!ignored(patterns, "keep"));
        assert!(!ignored(patterns, "src/a/b"));
        assert!(ignored(patterns, "src/a.tmp"));
    }

    #[test]
    fn comments_blank_lines_and_byte_order_marks_are_read_as_in_docker() {
        assert!(!ignored("# a\n\n  \n#b", "a"));
        assert!(ignored("\u{feff}a", "a"));
        assert!(ignored("  a  ", "a"));
        assert!(ignored(" #a", "#a"), "only a line that begins with # is a comment");
        assert!(Ignore::parse("a\n!").is_err());
        assert!(Ignore::parse("[a").is_err());
    }

    #[test]
    fn an_excluded_folder_is_read_where_something_in_it_may_be_included() {
        let ignore = Ignore::parse("a\nb\n!a/x\n").unwrap();
        assert!(ignore.may_keep_within("a"));
        assert!(!ignore.may_keep_within("b"));
        assert!(Ignore::parse("a\n!**/x").unwrap().may_keep_within("a"));
        let mut ignore = Ignore::parse("*").unwrap();
        ignore.keep("docker/Dockerfile");
        assert!(!ignore.is_ignored("docker/Dockerfile"));
        assert!(ignore.may_keep_within("docker"));
    }
}
