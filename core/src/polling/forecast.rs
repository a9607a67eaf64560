//! What a job's own progress says of its end, and how far that is to be trusted.

/// The share of a job that is taken to remain at the least, however near to 1 its progress is.
const LEAST_LEFT: f32 = 0.005;
/// How far off the first forecast is taken to be, as a share of what is left, and how near and how far off any is.
const FIRST_ERROR: f32 = 0.5;
const LEAST_ERROR: f32 = 0.125;
const MOST_ERROR: f32 = 4.0;

/// A job's progress, look by look. Ages are in seconds.
///
/// A forecast is made whenever the progress moves: what is left takes as long a part as was seen to take. How well
/// it foretold where the progress stands at its next move says how far the next forecast is trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Forecast {
    /// Where the progress stood last.
    progress: f32,
    /// The age at which it got there.
    moved: f32,
    /// What the speed is measured from: a progress, and the age at which it was seen.
    from: f32,
    started: f32,
    /// The progress was seen at 0, or nobody knows when the job began: it did not begin at age 0.
    queued: bool,
    /// The seconds that were left when it moved; 0 without a forecast.
    left: f32,
    error: f32,
}

/// The chance that a job has ended, by its latest forecast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook {
    left: f64,
    since: f64,
    /// How steeply the chance rises around the forecast's end.
    pub(super) trust: f64,
}

impl Forecast {
    /// Of a job that began nobody knows when: its first progress tells nothing of its speed.
    pub fn begun() -> Self {
        Self { queued: true, ..Self::default() }
    }

    /// At this age the job reported this progress, from 0 to 1.
    pub fn see(&mut self, age: f64, progress: f64) {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds and thousandths are enough")]
        let (age, progress) = (age as f32, progress.clamp(0.0, 1.0) as f32);
        if progress <= 0.0 || progress.is_nan() {
            *self = Self { queued: true, ..Self::default() };
        } else if progress <= self.from || (self.queued && self.from <= 0.0) {
            // The first that is known of its speed, or a step back behind it: both begin a new measurement.
            *self =
                Self { progress, moved: age, from: progress, started: age, queued: true, ..Self::default() };
        } else if (progress - self.progress).abs() > f32::EPSILON {
            let left = (1.0 - progress).max(LEAST_LEFT) / (progress - self.from) * (age - self.started);
            if left > 0.0 && left.is_finite() {
                self.error = if self.left > 0.0 {
                    let was_left = left + age - self.moved;
                    f32::midpoint(self.error, (was_left / self.left).ln().abs())
                        .clamp(LEAST_ERROR, MOST_ERROR)
                } else {
                    FIRST_ERROR
                };
                self.left = left;
            }
            self.progress = progress;
            self.moved = age;
        }
    }

    /// What is to be expected at this age; nothing before the progress has shown its speed.
    pub(super) fn outlook(&self, age: f64) -> Option<Outlook> {
        (self.left > 0.0).then(|| Outlook {
            left: f64::from(self.left),
            since: (age - f64::from(self.moved)).max(0.0),
            trust: 1.0 / f64::from(self.error),
        })
    }
}

impl Outlook {
    /// The chance that the job has ended so many seconds ahead.
    pub(super) fn ended(&self, ahead: f64) -> f64 {
        let rise = |since: f64| 1.0 + (since / self.left).powf(self.trust);
        1.0 - rise(self.since) / rise(self.since + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a forecast says when the progress was seen at these ages.
    fn seen(seen: &[(f64, f64)]) -> Forecast {
        let mut forecast = Forecast::default();
        for &(age, progress) in seen {
            forecast.see(age, progress);
        }
        forecast
    }

    fn left(forecast: &Forecast) -> f32 {
        forecast.left.round()
    }

    #[test]
    fn what_is_left_takes_as_long_a_part_as_was_seen_to_take() {
        assert!((left(&seen(&[(10.0, 0.2)])) - 40.0).abs() < 0.1);
        assert!((left(&seen(&[(10.0, 0.2), (20.0, 0.4)])) - 30.0).abs() < 0.1);
    }

    #[test]
    fn time_in_a_queue_is_not_counted() {
        let forecast = seen(&[(10.0, 0.0), (50.0, 0.0), (60.0, 0.1), (70.0, 0.3)]);
        assert!((left(&forecast) - 35.0).abs() < 0.1, "{forecast:?}");
    }

    #[test]
    fn a_job_that_was_queued_has_no_forecast_before_its_progress_moved_twice() {
        assert!(seen(&[(50.0, 0.0), (51.0, 0.5)]).outlook(51.0).is_none());
        assert!(seen(&[(50.0, 0.0), (51.0, 0.5), (60.0, 0.6)]).outlook(60.0).is_some());
    }

    #[test]
    fn forecasts_that_held_are_trusted_more_and_those_that_failed_less() {
        let trust = |ages: &[(f64, f64)]| seen(ages).outlook(40.0).unwrap().trust;
        let first = trust(&[(10.0, 0.2)]);
        let held = trust(&[(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8)]);
        let failed = trust(&[(10.0, 0.5), (20.0, 0.55), (30.0, 0.56), (40.0, 0.57)]);
        assert!(failed < first && first < held, "{failed} {first} {held}");
    }

    #[test]
    fn progress_that_stands_still_leaves_the_forecast_as_it_was() {
        let mut forecast = seen(&[(10.0, 0.5)]);
        let before = forecast;
        forecast.see(30.0, 0.5);
        assert_eq!(before, forecast);
        let outlook = |age| forecast.outlook(age).unwrap().ended(1.0);
        assert!(outlook(30.0) > outlook(10.0) && outlook(200.0) < outlook(15.0));
    }

    #[test]
    fn a_step_back_begins_a_new_measurement() {
        assert!(seen(&[(10.0, 0.0), (11.0, 0.3), (20.0, 0.6), (30.0, 0.2)]).outlook(30.0).is_none());
    }
}
