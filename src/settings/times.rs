//! The durations of settings.

use std::time::Duration;

use jiff::Timestamp;

use crate::compat::duration;

/// Reads a duration in Compose's syntax. A number without a unit is seconds.
///
/// # Errors
/// The reason why the text is invalid.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    duration::parse(text).map_err(|error| error.to_string())
}

/// Reads a moment: a time, or how long ago.
///
/// # Errors
/// The reason why the text is invalid.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = parse_time(text).map_err(|_| "neither a time (2026-01-31T10:00:00Z) nor how long ago (10m)")?;
    Timestamp::now().checked_sub(ago).map_err(|error| error.to_string())
}

/// Reads the deadline for an answer of the engine.
///
/// # Errors
/// The reason why the text is invalid. Zero is invalid, since no engine could answer.
pub fn parse_engine_timeout(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err(format!("`{text}` is too short for any answer")),
        time => Ok(time),
    }
}

/// Reads how long a lock is valid without a renewal. Unreliable links need more time.
pub(super) fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        lease if lease < Duration::from_secs(1) => Err(format!("`{text}` is shorter than 1 s")),
        lease => Ok(lease),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_unit_is_seconds() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("6m"), Ok(Duration::from_secs(360)));
        assert!(parse_time("soon").is_err());
    }
}
