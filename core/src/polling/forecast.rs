//! What a job's own progress says of its end, and how far that is to be trusted.

/// The share of a job that is taken to remain at the least, however near to 1 its progress is.
const MIN_REMAINING: f32 = 0.005;
/// How far off the first forecast is taken to be, as a share of what is remaining, and how near and how far off any is.
const FIRST_ERROR: f32 = 0.5;
const MIN_ERROR: f32 = 0.125;
const MAX_ERROR: f32 = 4.0;

/// A job's progress, look by look. Ages are in seconds.
///
/// A forecast is made whenever the progress moves: what is remaining takes as long a part as was seen to take. How well
/// it foretold where the progress stands at its next move says how far the next forecast is trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProgressForecast {
    /// Where the progress stood last.
    progress: f32,
    /// The age at which it got there.
    moved: f32,
    /// What the speed is measured from: a progress, and the age at which it was seen.
    from: f32,
    started: f32,
    /// The progress was seen at 0, or nobody knows when the job began: it did not begin at age 0.
    queued: bool,
    /// The seconds that were remaining when it moved; 0 without a forecast.
    remaining: f32,
    error: f32,
}

/// The chance that a job has ended, by its latest forecast.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndEstimate {
    remaining: f64,
    since: f64,
    /// How steeply the chance rises around the forecast's end.
    pub(super) trust: f64,
}

impl ProgressForecast {
    /// Of a job that began nobody knows when: its first progress tells nothing of its speed.
    pub fn unknown_start() -> Self {
        Self { queued: true, ..Self::default() }
    }

    /// At this age the job reported this progress, from 0 to 1.
    pub fn observe(&mut self, age: f64, progress: f64) {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds and thousandths are enough")]
        let (age, progress) = (age as f32, progress.clamp(0.0, 1.0) as f32);
        if progress <= 0.0 || progress.is_nan() {
            *self = Self { queued: true, ..Self::default() };
        } else if progress <= self.from || (self.queued && self.from <= 0.0) {
            // The first that is known of its speed, or a step back behind it: both begin a new measurement.
            *self =
                Self { progress, moved: age, from: progress, started: age, queued: true, ..Self::default() };
        } else if (progress - self.progress).abs() > f32::EPSILON {
            let remaining =
                (1.0 - progress).max(MIN_REMAINING) / (progress - self.from) * (age - self.started);
            if remaining > 0.0 && remaining.is_finite() {
                self.error = if self.remaining > 0.0 {
                    let was_left = remaining + age - self.moved;
                    f32::midpoint(self.error, (was_left / self.remaining).ln().abs())
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

    /// What is to be expected at this age; nothing before the progress has shown its speed.
    pub(super) fn estimate(&self, age: f64) -> Option<EndEstimate> {
        (self.remaining > 0.0).then(|| EndEstimate {
            remaining: f64::from(self.remaining),
            since: (age - f64::from(self.moved)).max(0.0),
            trust: 1.0 / f64::from(self.error),
        })
    }
}

impl EndEstimate {
    /// The chance that the job has ended so many seconds ahead.
    pub(super) fn cdf(&self, ahead: f64) -> f64 {
        let rise = |since: f64| 1.0 + (since / self.remaining).powf(self.trust);
        1.0 - rise(self.since) / rise(self.since + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a forecast says when the progress was seen at these ages.
    fn observed(seen: &[(f64, f64)]) -> ProgressForecast {
        let mut forecast = ProgressForecast::default();
        for &(age, progress) in seen {
            forecast.observe(age, progress);
        }
        forecast
    }

    fn remaining(forecast: &ProgressForecast) -> f32 {
        forecast.remaining.round()
    }

    #[test]
    fn what_is_left_takes_as_long_a_part_as_was_seen_to_take() {
        assert!((remaining(&observed(&[(10.0, 0.2)])) - 40.0).abs() < 0.1);
        assert!((remaining(&observed(&[(10.0, 0.2), (20.0, 0.4)])) - 30.0).abs() < 0.1);
    }

    #[test]
    fn time_in_a_queue_is_not_counted() {
        let forecast = observed(&[(10.0, 0.0), (50.0, 0.0), (60.0, 0.1), (70.0, 0.3)]);
        assert!((remaining(&forecast) - 35.0).abs() < 0.1, "{forecast:?}");
    }

    #[test]
    fn a_job_that_was_queued_has_no_forecast_before_its_progress_moved_twice() {
        assert!(observed(&[(50.0, 0.0), (51.0, 0.5)]).estimate(51.0).is_none());
        assert!(observed(&[(50.0, 0.0), (51.0, 0.5), (60.0, 0.6)]).estimate(60.0).is_some());
    }

    #[test]
    fn forecasts_that_held_are_trusted_more_and_those_that_failed_less() {
        let trust = |ages: &[(f64, f64)]| observed(ages).estimate(40.0).unwrap().trust;
        let first = trust(&[(10.0, 0.2)]);
        let held = trust(&[(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8)]);
        let failed = trust(&[(10.0, 0.5), (20.0, 0.55), (30.0, 0.56), (40.0, 0.57)]);
        assert!(failed < first && first < held, "{failed} {first} {held}");
    }

    #[test]
    fn progress_that_stands_still_leaves_the_forecast_as_it_was() {
        let mut forecast = observed(&[(10.0, 0.5)]);
        let before = forecast;
        forecast.observe(30.0, 0.5);
        assert_eq!(before, forecast);
        let estimate = |age| forecast.estimate(age).unwrap().cdf(1.0);
        assert!(estimate(30.0) > estimate(10.0) && estimate(200.0) < estimate(15.0));
    }

    #[test]
    fn a_step_back_begins_a_new_measurement() {
        assert!(observed(&[(10.0, 0.0), (11.0, 0.3), (20.0, 0.6), (30.0, 0.2)]).estimate(30.0).is_none());
    }
}
