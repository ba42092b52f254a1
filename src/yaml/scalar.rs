//! What a plain scalar means to Compose: YAML 1.2's core schema, with the octal, hexadecimal, binary and underscored numbers
//! of YAML 1.1 and without its `yes`/`no`/`on`/`off` booleans and its base-60 numbers.

use super::Kind;

/// Reads a plain (unquoted) scalar.
pub fn resolve(text: &str) -> Kind {
    match text.as_bytes().first() {
        None => Kind::Null,
        Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => word(text),
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        Some(_) => Kind::String(text.into()),
    }
}

/// Whether text would be read as something else than text if it stood without quotes.
pub fn is_typed(text: &str) -> bool {
    !matches!(resolve(text), Kind::String(_))
}

fn word(text: &str) -> Kind {
    match text {
        "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => Kind::String(text.into()),
    }
}

fn number(text: &str) -> Kind {
    if is_timestamp(text) {
        return Kind::Timestamp(text.into());
    }
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        _ => {}
    }
    let joined;
    // A leading `.` is only ever a decimal fraction, which takes no underscores.
    let plain = if text.contains('_') && !text.starts_with('.') {
        joined = text.replace('_', "");
        &joined
    } else {
        text
    };
    if let Some(value) = integer(plain) {
        return value.map_or_else(|| Kind::String(text.into()), Kind::Int);
    }
    match plain.parse::<f64>() {
        Ok(value) if value.is_finite() && is_decimal(plain) => Kind::Float(value),
        _ => Kind::String(text.into()),
    }
}

/// An integer in any base; `Some(None)` when it fits into 64 bits only without a sign: it then stays text, so that it prints
/// digit by digit.
fn integer(text: &str) -> Option<Option<i64>> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| (byte as char).is_digit(base)) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if negative { -value } else { value };
    match i64::try_from(value) {
        Ok(value) => Some(Some(value)),
        Err(_) if negative => None,
        Err(_) => Some(None),
    }
}

/// Digits with an optional fraction and exponent; not `inf` or `nan`, which Rust would read too.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && is_digits(exponent))
}

/// `2024-01-31`, with or without a time of day.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let date_len = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_len);
    is_date(date) && (time.is_empty() || is_time(&time[1..], time.starts_with(' ')))
}

/// A date or time as Go prints it: `2024-01-31T00:00:00Z`.
pub(super) fn timestamp_text(text: &str) -> String {
    let date_len = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_len);
    let padded = |text: &str| {
        if text.len() == 1 { format!("0{text}") } else { text.to_owned() }
    };
    let date = date.split('-').map(padded).collect::<Vec<_>>().join("-");
    let time = time.get(1..).filter(|time| !time.is_empty()).unwrap_or("00:00:00");
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let clock = clock.split(':').map(padded).collect::<Vec<_>>().join(":");
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    };
    format!("{date}T{clock}{fraction}{}", if zone.is_empty() { "Z" } else { zone })
}

fn is_date(date: &str) -> bool {
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(year), Some(month), Some(day)) = (year.parse::<u32>(), small(month), small(day)) else {
        return false;
    };
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `15:04:05`, with a fraction, and after a `T` with `Z` or an offset.
fn is_time(time: &str, after_space: bool) -> bool {
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let mut parts = clock.split(':');
    let (Some(hour), Some(minute), Some(second), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let in_range = |part: &str, most: u32| small(part).is_some_and(|value| value <= most);
    let zone_is_good = match zone {
        "" => after_space,
        "Z" => !after_space,
        offset => !after_space && offset.len() == 6 && offset.as_bytes()[3] == b':',
    };
    in_range(hour, 23)
        && in_range(minute, 59)
        && in_range(second, 59)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && zone_is_good
}

/// One or two digits.
fn small(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(plain: &str) -> Option<String> {
        super::super::Node::new(resolve(plain), Default::default()).to_text()
    }

    #[test]
    fn numbers_print_as_docker_compose_prints_them() {
        for (plain, text) in [
            ("yes", "yes"),
            ("on", "on"),
            ("0440", "288"),
            ("0o440", "288"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("22:22", "22:22"),
            ("1e3", "1000"),
            ("1.10", "1.1"),
            ("1.0", "1"),
            (".5", "0.5"),
            ("08", "8"),
            ("+1", "1"),
            ("-0x10", "-16"),
            ("123456789012345678901234567890", "1.2345678901234568e+29"),
            ("1e30", "1e+30"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.2.3", "1.2.3"),
            ("-", "-"),
            ("+.inf", "+Inf"),
            ("infinity", "infinity"),
            ("-inf", "-inf"),
            ("1e", "1e"),
            ("0x", "0x"),
        ] {
            assert_eq!(text_of(plain).as_deref(), Some(text), "{plain}");
        }
    }

    #[test]
    fn words_are_null_booleans_or_text() {
        assert_eq!(resolve("~"), Kind::Null);
        assert_eq!(resolve(""), Kind::Null);
        assert_eq!(resolve("True"), Kind::Bool(true));
        assert_eq!(resolve("tRUE"), Kind::String("tRUE".into()));
        assert_eq!(resolve("no"), Kind::String("no".into()));
    }

    #[test]
    fn only_real_dates_are_dates() {
        let is_date = |text| matches!(resolve(text), Kind::Timestamp(_));
        assert!(is_date("2024-01-31"));
        assert!(is_date("2024-1-3"));
        assert!(is_date("2024-02-29"));
        assert!(is_date("2001-12-14T21:59:43.10-05:00"));
        assert!(is_date("2001-12-14 21:59:43"));
        assert!(!is_date("2023-02-29"));
        assert!(!is_date("2024-13-01"));
        assert!(!is_date("2024-01-31-alpine"));
        assert!(!is_date("20240131"));
    }
}
