//! The time that waits go by: it counts while the machine sleeps, where the system has such a clock.

use std::{fmt, time::Duration};

/// A clock that only goes forward. Its zero is anywhere.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time since the clock's zero.
    fn now(&self) -> Duration;
}

/// The system's clock since boot, suspended time included on Linux, Android, Apple's systems and Windows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(unix)]
    fn now(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let time = clock_gettime(ClockId::Boottime);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let time = clock_gettime(ClockId::Monotonic);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(unix))]
    fn now(&self) -> Duration {
        static ZERO: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        ZERO.get_or_init(std::time::Instant::now).elapsed()
    }
}
