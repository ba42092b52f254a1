//! The total time that waits may take. It runs while at least one wait does, and stops between them.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// A total for many waits. Those at the same time count once.
#[derive(Debug)]
pub(super) struct Budget {
    limit: Duration,
    spent: Cell<Duration>,
    waits: Cell<usize>,
    since: Cell<Instant>,
}

/// A wait that counts as long as this value lives.
#[derive(Debug)]
pub(super) struct Counting<'a> {
    budget: &'a Budget,
    /// When the budget is spent, if waits do not pause before.
    pub(super) deadline: Instant,
}

impl Budget {
    pub(super) fn new(limit: Duration) -> Budget {
        Budget { limit, spent: Cell::default(), waits: Cell::default(), since: Cell::new(Instant::now()) }
    }

    /// Begins a wait.
    pub(super) fn count(&self) -> Counting<'_> {
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

    #[tokio::test(start_paused = true)]
    async fn time_counts_only_during_waits_and_once_for_simultaneous_ones() {
        let left = |budget: &Budget| budget.count().deadline - Instant::now();
        let budget = Budget::new(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(left(&budget), Duration::from_secs(60), "nothing waited yet");
        let (one, other) = (budget.count(), budget.count());
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(one.deadline, other.deadline);
        drop((one, other));
        assert_eq!(left(&budget), Duration::from_secs(40));
    }
}
