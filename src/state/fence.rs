//! The fence: no change begins unless the lock was renewed a short while ago. It closes before others may take the lock
//! over, so a process that was suspended and wakes up finishes the call it was in, and begins nothing more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock: the time since some moment.
type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Whether changes may begin. Clones share it.
#[derive(Clone)]
pub struct Fence {
    clock: Clock,
    /// When it closes, in milliseconds of the clock.
    closes: Arc<AtomicU64>,
    open_for: Duration,
}

/// The lock was not renewed in time, or is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not begun: the lock of the project was not renewed in time, so it may be another's by now")]
pub struct Closed;

impl Fence {
    /// A fence that is open for so long after every renewal, the first one being now.
    pub fn new(open_for: Duration) -> Fence {
        Fence::timed(open_for, Arc::new(boot_time))
    }

    fn timed(open_for: Duration, clock: Clock) -> Fence {
        let fence = Fence { clock, closes: Arc::default(), open_for };
        fence.renewed(fence.now());
        fence
    }

    /// The time by the fence's clock, to be taken before a renewal is asked for.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// A renewal that was asked for at `asked` has succeeded.
    pub fn renewed(&self, asked: Duration) {
        self.closes.store(millis(asked + self.open_for), Ordering::SeqCst);
    }

    /// The lock is another's.
    pub fn close(&self) {
        self.closes.store(0, Ordering::SeqCst);
    }

    /// Whether a change may begin now.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn check(&self) -> Result<(), Closed> {
        if millis(self.now()) < self.closes.load(Ordering::SeqCst) { Ok(()) } else { Err(Closed) }
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fence({})", if self.check().is_ok() { "open" } else { "closed" })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The time since the machine was started, suspended times included.
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
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn it_closes_twenty_seconds_after_the_last_renewal_was_asked_for_and_opens_with_the_next() {
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
        // Suspended for an hour between asking and hearing: the answer opens nothing.
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

    #[test]
    fn the_clock_goes_on() {
        let fence = Fence::new(Duration::from_millis(5));
        assert_eq!(fence.check(), Ok(()));
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(fence.check(), Err(Closed));
    }
}
