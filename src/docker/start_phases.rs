//! The phases of a container's start, by what it prints: lines that a service declares, and lines `::phase::NAME`.

use std::time::Duration;

use crate::compose::model::StartPhase;

/// What begins a line that names a phase without a declaration.
const MARK: &str = "::phase::";
/// A longer name is cut, in characters: a program may print anything behind the mark.
const LONGEST_NAME: usize = 60;

/// The phases that a start has entered, with the times since the container's start.
#[derive(Debug, Default)]
pub(super) struct StartPhases {
    entered: Vec<(String, Duration)>,
}

impl StartPhases {
    /// Reads a line that was printed at this time after the start. Returns the phase that it begins.
    pub(super) fn read(&mut self, line: &str, at: Duration, declared: &[StartPhase]) -> Option<&str> {
        let name = match line.trim().strip_prefix(MARK) {
            Some(name) => name.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
            None => declared.iter().find(|phase| line.contains(&phase.log))?.name.clone(),
        };
        if name.is_empty() || self.current().is_some_and(|(current, _)| current == name) {
            return None;
        }
        self.entered.push((name, at));
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

    fn declared() -> [StartPhase; 2] {
        [("Installing", "installing packages"), ("Loading model", "loading the model")]
            .map(|(log, name)| StartPhase { log: log.into(), name: name.into() })
    }

    #[test]
    fn a_declared_text_or_a_marked_line_begins_a_phase_once() {
        let mut phases = StartPhases::default();
        assert_eq!(
            phases.read("INFO Installing numpy", seconds(1), &declared()),
            Some("installing packages")
        );
        assert_eq!(phases.read("INFO Installing scipy", seconds(5), &declared()), None, "it continues");
        assert_eq!(phases.read("listening", seconds(6), &declared()), None);
        assert_eq!(phases.read("::phase:: warming up \u{1b}[1m", seconds(8), &[]), Some("warming up [1m"));
        assert_eq!(phases.read("::phase::", seconds(9), &[]), None, "without a name");
        assert_eq!(phases.current(), Some(("warming up [1m", seconds(8))));
        let times = phases.times(seconds(10));
        let expected = [("installing packages", 7), ("warming up [1m", 2)];
        assert_eq!(times, expected.map(|(name, took)| (name.to_owned(), seconds(took))));
    }

    #[test]
    fn a_phase_that_comes_again_has_the_sum_of_its_times() {
        let mut phases = StartPhases::default();
        for (line, at) in [("::phase::a", 0), ("::phase::b", 2), ("::phase::a", 3)] {
            phases.read(line, seconds(at), &[]);
        }
        assert_eq!(phases.times(seconds(7)), [("a".to_owned(), seconds(6)), ("b".to_owned(), seconds(1))]);
    }
}
