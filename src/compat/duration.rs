//! Durations as Compose writes them (`1h30m`, `90s`, `1.5s`, `2d`) and as Go prints them (`1m30s`).

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DurationError {
    /// Nothing but a number: the unit is missing.
    #[error("duration `{0}` has no unit; write `{0}s` for seconds")]
    NoUnit(String),
    /// A unit nobody knows.
    #[error("duration `{0}` has an unknown unit `{1}`; known are `ns`, `us`, `ms`, `s`, `m`, `h`, `d`, `w`")]
    UnknownUnit(String, String),
    /// Longer than 292 years.
    #[error("duration `{0}` is too long")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write it like `1m30s`")]
    Malformed(String),
}

const NANOSECOND: f64 = 1.0;
const UNITS: [(&str, f64); 10] = [
    ("ns", NANOSECOND),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
];

/// Reads a duration: one or more of number and unit, largest precision a nanosecond. `0` needs no unit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_len);
        if number.is_empty() || number == "." {
            return Err(malformed());
        }
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit(text.to_owned(), unit.to_owned()));
        };
        let part = nanoseconds(number, *scale).ok_or_else(malformed)?;
        total = total
            .checked_add(part)
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
        rest = tail;
    }
    Ok(Duration::from_nanos(total))
}

/// Whole part exactly, fraction by floating point, as Go does; too much is `u64::MAX`.
fn nanoseconds(number: &str, scale: f64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let mut nanoseconds = whole.saturating_mul(scale as u64);
    if !fraction.is_empty() {
        let fraction: f64 = format!("0.{fraction}").parse().ok()?;
        nanoseconds = nanoseconds.saturating_add((fraction * scale) as u64);
    }
    Some(nanoseconds)
}

/// Prints as Go does: `1h0m0s`, `1m30s`, `1.5s`, `250ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < 1_000 {
        return format!("{nanoseconds}ns");
    }
    if nanoseconds < 1_000_000 {
        return format!("{}µs", decimal(nanoseconds, 1_000));
    }
    if nanoseconds < 1_000_000_000 {
        return format!("{}ms", decimal(nanoseconds, 1_000_000));
    }
    let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000);
    let minutes = nanoseconds / 60_000_000_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(amount: u128, unit: u128) -> String {
    let fraction = amount % unit;
    if fraction == 0 {
        return (amount / unit).to_string();
    }
    let digits = unit.ilog10() as usize;
    format!("{}.{}", amount / unit, format!("{fraction:0digits$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        let printed = |text| parse(text).map(format);
        assert_eq!(printed("90s"), Ok("1m30s".to_owned()));
        assert_eq!(printed("1h"), Ok("1h0m0s".to_owned()));
        assert_eq!(printed("1.5s"), Ok("1.5s".to_owned()));
        assert_eq!(printed("0"), Ok("0s".to_owned()));
        assert_eq!(printed("1d"), Ok("24h0m0s".to_owned()));
        assert_eq!(printed("1500us"), Ok("1.5ms".to_owned()));
        assert_eq!(printed("15ns"), Ok("15ns".to_owned()));
    }

    #[test]
    fn says_why_a_text_is_no_duration() {
        assert_eq!(parse("30"), Err(DurationError::NoUnit("30".into())));
        assert_eq!(parse("30sec"), Err(DurationError::UnknownUnit("30sec".into(), "sec".into())));
        assert_eq!(parse(""), Err(DurationError::Malformed(String::new())));
        assert_eq!(parse("s"), Err(DurationError::Malformed("s".into())));
        assert_eq!(parse("300000w"), Err(DurationError::TooLong("300000w".into())));
    }
}
