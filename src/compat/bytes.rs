//! Sizes as Docker writes them: `512m`, `1.5gb`, `64 KiB`; every unit is a power of 1024.

use thiserror::Error;

/// Why a text is no size.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not a size; write it like `512m` (`b`, `k`, `m`, `g`, `t`, `p`)")]
pub struct SizeError(String);

/// Reads a size in bytes.
pub fn parse(text: &str) -> Result<i64, SizeError> {
    let malformed = || SizeError(text.to_owned());
    let number_len = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |last| last + 1);
    let (number, unit) = text.split_at(number_len);
    // One space may stand between number and unit: `64 KiB`.
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let number = number.strip_prefix('+').unwrap_or(number);
    let scale = scale(unit).ok_or_else(malformed)?;
    // Docker lets -1 through («no limit»), alone among the negatives.
    if number == "-1" && unit.is_empty() {
        return Ok(-1);
    }
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(malformed());
    }
    let number: f64 = number.parse().map_err(|_| malformed())?;
    Ok((number * scale) as i64)
}

/// A size for people: `980 B`, `11.8 MiB`.
pub fn format(size: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let exponent = size.ilog2() / 10;
    let unit = UNITS[(exponent as usize - 1).min(UNITS.len() - 1)];
    let scale = 1024f64.powi((exponent as i32).min(UNITS.len() as i32));
    format!("{:.1} {unit}", size as f64 / scale)
}

fn scale(unit: &str) -> Option<f64> {
    let unit = unit.to_ascii_lowercase();
    let mut letters = unit.chars();
    let exponent = match letters.next() {
        None => return Some(1.0),
        Some('b') => return letters.next().is_none().then_some(1.0),
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        Some(_) => return None,
    };
    matches!(letters.as_str(), "" | "b" | "ib").then(|| 1024f64.powi(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_a_power_of_1024() {
        for (text, bytes) in [
            ("50", 50),
            ("50b", 50),
            ("1k", 1024),
            ("50M", 52_428_800),
            ("1.5gb", 1_610_612_736),
            ("64 KiB", 65_536),
            ("-1", -1),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12_345_678, "11.8 MiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(format(size), text);
        }
    }

    #[test]
    fn invalid_sizes_are_refused() {
        for text in ["", "m", "5x", "5mm", "-5m", "1 000", "five"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
