//! Estimate of a job's remaining time, from its progress so far.

use std::time::{Duration, Instant};

/// The first observed progress, and the expected end.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    first: Option<(Instant, f64)>,
    end: Option<Instant>,
}

impl Estimate {
    /// Records the progress of a running job; `None` starts over.
    pub(super) fn observe(&mut self, progress: Option<f64>, now: Instant) {
        let Some(progress) = progress.filter(|progress| (0.0..=1.0).contains(progress)) else {
            *self = Self::default();
            return;
        };
        let (since, from) = *self.first.get_or_insert((now, progress));
        let made = progress - from;
        if made > 0.0 {
            let seconds = now.duration_since(since).as_secs_f64() * (1.0 - progress) / made;
            self.end = Duration::try_from_secs_f64(seconds).ok().and_then(|left| now.checked_add(left));
        } else if made < 0.0 {
            *self = Self { first: Some((now, progress)), end: None };
        }
    }

    /// Returns the remaining time, if it can be estimated.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.end.map(|end| end.saturating_duration_since(now))
    }
}

/// Formats a time as `0:07`, `12:30`, `1:02:03`.
pub(super) fn format_clock(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round().max(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and not negative")]
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_told_from_the_speed_so_far() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut estimate = Estimate::default();
        estimate.observe(None, start);
        estimate.observe(Some(0.2), at(10));
        assert_eq!(estimate.remaining(at(10)), None, "one look tells no speed");
        estimate.observe(Some(0.4), at(20));
        assert_eq!(estimate.remaining(at(20)).map(|left| left.as_secs_f64().round()), Some(30.0));
        assert_eq!(estimate.remaining(at(25)).map(|left| left.as_secs_f64().round()), Some(25.0));
        assert_eq!(estimate.remaining(at(99)), Some(Duration::ZERO));
    }

    #[test]
    fn a_job_that_starts_over_is_estimated_anew() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut estimate = Estimate::default();
        estimate.observe(Some(0.2), start);
        estimate.observe(Some(0.4), at(10));
        estimate.observe(Some(0.1), at(20));
        assert_eq!(estimate.remaining(at(20)), None);
        estimate.observe(Some(0.55), at(30));
        assert_eq!(estimate.remaining(at(30)).map(|left| left.as_secs_f64().round()), Some(10.0));
    }

    #[test]
    fn times_read_like_a_clock() {
        for (seconds, text) in [(7, "0:07"), (750, "12:30"), (3723, "1:02:03")] {
            assert_eq!(format_clock(Duration::from_secs(seconds)), text);
        }
    }
}
