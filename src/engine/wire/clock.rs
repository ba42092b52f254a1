//! The engine's clock, from the `Date` of its answers. Ages of objects on the engine are judged by this clock alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderMap;
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};

/// The last time from the engine, and when it arrived. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl Clock {
    /// Reads the time from an answer.
    pub(super) fn read(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(time) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else {
            return;
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((time.timestamp(), Instant::now()));
    }

    /// The engine's time, in whole seconds; this machine's time where no answer had one.
    pub(crate) fn now(&self) -> Timestamp {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((time, read)) => {
                time + SignedDuration::try_from(read.elapsed()).unwrap_or(SignedDuration::ZERO)
            }
            None => Timestamp::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use http::{HeaderMap, HeaderValue, header::DATE};

    #[test]
    fn the_date_of_the_last_answer_is_the_engines_time() {
        let clock = Clock::default();
        let headers =
            HeaderMap::from_iter([(DATE, HeaderValue::from_static("Fri, 20 Nov 2026 22:59:41 GMT"))]);
        clock.read(&headers);
        clock.read(&HeaderMap::new());
        clock.read(&HeaderMap::from_iter([(DATE, HeaderValue::from_static("yesterday"))]));
        assert!(clock.now().to_string().starts_with("2026-11-20T22:59:41"), "{}", clock.now());
    }
}
