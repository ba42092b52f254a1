//! Env files with docker compose's grammar: quotes decide about substitution, earlier keys are seen by later ones, `KEY` alone
//! is inherited. Also the `raw` format, where everything behind `=` is the value.

use std::collections::HashMap;

use crate::compose::load::tree::template::{Operator, Reference, Scope, TemplateError, substitute};

/// One line that sets a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The bytes of the text with the name and the value.
    pub(crate) range: (usize, usize),
    /// The variables that the value names, that are not set, and for which it says nothing else.
    pub(crate) unset: Vec<String>,
}

/// Why a text is not an env file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DotenvError {
    pub(crate) message: String,
    /// Bytes of the text that are wrong.
    pub(crate) range: (usize, usize),
    pub(crate) hint: Option<&'static str>,
}

/// Reads an env file. `lookup` comes before the keys of the file in `$NAME`, and is what `KEY` alone inherits from.
pub(crate) fn parse(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, DotenvError> {
    parse_after(text, HashMap::new(), lookup)
}

/// The same for a file after others, whose variables it can use and set again.
pub(crate) fn parse_after(
    text: &str,
    seen: HashMap<String, String>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, DotenvError> {
    let start = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
    let mut parser = Parser { text, at: start, seen, lookup, unset: Vec::new() };
    let mut assignments = Vec::new();
    while let Some(assignment) = parser.next_assignment()? {
        let unset = std::mem::take(&mut parser.unset);
        if let Some((name, value, range)) = assignment {
            parser.seen.insert(name.clone(), value.clone());
            assignments.push(Assignment { name, value, range, unset });
        }
    }
    Ok(assignments)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    seen: HashMap<String, String>,
    lookup: &'t dyn Fn(&str) -> Option<String>,
    /// Those of the assignment that is read.
    unset: Vec<String>,
}

type Read = (String, String, (usize, usize));

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next assignment; `Some(None)` is a key that inherits nothing, `None` the end.
    fn next_assignment(&mut self) -> Result<Option<Option<Read>>, DotenvError> {
        if !self.skip_to_statement() {
            return Ok(None);
        }
        let start = self.at;
        let (key, inherited) = self.key()?;
        if key.contains(' ') {
            let hint = Some("a key may hold letters, digits, `_`, `.`, `-`, `[` and `]`");
            return Err(self.error(format!("key `{key}` contains a space"), start, start + key.len(), hint));
        }
        if inherited {
            let range = (start, start + key.len());
            return Ok(Some((self.lookup)(&key).map(|value| (key, value, range))));
        }
        let value = self.value()?;
        Ok(Some(Some((key, value, (start, self.at.max(start))))))
    }

    /// Skips blank lines and comments; false at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            match self.rest().as_bytes().first() {
                None => return false,
                Some(b'#') => match self.rest().find('\n') {
                    Some(newline) => self.at += newline,
                    None => return false,
                },
                Some(_) => return true,
            }
        }
    }

    /// The key, and whether it is alone on its line.
    fn key(&mut self) -> Result<(String, bool), DotenvError> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(|c: char| c.is_ascii_whitespace())
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let rest = self.rest();
        for (offset, c) in rest.char_indices() {
            match c {
                '=' | ':' | '\n' => {
                    let key = rest[..offset].trim_end().to_owned();
                    self.at += offset + 1;
                    self.skip_blanks();
                    return Ok((key, c == '\n'));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_blank(c) || c.is_alphabetic() || c.is_numeric() => {}
                c => {
                    let at = self.at + offset;
                    let message = format!("unexpected `{c}` in the name of a variable");
                    let hint = match self.is_first_line() {
                        true => "a line is `NAME=value`",
                        false => {
                            "if the value of the line above continues here, put it in double quotes; else a line is `NAME=value`"
                        }
                    };
                    return Err(self.error(message, at, at + c.len_utf8(), Some(hint)));
                }
            }
        }
        // Without a line end behind it, the last `KEY` alone is taken for the value of an empty name, as docker compose does.
        Ok((String::new(), false))
    }

    /// Whether no value was read before.
    fn is_first_line(&self) -> bool {
        !self.text[..self.at].lines().any(|line| line.contains('=') && !line.trim_start().starts_with('#'))
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    fn value(&mut self) -> Result<String, DotenvError> {
        match self.rest().as_bytes().first() {
            Some(quote @ (b'"' | b'\'')) => self.quoted(*quote),
            _ => self.unquoted(),
        }
    }

    fn unquoted(&mut self) -> Result<String, DotenvError> {
        let start = self.at;
        let rest = self.rest();
        let (line, consumed) = match rest.find('\n') {
            Some(newline) => (&rest[..newline], newline + 1),
            None => (rest, rest.len()),
        };
        self.at += consumed;
        let value = line.split(" #").next().unwrap_or(line).trim_end();
        let value = self.expand(value, start)?;
        // The span of an assignment ends with its line.
        self.at = start + consumed;
        Ok(value)
    }

    fn quoted(&mut self, quote: u8) -> Result<String, DotenvError> {
        let start = self.at;
        let mut raw = Vec::new();
        let mut escaped = false;
        for (offset, byte) in self.rest().bytes().enumerate().skip(1) {
            if byte == quote && !escaped {
                self.at = start + offset + 1;
                // Only whole characters were copied, and a quote or backslash is never inside one.
                let raw = String::from_utf8(raw).unwrap_or_default();
                return if quote == b'"' { self.expand(&unescape(&raw), start) } else { Ok(raw) };
            }
            if byte == b'\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && byte != quote {
                raw.push(b'\\');
            }
            escaped = false;
            raw.push(byte);
        }
        let line = self.rest().find('\n').unwrap_or(self.rest().len());
        Err(self.error("quoted value does not end".to_owned(), start, start + line, Some("close the quote")))
    }

    fn expand(&mut self, value: &str, at: usize) -> Result<String, DotenvError> {
        let mut scope = FileScope { seen: &self.seen, lookup: self.lookup, unset: &mut self.unset };
        substitute(value, &mut scope).map(std::borrow::Cow::into_owned).map_err(|error| {
            let end = at + self.text[at..].find('\n').unwrap_or(self.text.len() - at);
            match error {
                TemplateError::Invalid => {
                    let hint = Some("a literal `$` is written `$$`, or the value stands in single quotes");
                    self.error("`${` begins no reference to a variable".to_owned(), at, end, hint)
                }
                TemplateError::Required { name, message } => {
                    let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
                    self.error(format!("variable `{name}` is required{reason}"), at, end, None)
                }
            }
        })
    }

    fn error(&self, message: String, start: usize, end: usize, hint: Option<&'static str>) -> DotenvError {
        DotenvError { message, range: (start, end.min(self.text.len())), hint }
    }
}

struct FileScope<'a> {
    seen: &'a HashMap<String, String>,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    unset: &'a mut Vec<String>,
}

impl Scope for FileScope<'_> {
    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).or_else(|| self.seen.get(name).cloned())
    }

    fn used(&mut self, reference: Reference<'_>) {
        let says_nothing_else = matches!(reference.operator, Operator::None);
        if says_nothing_else && self.value(reference.name).is_none() {
            self.unset.push(reference.name.to_owned());
        }
    }
}

/// White space within a line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The escapes of double quotes: `\a \b \c \f \n \r \t \v \\ \"`, `\0` with up to three octal digits, and `\$`, which becomes
/// the `$$` that substitution turns into `$`. Everything else stays.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (replacement, consumed) = escape(after);
        match replacement {
            Some(replacement) => out.push_str(replacement.encode_utf8(&mut [0; 4])),
            None if after.starts_with('$') => out.push_str("$$"),
            None => out.push_str(&rest[at..at + 1 + consumed]),
        }
        rest = &after[consumed..];
    }
    out.push_str(rest);
    out
}

/// The character of an escape, and the number of bytes after the backslash.
fn escape(after: &str) -> (Option<char>, usize) {
    let Some(letter) = after.chars().next() else {
        return (None, 0);
    };
    let character = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        '0' => {
            let digits = after[1..].bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let value = u8::from_str_radix(&after[1..=digits], 8).ok().filter(|_| digits == 3);
            return (value.map(char::from), 1 + digits);
        }
        '$' => return (None, 1),
        _ => return (None, 0),
    };
    (Some(character), 1)
}

/// Reads the `raw` format: no quotes, no substitution, no inline comments.
pub(crate) fn parse_raw(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, DotenvError> {
    let mut assignments = Vec::new();
    let mut start = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
    while start < text.len() {
        let end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[start..end].trim_end_matches('\r').trim_start();
        let range = (end - text[start..end].trim_start().len(), end);
        start = end + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            let message = "line has no name in front of `=`".to_owned();
            return Err(DotenvError { message, range, hint: Some("a line is `NAME=value`") });
        }
        if name.contains(char::is_whitespace) {
            let message = format!("variable `{name}` contains white space");
            return Err(DotenvError {
                message,
                range,
                hint: Some("in the `raw` format `=` follows the name at once"),
            });
        }
        let value = value.map(str::to_owned).or_else(|| lookup(name));
        assignments.extend(value.map(|value| Assignment {
            name: name.to_owned(),
            value,
            range,
            unset: Vec::new(),
        }));
    }
    Ok(assignments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "SH").then(|| "shell".to_owned())
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let assignments = parse(text, &lookup).expect(text);
        assignments.into_iter().map(|assignment| (assignment.name, assignment.value)).collect()
    }

    fn value(text: &str) -> String {
        pairs(text).pop().expect(text).1
    }

    #[test]
    fn values_without_quotes() {
        for (line, expected) in [
            ("A=b # c", "b"),
            ("A=b#c", "b#c"),
            ("A = b ", "b"),
            ("A: b", "b"),
            ("export A=b", "b"),
            ("  A=1", "1"),
            ("A=a b c", "a b c"),
            ("A=it's", "it's"),
            ("A={\"a\":1}", "{\"a\":1}"),
            ("A=a=b", "a=b"),
            ("A=$$x", "$x"),
            ("A=$(date)", "$(date)"),
            ("A=cost$5", "cost$5"),
            ("A=a\\nb", "a\\nb"),
            ("A=#abc", "#abc"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=1", "1"),
            ("1A=b", "b"),
            ("A-B.c[0]=d", "d"),
            ("A=${X:-${SH}}", "shell"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn quotes_decide_about_substitution_and_escapes() {
        for (line, expected) in [
            ("A='b $SH'", "b $SH"),
            ("A=\"b $SH\"", "b shell"),
            ("A=\"l1\nl2\"", "l1\nl2"),
            ("A=\"x\\ny\"", "x\ny"),
            ("A='it\\'s'", "it's"),
            ("A=\"a\\\"b\"", "a\"b"),
            ("A=\"\\$x\"", "$x"),
            ("A=\"\\0123\"", "S"),
            ("A=\"\\q\"", "\\q"),
            ("A='a\\nb'", "a\\nb"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn later_lines_see_earlier_ones_and_the_environment_wins() {
        assert_eq!(value("A=1\nB=${A}2"), "12");
        assert_eq!(value("SH=file\nB=$SH"), "shell");
    }

    #[test]
    fn a_key_alone_is_inherited() {
        assert_eq!(pairs("SH\nUNSET\n"), [("SH".to_owned(), "shell".to_owned())]);
        assert_eq!(pairs("A=1\nKEY"), [("A".into(), "1".into()), (String::new(), "KEY".into())]);
    }

    #[test]
    fn text_after_a_closing_quote_is_a_value_without_a_name() {
        assert_eq!(pairs("A=\"a\"b"), [("A".into(), "a".into()), (String::new(), "b".into())]);
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse("A=1\nB=\"b\n", &lookup).expect_err("open quote");
        assert_eq!((error.message.as_str(), error.range), ("quoted value does not end", (6, 8)));
        assert!(parse("A B=c", &lookup).expect_err("space").message.contains("`A B`"));
        assert!(parse("A!=c", &lookup).expect_err("character").message.contains("`!`"));
        assert!(parse("A=${", &lookup).is_err());
        assert!(parse("A=${X:?why}", &lookup).expect_err("required").message.ends_with(": why"));
    }

    #[test]
    fn raw_takes_everything_literally() {
        let raw =
            |text| parse_raw(text, &lookup).map(|list| list.into_iter().map(|a| a.value).collect::<Vec<_>>());
        assert_eq!(
            raw("A=b # c\nB='x $Y'\n# no\n\n  C=1\nSH\n"),
            Ok(vec!["b # c".into(), "'x $Y'".into(), "1".into(), "shell".into()])
        );
        assert!(raw("A B=c").is_err());
        assert!(raw("=c").is_err());
    }
}
