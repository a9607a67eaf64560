//! Clock of all waits, which counts suspended time where the system can.

use std::{fmt, time::Duration};

/// Monotonic clock with an arbitrary zero.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the time since the clock's zero.
    fn now(&self) -> Duration;
}

/// The system's monotonic clock. It counts suspended time on Linux, Android, Apple's systems and Windows.
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
