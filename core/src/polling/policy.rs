//! Polling policy: pauses that balance detection delay against requests.

use crate::polling::{
    PollingOptions,
    forecast::{EndEstimate, ProgressForecast},
    history::History,
};

/// Weight of the estimate without progress. A forecast from progress weighs as much as its trust.
const PRIOR_WEIGHT: f64 = 3.0;
/// Without history and progress, the pause grows with this power of the age. It grows slowly, because the duration is
/// unknown and a longer pause detects the end later. It does grow, because some jobs are stuck.
const BACKOFF_EXPONENT: f64 = 0.08;
/// Growth of the steps of the numeric integration.
const MAX_GROWTH: f64 = 1.25;

/// Knowledge about a job right after a poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobEstimate<'a> {
    /// Seconds from the submission, or from the first poll, to the middle of the last poll.
    pub age: f64,
    /// Forecast from the job's progress.
    pub forecast: ProgressForecast,
    /// Durations of earlier jobs of the same class.
    pub history: Option<&'a History>,
}

/// Decides when to poll a job.
///
/// The next poll is due when the expected detection delay, the integral of P(job finished) since the last poll, reaches
/// `request_cost`. The probability comes from the durations of earlier jobs. Without any, the hazard is one end per
/// `expected_duration` seconds and falls with the age. A job that reports progress has a second such pause, from its
/// forecast: the result is the geometric mean of both, in which the forecast weighs as much as it is trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    request_cost: f64,
    min_interval: f64,
    max_interval: f64,
    expected_duration: f64,
    jitter: f64,
}

impl Policy {
    /// Returns the policy with these options.
    pub fn new(options: &PollingOptions) -> Self {
        let PollingOptions { request_cost, min_interval, max_interval, expected_duration, jitter, .. } =
            *options;
        Self { request_cost, min_interval, max_interval, expected_duration, jitter }
    }

    /// Returns the longest pause, in seconds.
    pub(super) fn max_interval(&self) -> f64 {
        self.max_interval
    }

    /// Returns the seconds until the next poll. `random`, from 0 to 1, picks the jitter.
    pub fn delay(&self, job: JobEstimate<'_>, random: f64) -> f64 {
        let spread = 1.0 + self.jitter * (2.0 * random - 1.0);
        self.target_delay(job).clamp(self.min_interval, self.max_interval) * spread
    }

    fn target_delay(&self, job: JobEstimate<'_>) -> f64 {
        let prior = match survival_so_far(&job) {
            Some((history, survival)) => {
                self.time_to_cost(|ahead| end_probability(history, &job, survival, ahead))
            }
            None => {
                (2.0 * self.request_cost * self.expected_duration).sqrt()
                    * (1.0 + job.age / self.expected_duration).powf(BACKOFF_EXPONENT)
            }
        };
        match job.forecast.estimate(job.age) {
            Some(estimate) => average(estimate, self.time_to_cost(|ahead| estimate.cdf(ahead)), prior),
            None => prior,
        }
    }

    /// Returns the seconds until the expected detection delay reaches the request cost, at most `max_interval`.
    /// `end_probability` returns the probability that the job ends within some seconds.
    fn time_to_cost(&self, end_probability: impl Fn(f64) -> f64) -> f64 {
        let (mut delay, mut probability_before, mut cost, mut ahead) = (0.0, 0.0, 0.0, self.min_interval);
        loop {
            let probability = end_probability(ahead);
            let step_cost = (ahead - delay) * f64::midpoint(probability, probability_before);
            if cost + step_cost >= self.request_cost {
                return delay + (ahead - delay) * (self.request_cost - cost) / step_cost;
            }
            cost += step_cost;
            delay = ahead;
            probability_before = probability;
            if ahead >= self.max_interval {
                return delay;
            }
            ahead *= MAX_GROWTH;
        }
    }

    /// Returns the priority of a poll: the expected detection delay, `elapsed` seconds after the last poll.
    pub fn priority(&self, job: JobEstimate<'_>, elapsed: f64) -> f64 {
        let prior = if let Some((history, survival)) = survival_so_far(&job) {
            integral(elapsed, |ahead| end_probability(history, &job, survival, ahead))
        } else {
            let scale = self.expected_duration + job.age;
            elapsed - scale * (elapsed / scale).ln_1p()
        };
        match job.forecast.estimate(job.age) {
            Some(estimate) => average(estimate, integral(elapsed, |ahead| estimate.cdf(ahead)), prior),
            None => prior,
        }
    }
}

/// Returns the history, where there is one, and the probability of a job to reach this age.
fn survival_so_far<'a>(job: &JobEstimate<'a>) -> Option<(&'a History, f64)> {
    let history = job.history?;
    Some((history, history.survival(job.age)?))
}

/// Returns the probability that the job ends within `ahead` seconds, given that it has reached its age.
fn end_probability(history: &History, job: &JobEstimate<'_>, survival: f64, ahead: f64) -> f64 {
    1.0 - history.survival(job.age + ahead).unwrap_or(survival) / survival
}

/// Returns the geometric mean of the forecast's value and the prior one, weighted by the trust in the forecast.
fn average(estimate: EndEstimate, forecast: f64, prior: f64) -> f64 {
    if prior <= 0.0 || forecast <= 0.0 {
        return forecast.max(0.0);
    }
    prior * (forecast / prior).powf(estimate.trust / (estimate.trust + PRIOR_WEIGHT))
}

/// Integrates the probability of the job's end over `elapsed` seconds, by Simpson's rule.
fn integral(elapsed: f64, end_probability: impl Fn(f64) -> f64) -> f64 {
    let at = |share: f64| end_probability(share * elapsed);
    elapsed * (4.0 * at(0.25) + 2.0 * at(0.5) + 4.0 * at(0.75) + at(1.0)) / 12.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> Policy {
        Policy::new(&PollingOptions::default())
    }

    fn delay(job: JobEstimate<'_>) -> f64 {
        policy().delay(job, 0.5)
    }

    /// Returns the estimate after polls at these ages with these progress values.
    fn progressed(polls: &[(f64, f64)]) -> JobEstimate<'static> {
        let mut forecast = ProgressForecast::default();
        for &(age, progress) in polls {
            forecast.observe(age, progress);
        }
        JobEstimate { age: polls.last().map_or(0.0, |poll| poll.0), forecast, history: None }
    }

    #[test]
    fn without_knowledge_the_pause_grows_slowly() {
        let at = |age| delay(JobEstimate { age, ..JobEstimate::default() });
        assert!((at(0.0) - (2.0_f64 * 0.05 * 30.0).sqrt()).abs() < 1e-9);
        let pauses = [0.0, 10.0, 100.0, 1000.0, 10_000.0].map(at);
        assert!(
            pauses.is_sorted() && pauses[3] < 1.5 * pauses[0] && pauses[4] > 1.5 * pauses[0],
            "{pauses:?}"
        );
    }

    #[test]
    fn a_higher_request_cost_lengthens_pauses() {
        let history = History::of(&[40.0, 50.0, 30.0]);
        let costly = Policy::new(&PollingOptions { request_cost: 0.2, ..PollingOptions::default() });
        for job in [
            JobEstimate::default(),
            JobEstimate { age: 20.0, history: Some(&history), ..JobEstimate::default() },
            progressed(&[(10.0, 0.1), (20.0, 0.2)]),
        ] {
            assert!(costly.delay(job, 0.5) > 1.2 * delay(job), "{job:?}");
        }
    }

    #[test]
    fn history_concentrates_polls_around_durations() {
        let history = History::of(&[40.0, 41.0, 39.0, 40.0, 42.0, 38.0, 40.0, 40.0]);
        let at = |age| delay(JobEstimate { age, history: Some(&history), ..JobEstimate::default() });
        assert!(
            at(0.0) > 10.0 * at(38.0) && at(400.0) > 2.0 * at(38.0),
            "{} {} {}",
            at(0.0),
            at(38.0),
            at(400.0)
        );
    }

    #[test]
    fn progress_concentrates_polls_near_the_end() {
        let polls: Vec<_> = (1..=19).map(|n| (10.0 * f64::from(n), 0.05 * f64::from(n))).collect();
        let pauses: Vec<f64> = (4..=19).map(|n| delay(progressed(&polls[..n]))).collect();
        assert!(pauses[11..].is_sorted_by(|a, b| a > b) && pauses[15] < pauses[0] / 2.0, "{pauses:?}");
        assert!(pauses[0] > 3.0 * delay(JobEstimate { age: 40.0, ..JobEstimate::default() }), "{pauses:?}");
    }

    #[test]
    fn erratic_progress_hardly_counts() {
        let erratic =
            [(10.0, 0.9), (20.0, 0.91), (30.0, 0.1), (40.0, 0.8), (50.0, 0.81), (60.0, 0.05), (70.0, 0.9)];
        let (with, without) =
            (delay(progressed(&erratic)), delay(JobEstimate { age: 70.0, ..JobEstimate::default() }));
        assert!((0.4..2.0).contains(&(with / without)), "{with} {without}");
    }

    #[test]
    fn pauses_grow_while_progress_stands_still() {
        let polls = [(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8), (49.0, 0.98)];
        let still = |seconds| delay(JobEstimate { age: 49.0 + seconds, ..progressed(&polls) });
        let pauses = [3.0, 10.0, 60.0, 600.0].map(still);
        assert!(pauses.is_sorted() && pauses[3] > 3.0 * pauses[0], "{pauses:?}");
    }

    /// Generates polls: growing ages, and any number as progress.
    fn polls() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let progress = prop_oneof![
            0.0..1.0,
            Just(0.0),
            Just(1.0),
            Just(-1.0),
            Just(7.0),
            Just(f64::NAN),
            Just(1e-300),
            Just(f64::INFINITY)
        ];
        prop::collection::vec((1e-6..1e4, progress), 0..12).prop_map(|mut polls: Vec<(f64, f64)>| {
            polls.sort_by(|a, b| a.0.total_cmp(&b.0));
            polls
        })
    }

    proptest! {
        #[test]
        fn pauses_stay_within_bounds_for_any_input(
            polls in polls(),
            durations in prop::collection::vec(prop_oneof![1e-3..1e5_f64, Just(1e-300), Just(1e300)], 0..30),
            later in prop_oneof![Just(0.0), 0.0..1e6_f64],
            random in 0.0..=1.0_f64,
            request_cost in 1e-6..1e3_f64,
            (min_interval, max_interval) in (1e-3..1.0_f64, 1.0..1e3_f64),
            jitter in 0.0..0.99_f64,
        ) {
            let options = PollingOptions { request_cost, min_interval, max_interval, jitter, ..PollingOptions::default() };
            let policy = Policy::new(&options);
            let history = History::of(&durations);
            let mut job = progressed(&polls);
            job.age += later;
            job.history = Some(&history);
            let delay = policy.delay(job, random);
            let (least, most) = (min_interval * (1.0 - jitter), max_interval * (1.0 + jitter));
            prop_assert!((least * 0.999..=most * 1.001).contains(&delay), "{job:?}: {delay}");
        }

        #[test]
        fn priority_grows_with_time_and_never_exceeds_it(
            polls in polls(),
            durations in prop::collection::vec(1e-3..1e5_f64, 0..30),
            (elapsed, more) in (0.0..1e4_f64, 0.0..1e4_f64),
        ) {
            let history = History::of(&durations);
            let job = JobEstimate { history: Some(&history), ..progressed(&polls) };
            let priority = |elapsed| policy().priority(job, elapsed);
            prop_assert!((-1e-6..=elapsed + 1e-6).contains(&priority(elapsed)), "{job:?}");
            // Simpson's rule is off by a few percent where a probability rises steeply.
            prop_assert!(priority(elapsed + more) >= 0.85 * priority(elapsed) - 1e-6, "{job:?}");
        }
    }
}
