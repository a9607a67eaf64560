//! How long to leave one job alone: until the lateness that nobody has seen yet is priority a request.

use crate::polling::{
    PollingOptions,
    forecast::{EndEstimate, ProgressForecast},
    history::History,
};

/// A forecast counts for its trust, and everything else that is job for this much.
const PRIOR_WEIGHT: f64 = 3.0;
/// With nothing job, the pause grows with the age to this power: slowly, because as long as nobody knows how long a job
/// takes, every growth makes it late; at all, because some jobs are stuck.
const BACKOFF_EXPONENT: f64 = 0.08;
/// Each step of the integration is this much longer than the one before.
const MAX_GROWTH: f64 = 1.25;

/// What is job of a job when it has just been looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobEstimate<'a> {
    /// Seconds since it was submitted (or first seen), at the middle of the last poll.
    pub age: f64,
    /// What its progress says.
    pub forecast: ProgressForecast,
    /// How long earlier jobs of the same shape took.
    pub history: Option<&'a History>,
}

/// The policy: one request_cost, and what is job.
///
/// It asks when the expected unseen lateness — the integral under the chance that the job has ended since the last poll —
/// has grown to the request_cost. The chance comes from the lengths of earlier jobs; without any the job is taken to end at any
/// time, as one that takes the expected_duration length. Where the job reports its progress, a second such pause comes from its forecast, and
/// the two are averaged (geometrically) by how far the forecast is trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    request_cost: f64,
    min_interval: f64,
    max_interval: f64,
    expected_duration: f64,
    jitter: f64,
}

impl Policy {
    /// The policy with these options.
    pub fn new(options: &PollingOptions) -> Self {
        let PollingOptions { request_cost, min_interval, max_interval, expected_duration, jitter, .. } =
            *options;
        Self { request_cost, min_interval, max_interval, expected_duration, jitter }
    }

    /// The longest pause.
    pub(super) fn max_interval(&self) -> f64 {
        self.max_interval
    }

    /// The seconds until the next poll; `random` is from 0 to 1.
    pub fn delay(&self, job: JobEstimate<'_>, random: f64) -> f64 {
        let spread = 1.0 + self.jitter * (2.0 * random - 1.0);
        self.target_delay(job).clamp(self.min_interval, self.max_interval) * spread
    }

    fn target_delay(&self, job: JobEstimate<'_>) -> f64 {
        let prior = match now(&job) {
            Some((history, now)) => self.time_to_cost(|ahead| ended(history, &job, now, ahead)),
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

    /// Goes forward until the expected unseen lateness is the request_cost, or to the longest pause.
    fn time_to_cost(&self, ended: impl Fn(f64) -> f64) -> f64 {
        let (mut delay, mut ended_before, mut cost, mut ahead) = (0.0, 0.0, 0.0, self.min_interval);
        loop {
            let ended = ended(ahead);
            let step_cost = (ahead - delay) * f64::midpoint(ended, ended_before);
            if cost + step_cost >= self.request_cost {
                return delay + (ahead - delay) * (self.request_cost - cost) / step_cost;
            }
            cost += step_cost;
            delay = ahead;
            ended_before = ended;
            if ahead >= self.max_interval {
                return delay;
            }
            ahead *= MAX_GROWTH;
        }
    }

    /// The lateness that is to be expected by now, unseen for `unseen` seconds: what a poll at the job is priority.
    pub fn priority(&self, job: JobEstimate<'_>, unseen: f64) -> f64 {
        let prior = if let Some((history, now)) = now(&job) {
            integral(unseen, |ahead| ended(history, &job, now, ahead))
        } else {
            let scale = self.expected_duration + job.age;
            unseen - scale * (unseen / scale).ln_1p()
        };
        match job.forecast.estimate(job.age) {
            Some(estimate) => average(estimate, integral(unseen, |ahead| estimate.cdf(ahead)), prior),
            None => prior,
        }
    }
}

/// The lengths of earlier jobs, if there are any, and the chance to have come to this age.
fn now<'a>(job: &JobEstimate<'a>) -> Option<(&'a History, f64)> {
    let history = job.history?;
    Some((history, history.survival(job.age)?))
}

/// The chance that the job has ended so many seconds ahead, by the lengths of earlier jobs.
fn ended(history: &History, job: &JobEstimate<'_>, now: f64, ahead: f64) -> f64 {
    1.0 - history.survival(job.age + ahead).unwrap_or(now) / now
}

/// Between what the forecast says and what is job prior, by how far the forecast is trusted.
fn average(estimate: EndEstimate, forecast: f64, prior: f64) -> f64 {
    if prior <= 0.0 || forecast <= 0.0 {
        return forecast.max(0.0);
    }
    prior * (forecast / prior).powf(estimate.trust / (estimate.trust + PRIOR_WEIGHT))
}

/// The integral under the chance that the job has ended, up to `unseen` seconds ahead, by Simpson's rule.
fn integral(unseen: f64, ended: impl Fn(f64) -> f64) -> f64 {
    let at = |share: f64| ended(share * unseen);
    unseen * (4.0 * at(0.25) + 2.0 * at(0.5) + 4.0 * at(0.75) + at(1.0)) / 12.0
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

    /// What is job at the last of these polls: ages and progress.
    fn progressed(polls: &[(f64, f64)]) -> JobEstimate<'static> {
        let mut forecast = ProgressForecast::default();
        for &(age, progress) in polls {
            forecast.observe(age, progress);
        }
        JobEstimate { age: polls.last().map_or(0.0, |poll| poll.0), forecast, history: None }
    }

    #[test]
    fn with_nothing_known_the_pause_is_that_of_a_typical_job_and_grows_slowly() {
        let at = |age| delay(JobEstimate { age, ..JobEstimate::default() });
        assert!((at(0.0) - (2.0_f64 * 0.05 * 30.0).sqrt()).abs() < 1e-9);
        let pauses = [0.0, 10.0, 100.0, 1000.0, 10_000.0].map(at);
        assert!(
            pauses.is_sorted() && pauses[3] < 1.5 * pauses[0] && pauses[4] > 1.5 * pauses[0],
            "{pauses:?}"
        );
    }

    #[test]
    fn a_request_that_is_worth_more_is_made_less_often() {
        let history = History::of(&[40.0, 50.0, 30.0]);
        let dear = Policy::new(&PollingOptions { request_cost: 0.2, ..PollingOptions::default() });
        for job in [
            JobEstimate::default(),
            JobEstimate { age: 20.0, history: Some(&history), ..JobEstimate::default() },
            progressed(&[(10.0, 0.1), (20.0, 0.2)]),
        ] {
            assert!(dear.delay(job, 0.5) > 1.2 * delay(job), "{job:?}");
        }
    }

    #[test]
    fn earlier_lengths_make_it_ask_around_them_and_seldom_before() {
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
    fn progress_makes_it_ask_seldom_far_from_the_end_and_often_near_it() {
        let polls: Vec<_> = (1..=19).map(|n| (10.0 * f64::from(n), 0.05 * f64::from(n))).collect();
        let pauses: Vec<f64> = (4..=19).map(|n| delay(progressed(&polls[..n]))).collect();
        assert!(pauses[11..].is_sorted_by(|a, b| a > b) && pauses[15] < pauses[0] / 2.0, "{pauses:?}");
        assert!(pauses[0] > 3.0 * delay(JobEstimate { age: 40.0, ..JobEstimate::default() }), "{pauses:?}");
    }

    #[test]
    fn progress_that_foretells_nothing_hardly_counts() {
        let erratic =
            [(10.0, 0.9), (20.0, 0.91), (30.0, 0.1), (40.0, 0.8), (50.0, 0.81), (60.0, 0.05), (70.0, 0.9)];
        let (with, without) =
            (delay(progressed(&erratic)), delay(JobEstimate { age: 70.0, ..JobEstimate::default() }));
        assert!((0.4..2.0).contains(&(with / without)), "{with} {without}");
    }

    #[test]
    fn progress_that_stands_still_is_asked_about_less_and_less() {
        let polls = [(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8), (49.0, 0.98)];
        let still = |seconds| delay(JobEstimate { age: 49.0 + seconds, ..progressed(&polls) });
        let pauses = [3.0, 10.0, 60.0, 600.0].map(still);
        assert!(pauses.is_sorted() && pauses[3] > 3.0 * pauses[0], "{pauses:?}");
    }

    /// Ages that grow, and whatever a server may call progress.
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
        fn no_pause_leaves_its_bounds_whatever_is_known(
            polls in polls(),
            lengths in prop::collection::vec(prop_oneof![1e-3..1e5_f64, Just(1e-300), Just(1e300)], 0..30),
            later in prop_oneof![Just(0.0), 0.0..1e6_f64],
            random in 0.0..=1.0_f64,
            request_cost in 1e-6..1e3_f64,
            (min_interval, max_interval) in (1e-3..1.0_f64, 1.0..1e3_f64),
            jitter in 0.0..0.99_f64,
        ) {
            let options = PollingOptions { request_cost, min_interval, max_interval, jitter, ..PollingOptions::default() };
            let policy = Policy::new(&options);
            let history = History::of(&lengths);
            let mut job = progressed(&polls);
            job.age += later;
            job.history = Some(&history);
            let delay = policy.delay(job, random);
            let (least, most) = (min_interval * (1.0 - jitter), max_interval * (1.0 + jitter));
            prop_assert!((least * 0.999..=most * 1.001).contains(&delay), "{job:?}: {delay}");
        }

        #[test]
        fn a_look_is_worth_more_the_longer_it_is_put_off_and_never_more_than_that(
            polls in polls(),
            lengths in prop::collection::vec(1e-3..1e5_f64, 0..30),
            (unseen, more) in (0.0..1e4_f64, 0.0..1e4_f64),
        ) {
            let history = History::of(&lengths);
            let job = JobEstimate { history: Some(&history), ..progressed(&polls) };
            let priority = |unseen| policy().priority(job, unseen);
            prop_assert!((-1e-6..=unseen + 1e-6).contains(&priority(unseen)), "{job:?}");
            // Simpson's rule is good to a few percent where a chance rises steeply.
            prop_assert!(priority(unseen + more) >= 0.85 * priority(unseen) - 1e-6, "{job:?}");
        }
    }
}
