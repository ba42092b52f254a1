//! The time that waits may take in all: it runs while at least one wait does, and stands still between them.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A total for many waits. Those at the same time count once.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Duration,
    spent: Cell<Duration>,
    waits: Cell<usize>,
    since: Cell<Instant>,
}

/// A wait that counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Counting<'a> {
    budget: &'a Budget,
    /// When the budget is spent, if nothing stops it from running.
    pub(crate) deadline: Instant,
}

impl Budget {
    pub(crate) fn new(limit: Duration) -> Budget {
        Budget { limit, spent: Cell::default(), waits: Cell::default(), since: Cell::new(Instant::now()) }
    }

    /// A wait begins.
    pub(crate) fn count(&self) -> Counting<'_> {
        if self.waits.get() == 0 {
            self.since.set(Instant::now());
        }
        self.waits.set(self.waits.get() + 1);
        Counting { budget: self, deadline: self.since.get() + self.limit.saturating_sub(self.spent.get()) }
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let budget = self.budget;
        budget.waits.set(budget.waits.get() - 1);
        if budget.waits.get() == 0 {
            budget.spent.set(budget.spent.get() + budget.since.get().elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(budget: &Budget) -> Duration {
        budget.count().deadline.saturating_duration_since(Instant::now())
    }

    #[test]
    fn time_counts_only_while_something_waits_and_once_for_all_that_do() {
        let budget = Budget::new(Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(30));
        assert!(left(&budget) > Duration::from_millis(59_990), "nothing waited yet");
        let (one, other) = (budget.count(), budget.count());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(one.deadline, other.deadline);
        drop((one, other));
        let after = left(&budget);
        assert!(after <= Duration::from_millis(59_950) && after > Duration::from_millis(59_800), "{after:?}");
    }
}
