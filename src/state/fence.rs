//! The fence: no change begins unless the lock was renewed recently. It closes before others may take the lock, so a
//! process that was suspended and resumes finishes the call it was in and begins no other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// The time since a fixed moment.
pub(super) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Whether changes may begin. Clones share it.
#[derive(Clone)]
pub struct Fence {
    clock: Clock,
    known: Arc<watch::Sender<Known>>,
    open_for: Duration,
}

/// Times are by the fence's clock.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    closes: Duration,
    /// Another holder has the lock: the fence never opens again.
    lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock of the project was not renewed in time")]
pub struct Closed;

impl Fence {
    /// A fence that stays open for this time after each renewal. The first renewal is now.
    pub fn new(open_for: Duration) -> Fence {
        Fence::timed(open_for, Arc::new(boot_time))
    }

    pub(super) fn timed(open_for: Duration, clock: Clock) -> Fence {
        let fence = Fence { clock, known: Arc::new(watch::Sender::new(Known::default())), open_for };
        fence.renewed(fence.now());
        fence
    }

    /// The time by the fence's clock. Take it before a renewal is asked for.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// Records that a renewal succeeded which was asked for at `asked`.
    pub fn renewed(&self, asked: Duration) {
        self.known.send_modify(|known| known.closes = asked + self.open_for);
    }

    /// Records that another holder has the lock.
    pub fn close(&self) {
        self.known.send_modify(|known| known.lost = true);
    }

    /// Whether a change may begin now.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn check(&self) -> Result<(), Closed> {
        if self.is_open(&self.known.borrow()) { Ok(()) } else { Err(Closed) }
    }

    /// Waits until a change may begin, at most for `within`. After an outage or a suspend, the next renewal shows whether
    /// this process still has the lock.
    ///
    /// # Errors
    /// [`Closed`] where another holder has the lock, or no renewal succeeded.
    pub async fn opens(&self, within: Duration) -> Result<(), Closed> {
        let mut news = self.known.subscribe();
        let decided = news.wait_for(|known| known.lost || self.is_open(known));
        match tokio::time::timeout(within, decided).await {
            Ok(Ok(known)) if !known.lost => Ok(()),
            _ => Err(Closed),
        }
    }

    fn is_open(&self, known: &Known) -> bool {
        !known.lost && self.now() < known.closes
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fence({})", if self.check().is_ok() { "open" } else { "closed" })
    }
}

/// The time since the machine started, with the times of suspend.
fn boot_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn it_closes_20_s_after_the_last_renewal_was_asked_for_and_opens_with_the_next() {
        let seconds = Arc::new(AtomicU64::new(100));
        let clock = {
            let seconds = seconds.clone();
            Arc::new(move || Duration::from_secs(seconds.load(Ordering::SeqCst)))
        };
        let fence = Fence::timed(Duration::from_secs(20), clock);
        let at = |second| seconds.store(second, Ordering::SeqCst);
        at(119);
        assert_eq!(fence.check(), Ok(()));
        at(120);
        assert_eq!(fence.check(), Err(Closed));
        // Suspended for an hour between the request and its answer: the answer does not open the fence.
        at(130);
        let asked = fence.now();
        at(3730);
        fence.renewed(asked);
        assert_eq!(fence.check(), Err(Closed));
        fence.renewed(fence.now());
        assert_eq!(fence.check(), Ok(()));
        fence.close();
        assert_eq!(fence.check(), Err(Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_the_next_renewal_and_not_without_limit() {
        let (within, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let fence = Fence::new(Duration::ZERO);
        assert_eq!(fence.opens(within).await, Err(Closed));
        let renewal = async {
            tokio::time::sleep(second).await;
            fence.renewed(fence.now() + within);
        };
        assert_eq!(tokio::join!(fence.opens(within), renewal), (Ok(()), ()));
        let fence = Fence::new(Duration::ZERO);
        let lost = async {
            tokio::time::sleep(second).await;
            fence.close();
        };
        let begun = tokio::time::Instant::now();
        assert_eq!(tokio::join!(fence.opens(within), lost), (Err(Closed), ()));
        assert_eq!(begun.elapsed(), second);
    }

    #[test]
    fn it_closes_by_the_clock_of_the_machine() {
        let fence = Fence::new(Duration::from_millis(5));
        assert_eq!(fence.check(), Ok(()));
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(fence.check(), Err(Closed));
    }
}
