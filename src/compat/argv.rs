//! Command lines split into words as docker compose does it: quotes and backslashes as in a shell, nothing expanded, and
//! everything from an unquoted `;`, `&`, `|`, `<` or `>` on is dropped.

use thiserror::Error;

/// Why a command line cannot be split.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "command line `{0}` cannot be split into words: a quote, backslash or bracket is left open; write it as a list, or put it in quotes"
)]
pub struct SplitError(String);

/// Splits a command line into words.
///
/// # Errors
/// When a quote, a backslash, `$(` or a backtick is left open, or an unquoted bracket stands alone.
pub fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let mut splitter = Splitter::default();
    for c in line.chars() {
        match splitter.take(c) {
            Ok(true) => {}
            Ok(false) => break,
            Err(()) => return Err(SplitError(line.to_owned())),
        }
    }
    splitter.finish().ok_or_else(|| SplitError(line.to_owned()))
}

/// A word as it is typed in a shell, quoted where it has to be.
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What is left out of a command line by [`split`]: the text from the first unquoted `;`, `&`, `|`, `<` or `>` on.
pub fn dropped(line: &str) -> Option<&str> {
    let mut splitter = Splitter::default();
    line.char_indices().find(|(_, c)| splitter.take(*c) == Ok(false)).map(|(at, _)| &line[at..])
}

#[derive(Default)]
struct Splitter {
    words: Vec<String>,
    word: String,
    /// Whether the word exists even if it is empty (`""`).
    begun: bool,
    escaped: bool,
    single: bool,
    double: bool,
    /// Inside backticks.
    backtick: bool,
    /// Inside `$(`, or behind a bracket that closes nothing.
    substitution: bool,
}

impl Splitter {
    /// Takes a character; false when the rest of the line is dropped.
    fn take(&mut self, c: char) -> Result<bool, ()> {
        if self.escaped {
            self.escaped = false;
            self.push(c);
            return Ok(true);
        }
        if c == '\\' {
            if self.single {
                self.push(c);
            } else {
                self.escaped = true;
            }
            return Ok(true);
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            if self.quoted() {
                self.push(c);
            } else {
                self.end_word();
            }
            return Ok(true);
        }
        match c {
            '`' if !self.single && !self.double && !self.substitution => self.backtick = !self.backtick,
            ')' if !self.single && !self.double && !self.backtick => self.substitution = !self.substitution,
            '(' if !self.single && !self.double && !self.backtick => {
                if self.substitution || !self.word.ends_with('$') {
                    return Err(());
                }
                self.substitution = true;
            }
            '"' if !self.single && !self.substitution => {
                self.begun |= self.double;
                self.double = !self.double;
                return Ok(true);
            }
            '\'' if !self.double && !self.substitution => {
                self.begun |= self.single;
                self.single = !self.single;
                return Ok(true);
            }
            ';' | '&' | '|' | '<' | '>' if !self.quoted() => {
                // A word that begins with a digit, right before `>`, is taken for a file descriptor and goes with it.
                if c == '>' && self.word.starts_with(|c: char| c.is_ascii_digit()) {
                    self.word.clear();
                    self.begun = false;
                }
                return Ok(false);
            }
            _ => {}
        }
        self.push(c);
        Ok(true)
    }

    fn quoted(&self) -> bool {
        self.single || self.double || self.backtick || self.substitution
    }

    fn push(&mut self, c: char) {
        self.begun = true;
        self.word.push(c);
    }

    fn end_word(&mut self) {
        if self.begun {
            self.words.push(std::mem::take(&mut self.word));
            self.begun = false;
        }
    }

    fn finish(mut self) -> Option<Vec<String>> {
        if self.escaped || self.quoted() {
            return None;
        }
        self.end_word();
        Some(self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_work_as_in_a_shell() {
        for (line, words) in [
            ("a b  c", vec!["a", "b", "c"]),
            ("sh -c 'echo \"$X\"'", vec!["sh", "-c", "echo \"$X\""]),
            ("a\\ b \"c d\"", vec!["a b", "c d"]),
            ("\"\"", vec![""]),
            ("", vec![]),
            ("  ", vec![]),
            ("echo $(date) `x y`", vec!["echo", "$(date)", "`x y`"]),
            ("a\nb", vec!["a", "b"]),
        ] {
            assert_eq!(
                split(line).as_deref(),
                Ok(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..])
            );
        }
    }

    #[test]
    fn a_quoted_word_is_split_into_itself() {
        for word in ["down", "SERVICES=a,b", "", "a b", "it's", "$(id)", "a;b", "`x`"] {
            assert_eq!(split(&quote(word)), Ok(vec![word.to_owned()]), "{word}");
        }
        assert_eq!(quote("--env-file=envs/.local.env"), "--env-file=envs/.local.env");
        assert_eq!(quote("a b"), "'a b'");
    }

    #[test]
    fn shell_operators_and_the_rest_are_dropped() {
        for line in ["a b; c", "a b && c", "a b | c", "a b > c", "a b 2>&1"] {
            assert_eq!(split(line), Ok(vec!["a".to_owned(), "b".to_owned()]), "{line}");
        }
        assert_eq!(dropped("a b && c"), Some("&& c"));
        assert_eq!(dropped("a 'b && c'"), None);
    }

    #[test]
    fn open_quotes_are_an_error() {
        for line in ["a 'b", "a \"b", "a \\", "a (b)", "a $(b", "a `b"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
