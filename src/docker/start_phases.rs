//! The phases of a container's start, by what it prints: lines that a service declares, and lines `::phase::NAME`.

use std::time::Duration;

use jiff::Timestamp;

use crate::compose::model::StartPhase;

/// What begins a line that names a phase without a declaration.
const MARK: &str = "::phase::";
/// A longer name is cut, in characters: a program may print anything behind the mark.
const LONGEST_NAME: usize = 60;

/// The phases that one start of a container has entered, with the times since then.
#[derive(Debug, Clone, Default)]
pub(super) struct StartPhases {
    /// By the engine's clock.
    started: Option<Timestamp>,
    entered: Vec<(String, Duration)>,
}

impl StartPhases {
    pub(super) fn of(started: Option<Timestamp>) -> StartPhases {
        StartPhases { started, entered: Vec::new() }
    }

    /// The time from the start to a moment.
    pub(super) fn since_start(&self, moment: Timestamp) -> Duration {
        let Some(started) = self.started else { return Duration::ZERO };
        Duration::try_from(moment.duration_since(started)).unwrap_or(Duration::ZERO)
    }

    /// Reads a line that was printed at this time. Returns the phase that it begins.
    pub(super) fn read(&mut self, line: &str, time: Timestamp, declared: &[StartPhase]) -> Option<&str> {
        let name = match line.trim().strip_prefix(MARK) {
            Some(name) => name.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
            None => declared.iter().find(|phase| line.contains(&phase.log))?.name.clone(),
        };
        if name.is_empty() || self.current().is_some_and(|(current, _)| current == name) {
            return None;
        }
        self.entered.push((name, self.since_start(time)));
        self.current().map(|(name, _)| name)
    }

    /// The last phase that began, and when.
    pub(super) fn current(&self) -> Option<(&str, Duration)> {
        self.entered.last().map(|(name, at)| (name.as_str(), *at))
    }

    /// How long each phase took, where the last one ended at this time. A phase that was entered again counts once.
    pub(super) fn times(&self, end: Duration) -> Vec<(String, Duration)> {
        let ends = self.entered.iter().skip(1).map(|(_, at)| *at).chain([end]);
        let mut times: Vec<(String, Duration)> = Vec::new();
        for ((name, at), end) in self.entered.iter().zip(ends) {
            let took = end.saturating_sub(*at);
            match times.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += took,
                None => times.push((name.clone(), took)),
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn declared() -> [StartPhase; 2] {
        [("Installing", "installing packages"), ("Loading model", "loading the model")]
            .map(|(log, name)| StartPhase { log: log.into(), name: name.into() })
    }

    #[test]
    fn a_declared_text_or_a_marked_line_begins_a_phase_once() {
        let mut phases = StartPhases::of(Some(at(0)));
        assert_eq!(phases.read("INFO Installing numpy", at(1), &declared()), Some("installing packages"));
        assert_eq!(phases.read("INFO Installing scipy", at(5), &declared()), None, "it continues");
        assert_eq!(phases.read("listening", at(6), &declared()), None);
        assert_eq!(phases.read("::phase:: warming up \u{1b}[1m", at(8), &[]), Some("warming up [1m"));
        assert_eq!(phases.read("::phase::", at(9), &[]), None, "without a name");
        assert_eq!(phases.current(), Some(("warming up [1m", seconds(8))));
        let times = phases.times(seconds(10));
        let expected = [("installing packages", 7), ("warming up [1m", 2)];
        assert_eq!(times, expected.map(|(name, took)| (name.to_owned(), seconds(took))));
    }

    #[test]
    fn a_phase_that_comes_again_has_the_sum_of_its_times() {
        let mut phases = StartPhases::of(Some(at(0)));
        for (line, second) in [("::phase::a", 0), ("::phase::b", 2), ("::phase::a", 3)] {
            phases.read(line, at(second), &[]);
        }
        assert_eq!(phases.times(seconds(7)), [("a".to_owned(), seconds(6)), ("b".to_owned(), seconds(1))]);
    }
}
