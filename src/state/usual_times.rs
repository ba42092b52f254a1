//! How long the phases of starts usually take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::head::ReleaseEntry;

const WORTH_TELLING: Duration = Duration::from_secs(1);

/// How long each phase usually takes: the median of the releases that are kept.
#[derive(Debug, Clone, Default)]
pub struct UsualTimes(BTreeMap<(String, String), Duration>);

impl UsualTimes {
    /// The usual times of these releases.
    pub fn of(releases: &[ReleaseEntry]) -> UsualTimes {
        let mut times: BTreeMap<(String, String), Vec<Duration>> = BTreeMap::new();
        for (service, phases) in releases.iter().flat_map(|release| &release.starts) {
            for (phase, took) in phases {
                times.entry((service.clone(), phase.clone())).or_default().push(*took);
            }
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2]
        };
        UsualTimes(times.into_iter().map(|(key, times)| (key, median(times))).collect())
    }

    /// The usual time of a phase; none where no kept release went through it, or where nobody waits that long.
    pub fn of_phase(&self, service: &str, phase: &str) -> Option<Duration> {
        let usual = self.0.get(&(service.to_owned(), phase.to_owned())).copied();
        usual.filter(|usual| *usual >= WORTH_TELLING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(seconds: u64) -> ReleaseEntry {
        let phases = vec![("loading".to_owned(), Duration::from_secs(seconds))];
        ReleaseEntry { starts: [("backend".to_owned(), phases)].into(), ..ReleaseEntry::default() }
    }

    #[test]
    fn the_usual_time_is_the_median_so_one_slow_start_does_not_count() {
        let usual = UsualTimes::of(&[release(10), release(300), ReleaseEntry::default(), release(12)]);
        assert_eq!(usual.of_phase("backend", "loading"), Some(Duration::from_secs(12)));
        assert_eq!(usual.of_phase("backend", "installing"), None);
        assert_eq!(usual.of_phase("db", "loading"), None);
        assert_eq!(UsualTimes::of(&[release(0)]).of_phase("backend", "loading"), None);
    }
}
