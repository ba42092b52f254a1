//! `$NAME`, `${NAME}` and `${NAME:-default}` in a text, with docker compose's grammar (Compose spec, “interpolation”).
//!
//! A lone `$`, `$1` and `$(…)` stay; `$$` is `$`; `${` that begins no reference is an error. An operand ends at its balanced
//! brace, and never reaches past the end of its line.

use std::borrow::Cow;

/// Defaults within defaults beyond this many levels are refused.
const DEEPEST: usize = 64;

/// The source of values, which also learns which variables were used.
pub(crate) trait Scope {
    /// The value of a variable.
    fn value(&self, name: &str) -> Option<String>;
    /// A reference was found, in a place that counts (not in a default that is not used).
    fn used(&mut self, reference: Reference<'_>);
}

/// One reference to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) name: &'a str,
    pub(crate) operator: Operator,
    /// The text after the operator, as written.
    pub(crate) operand: &'a str,
}

/// What happens where a variable is not set. «Or empty» is the form with a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `$NAME`, `${NAME}`: the empty text.
    None,
    /// `-`: the operand.
    Default { or_empty: bool },
    /// `+`: nothing; the operand where it is set.
    Alternate { or_empty: bool },
    /// `?`: an error, which the operand explains.
    Required { or_empty: bool },
}

/// Why a text cannot be substituted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// `${` does not begin a reference; the byte at which it is in the text.
    Invalid,
    /// A required variable is not set; the operand as message.
    Required { name: String, message: String },
}

/// Replaces every reference in a text.
pub(crate) fn substitute<'t>(text: &'t str, scope: &mut dyn Scope) -> Result<Cow<'t, str>, TemplateError> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    expand(text, scope, 0, &mut out)?;
    Ok(Cow::Owned(out))
}

fn expand(text: &str, scope: &mut dyn Scope, depth: usize, out: &mut String) -> Result<(), TemplateError> {
    if depth > DEEPEST {
        return Err(TemplateError::Invalid);
    }
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match after.as_bytes().first() {
            Some(b'$') => {
                out.push('$');
                &after[1..]
            }
            Some(b'{') => {
                let (reference, tail) = braced(&after[1..]).ok_or(TemplateError::Invalid)?;
                resolve(reference, scope, depth, out)?;
                tail
            }
            Some(byte) if starts_name(*byte) => {
                let (name, tail) = after.split_at(name_len(after));
                resolve(Reference { name, operator: Operator::None, operand: "" }, scope, depth, out)?;
                tail
            }
            _ => {
                out.push('$');
                after
            }
        };
    }
    out.push_str(rest);
    Ok(())
}

fn resolve(
    reference: Reference<'_>,
    scope: &mut dyn Scope,
    depth: usize,
    out: &mut String,
) -> Result<(), TemplateError> {
    scope.used(reference);
    let value = scope.value(reference.name);
    let present = |or_empty: bool| value.as_ref().is_some_and(|value| !(or_empty && value.is_empty()));
    match reference.operator {
        Operator::Default { or_empty } if !present(or_empty) => {
            return expand(reference.operand, scope, depth + 1, out);
        }
        Operator::Alternate { or_empty } if present(or_empty) => {
            return expand(reference.operand, scope, depth + 1, out);
        }
        Operator::Required { or_empty } if !present(or_empty) => {
            let mut message = String::new();
            expand(reference.operand, scope, depth + 1, &mut message)?;
            return Err(TemplateError::Required { name: reference.name.to_owned(), message });
        }
        _ => out.push_str(&value.unwrap_or_default()),
    }
    Ok(())
}

/// Reads what follows `${`, and returns what follows the reference.
fn braced(body: &str) -> Option<(Reference<'_>, &str)> {
    let (name, after) = body.split_at(name_len(body));
    if name.is_empty() {
        return None;
    }
    if let Some(tail) = after.strip_prefix('}') {
        return Some((Reference { name, operator: Operator::None, operand: "" }, tail));
    }
    let or_empty = after.starts_with(':');
    let operator_at = usize::from(or_empty);
    let operator = match after.as_bytes().get(operator_at)? {
        b'-' => Operator::Default { or_empty },
        b'+' => Operator::Alternate { or_empty },
        b'?' => Operator::Required { or_empty },
        _ => return None,
    };
    let operand = &after[operator_at + 1..];
    let line = operand.split('\n').next().unwrap_or(operand);
    let end = balanced_end(line).or_else(|| line.rfind('}'))?;
    Some((Reference { name, operator, operand: &operand[..end] }, &operand[end + 1..]))
}

/// The position of the brace that closes the reference with this operand. The character after an opening brace is skipped, so
/// `{}` does not close; if the braces do not balance, the last one of the line counts.
fn balanced_end(operand: &str) -> Option<usize> {
    let mut open = 1;
    let mut bytes = operand.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            b'{' => {
                open += 1;
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

fn starts_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

fn name_len(text: &str) -> usize {
    if !text.bytes().next().is_some_and(starts_name) {
        return 0;
    }
    text.bytes().position(|byte| byte != b'_' && !byte.is_ascii_alphanumeric()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(&'static [(&'static str, &'static str)], Vec<String>);

    impl Scope for Set {
        fn value(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }

        fn used(&mut self, reference: Reference<'_>) {
            self.1.push(reference.name.to_owned());
        }
    }

    fn with_set(text: &str) -> Result<String, TemplateError> {
        let mut scope = Set(&[("V", "v"), ("E", ""), ("V2", "two")], Vec::new());
        substitute(text, &mut scope).map(Cow::into_owned)
    }

    #[test]
    fn every_form_of_reference() {
        for (text, result) in [
            ("$V ${V} $V2x", "v v "),
            ("${U:-d} ${U-d} ${E:-d} ${E-d}", "d d d "),
            ("${V:+p} ${V+p} ${E:+p} ${E+p} ${U+p}", "p p  p "),
            ("${V:?e} ${E?e}", "v "),
            ("${U:-${V}}", "v"),
            ("${U:-${U2:-x}}-${U:-y}", "x-y"),
            ("${V:-{}}", "v"),
            ("${U:-{}}", "{}"),
            ("${U:-a}b}", "ab}"),
            ("$$V $${V}", "$V ${V}"),
            ("${U:-$$}", "$"),
            ("${V:-${U:?not needed}}", "v"),
        ] {
            assert_eq!(with_set(text).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_reference_stays() {
        for text in ["$", "a$", "$1", "$(x)", "5$ a", "$-"] {
            assert_eq!(with_set(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn an_open_reference_is_an_error() {
        for text in ["${", "${}", "${1}", "${ V }", "${V.x}", "${V:=d}", "${V/a/b}", "${V:-a\nb}", "${V"] {
            assert_eq!(with_set(text), Err(TemplateError::Invalid), "{text}");
        }
    }

    #[test]
    fn a_required_variable_brings_its_message() {
        let error = TemplateError::Required { name: "U".into(), message: "set v".into() };
        assert_eq!(with_set("${U:?set $V}"), Err(error));
    }

    #[test]
    fn many_references_in_one_line_and_deep_defaults_end_quickly() {
        assert!(with_set(&"${U:-x}".repeat(20_000)).is_ok());
        let deep = format!("{}x{}", "${U:-".repeat(10_000), "}".repeat(10_000));
        assert_eq!(with_set(&deep), Err(TemplateError::Invalid));
    }
}
