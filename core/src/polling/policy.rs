//! How long to leave one job alone: until the lateness that nobody has seen yet is worth a request.

use super::PollingOptions;

/// What is known of a job when it has just been looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Seconds since it was submitted (or first seen), at the middle of the last look.
    pub age: f64,
    /// The progress it last reported, from 0 to 1.
    pub progress: Option<f64>,
    /// Its age when its progress was last 0.
    pub started: f64,
    /// How long earlier jobs of the same shape took, in seconds.
    pub history: &'a [f64],
}

/// The policy: one price, and what is known.
///
/// With nothing known it asks at `sqrt(2 · price · (typical + age))`, on the front of requests against lateness whatever
/// the lengths. With earlier lengths it asks when the expected unseen lateness — the area under the chance that the job
/// has ended since the last look — reaches the price. With progress it aims a cube-root distance before the predicted
/// end, since the error of the prediction shrinks with what is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    price: f64,
    min: f64,
    max: f64,
    typical: f64,
    jitter: f64,
}

/// The least share of a job that is taken to remain, however near to 1 its progress is.
const LEAST_LEFT: f64 = 0.005;
/// Each step of the integration is this much longer than the one before.
const STEP: f64 = 1.15;

impl Policy {
    /// The policy with these options.
    pub fn new(options: &PollingOptions) -> Self {
        let PollingOptions { price, min, max, typical, jitter, .. } = *options;
        Self { price, min, max, typical, jitter }
    }

    /// The price that a request must be worth.
    pub(super) fn price(&self) -> f64 {
        self.price
    }

    /// The longest pause.
    pub(super) fn max(&self) -> f64 {
        self.max
    }

    /// The seconds until the next look; `random` is from 0 to 1.
    pub fn delay(&self, known: Known<'_>, random: f64) -> f64 {
        let spread = 1.0 + self.jitter * (2.0 * random - 1.0);
        self.aim(known).clamp(self.min, self.max) * spread
    }

    fn aim(&self, known: Known<'_>) -> f64 {
        let remaining = remaining(&known);
        if remaining.is_none() && known.history.is_empty() {
            return (2.0 * self.price * (self.typical + known.age)).sqrt();
        }
        let aim = remaining.map(|left| (3.0 * self.price * left * left).cbrt());
        let limit = aim.map_or(self.max, |aim| self.max.min(aim / 2.0));
        let delay = self.until_worth_it(&known, limit);
        aim.map_or(delay, |aim| aim.min(2.0 * delay))
    }

    /// Goes forward until the expected unseen lateness is the price, or to the limit.
    fn until_worth_it(&self, known: &Known<'_>, limit: f64) -> f64 {
        let survival = Survival::new(self.typical, known.history);
        let now = survival.at(known.age);
        let (mut delay, mut ended_before, mut cost, mut ahead) = (0.0, 0.0, 0.0, self.min);
        loop {
            let ended = 1.0 - survival.at(known.age + ahead) / now;
            let step_cost = (ahead - delay) * (ended + ended_before) / 2.0;
            if cost + step_cost >= self.price {
                return delay + (ahead - delay) * (self.price - cost) / step_cost;
            }
            cost += step_cost;
            delay = ahead;
            ended_before = ended;
            if ahead >= limit {
                return delay;
            }
            ahead *= STEP;
        }
    }

    /// The lateness that is to be expected by now, unseen for `unseen` seconds: what a look at the job is worth.
    pub fn worth(&self, known: Known<'_>, unseen: f64) -> f64 {
        if let Some(left) = remaining(&known) {
            return unseen - left * (unseen / left).atan();
        }
        if known.history.is_empty() {
            let scale = self.typical + known.age;
            return unseen - scale * (unseen / scale).ln_1p();
        }
        // Simpson's rule over the chance that it has ended.
        let survival = Survival::new(self.typical, known.history);
        let now = survival.at(known.age);
        let ended = |share: f64| 1.0 - survival.at(known.age + share * unseen) / now;
        unseen * (4.0 * ended(0.25) + 2.0 * ended(0.5) + 4.0 * ended(0.75) + ended(1.0)) / 12.0
    }
}

/// How long the job still takes, judged by its progress.
fn remaining(known: &Known<'_>) -> Option<f64> {
    let progress = known.progress.filter(|progress| *progress > 0.0)?;
    let left = (1.0 - progress).max(LEAST_LEFT) / progress * (known.age - known.started);
    (left > 0.0).then_some(left)
}

/// The chance that a job lives to an age: a heavy-tailed guess around the median, mixed with a steep fall at each
/// length that was seen.
struct Survival<'a> {
    median: f64,
    history: &'a [f64],
}

impl<'a> Survival<'a> {
    fn new(typical: f64, history: &'a [f64]) -> Self {
        Self { median: median(history).unwrap_or(typical), history }
    }

    fn at(&self, age: f64) -> f64 {
        let seen: f64 = self.history.iter().map(|length| 1.0 / (1.0 + (age / length).powi(6))).sum();
        #[allow(clippy::cast_precision_loss, reason = "a handful of lengths")]
        let count = self.history.len() as f64;
        (1.0 / (1.0 + age / self.median) + seen) / (count + 1.0)
    }
}

fn median(lengths: &[f64]) -> Option<f64> {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy::new(&PollingOptions::default())
    }

    fn delay(known: Known<'_>) -> f64 {
        policy().delay(known, 0.5)
    }

    #[test]
    fn with_nothing_known_the_pause_grows_with_the_square_root_of_the_age() {
        for age in [0.0, 10.0, 100.0, 1000.0] {
            let expected: f64 = (2.0_f64 * 0.05 * (30.0 + age)).sqrt();
            assert!((delay(Known { age, ..Known::default() }) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn earlier_lengths_make_it_ask_around_them_and_seldom_before() {
        let history = [40.0, 41.0, 39.0, 40.0, 42.0, 38.0, 40.0, 40.0];
        let at = |age| delay(Known { age, history: &history, ..Known::default() });
        assert!(at(5.0) > 2.0 * at(38.0), "{} {}", at(5.0), at(38.0));
    }

    #[test]
    fn progress_makes_it_aim_before_the_predicted_end() {
        let at = |progress| delay(Known { age: 50.0, progress: Some(progress), ..Known::default() });
        assert!(at(0.1) >= at(0.5) && at(0.5) > at(0.9) && at(0.9) >= 0.25);
        let left = 50.0;
        assert!(at(0.5) <= (3.0_f64 * 0.05 * left * left).cbrt());
    }

    #[test]
    fn no_pause_leaves_its_bounds_whatever_the_server_says() {
        let policy = policy();
        for age in [0.0, 1e-9, 1.0, 1e4, 1e9] {
            for progress in [None, Some(0.0), Some(1e-12), Some(0.5), Some(1.0), Some(7.0), Some(-1.0)] {
                for started in [0.0, age] {
                    for history in [&[][..], &[0.001], &[1e9, 5.0]] {
                        for random in [0.0, 1.0] {
                            let known = Known { age, progress, started, history };
                            let delay = policy.delay(known, random);
                            assert!((0.224..=33.1).contains(&delay), "{known:?}: {delay}");
                            assert!(policy.worth(known, 10.0).is_finite(), "{known:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_look_is_worth_more_the_longer_it_is_put_off() {
        let policy = policy();
        for known in [
            Known { age: 20.0, ..Known::default() },
            Known { age: 20.0, progress: Some(0.5), ..Known::default() },
            Known { age: 20.0, history: &[10.0, 30.0], ..Known::default() },
        ] {
            let worth: Vec<_> = [0.0, 1.0, 5.0, 50.0].map(|unseen| policy.worth(known, unseen)).to_vec();
            assert!(worth.is_sorted() && worth[0].abs() < 1e-12 && worth[3] > 1.0, "{worth:?}");
        }
    }
}
