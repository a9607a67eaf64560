//! Forecast of a job's end from its progress, and the trust in that forecast.

/// Smallest fraction of a job that is taken to remain, however close to 1 its progress is.
const MIN_REMAINING: f32 = 0.005;
/// Assumed error of the first forecast. An error is the logarithm of the ratio between two forecasts of the same end.
const FIRST_ERROR: f32 = 0.5;
/// Smallest error of any forecast.
const MIN_ERROR: f32 = 0.125;
/// Largest error of any forecast.
const MAX_ERROR: f32 = 4.0;

/// Forecast that every poll's progress updates. Ages are in seconds.
///
/// Each change of the progress makes a new forecast, which extrapolates the mean speed so far. Its trust comes from how
/// well the forecasts before it agreed with each other.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProgressForecast {
    /// Latest progress.
    progress: f32,
    /// Age at the last change of the progress.
    moved: f32,
    /// Progress from which the speed is measured.
    from: f32,
    /// Age at which the progress was `from`.
    started: f32,
    /// Whether the job did not start at age 0: its progress was once 0, or its start is unknown.
    queued: bool,
    /// Seconds that remained when the progress last changed; 0 without a forecast.
    remaining: f32,
    error: f32,
}

/// Probability distribution of a job's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndEstimate {
    remaining: f64,
    /// Seconds since the forecast was made.
    since: f64,
    /// Steepness of the distribution around the forecast end.
    pub(super) trust: f64,
}

impl ProgressForecast {
    /// Returns the forecast for a job whose start time is unknown: the first progress value gives no rate.
    pub fn unknown_start() -> Self {
        Self { queued: true, ..Self::default() }
    }

    /// Records the progress, from 0 to 1, that the job reported at this age.
    pub fn observe(&mut self, age: f64, progress: f64) {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds and thousandths are enough")]
        let (age, progress) = (age as f32, progress.clamp(0.0, 1.0) as f32);
        if progress <= 0.0 || progress.is_nan() {
            *self = Self { queued: true, ..Self::default() };
        } else if progress <= self.from || (self.queued && self.from <= 0.0) {
            // The first value of a queued job, or a value behind the start: a new measurement begins here.
            *self =
                Self { progress, moved: age, from: progress, started: age, queued: true, ..Self::default() };
        } else if (progress - self.progress).abs() > f32::EPSILON {
            let remaining =
                (1.0 - progress).max(MIN_REMAINING) / (progress - self.from) * (age - self.started);
            if remaining > 0.0 && remaining.is_finite() {
                self.error = if self.remaining > 0.0 {
                    let remaining_before = remaining + age - self.moved;
                    f32::midpoint(self.error, (remaining_before / self.remaining).ln().abs())
                        .clamp(MIN_ERROR, MAX_ERROR)
                } else {
                    FIRST_ERROR
                };
                self.remaining = remaining;
            }
            self.progress = progress;
            self.moved = age;
        }
    }

    /// Returns the estimate at this age; `None` while the progress gives no rate.
    pub(super) fn estimate(&self, age: f64) -> Option<EndEstimate> {
        (self.remaining > 0.0).then(|| EndEstimate {
            remaining: f64::from(self.remaining),
            since: (age - f64::from(self.moved)).max(0.0),
            trust: 1.0 / f64::from(self.error),
        })
    }
}

impl EndEstimate {
    /// Returns the probability that the job ends within `ahead` seconds.
    pub(super) fn cdf(&self, ahead: f64) -> f64 {
        let rise = |since: f64| 1.0 + (since / self.remaining).powf(self.trust);
        1.0 - rise(self.since) / rise(self.since + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the forecast after polls at these ages with these progress values.
    fn observed(polls: &[(f64, f64)]) -> ProgressForecast {
        let mut forecast = ProgressForecast::default();
        for &(age, progress) in polls {
            forecast.observe(age, progress);
        }
        forecast
    }

    fn remaining(forecast: &ProgressForecast) -> f32 {
        forecast.remaining.round()
    }

    #[test]
    fn the_remaining_time_extrapolates_the_mean_speed() {
        assert!((remaining(&observed(&[(10.0, 0.2)])) - 40.0).abs() < 0.1);
        assert!((remaining(&observed(&[(10.0, 0.2), (20.0, 0.4)])) - 30.0).abs() < 0.1);
    }

    #[test]
    fn time_in_the_queue_is_not_counted() {
        let forecast = observed(&[(10.0, 0.0), (50.0, 0.0), (60.0, 0.1), (70.0, 0.3)]);
        assert!((remaining(&forecast) - 35.0).abs() < 0.1, "{forecast:?}");
    }

    #[test]
    fn a_queued_job_needs_two_values_for_a_forecast() {
        assert!(observed(&[(50.0, 0.0), (51.0, 0.5)]).estimate(51.0).is_none());
        assert!(observed(&[(50.0, 0.0), (51.0, 0.5), (60.0, 0.6)]).estimate(60.0).is_some());
    }

    #[test]
    fn accurate_forecasts_gain_trust() {
        let trust = |ages: &[(f64, f64)]| observed(ages).estimate(40.0).unwrap().trust;
        let first = trust(&[(10.0, 0.2)]);
        let held = trust(&[(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8)]);
        let failed = trust(&[(10.0, 0.5), (20.0, 0.55), (30.0, 0.56), (40.0, 0.57)]);
        assert!(failed < first && first < held, "{failed} {first} {held}");
    }

    #[test]
    fn unchanged_progress_keeps_the_forecast() {
        let mut forecast = observed(&[(10.0, 0.5)]);
        let before = forecast;
        forecast.observe(30.0, 0.5);
        assert_eq!(before, forecast);
        let estimate = |age| forecast.estimate(age).unwrap().cdf(1.0);
        assert!(estimate(30.0) > estimate(10.0) && estimate(200.0) < estimate(15.0));
    }

    #[test]
    fn progress_that_falls_restarts_the_measurement() {
        assert!(observed(&[(10.0, 0.0), (11.0, 0.3), (20.0, 0.6), (30.0, 0.2)]).estimate(30.0).is_none());
    }
}
