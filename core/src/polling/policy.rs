//! How long to leave one job alone: until the lateness that nobody has seen yet is worth a request.

use super::{
    PollingOptions,
    forecast::{Forecast, Outlook},
    history::History,
};

/// A forecast counts for its trust, and everything else that is known for this much.
const DOUBT: f64 = 3.0;
/// With nothing known, the pause grows with the age to this power: slowly, because as long as nobody knows how long a job
/// takes, every growth makes it late; at all, because some jobs are stuck.
const GROWTH: f64 = 0.08;
/// Each step of the integration is this much longer than the one before.
const STEP: f64 = 1.25;

/// What is known of a job when it has just been looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Seconds since it was submitted (or first seen), at the middle of the last look.
    pub age: f64,
    /// What its progress says.
    pub forecast: Forecast,
    /// How long earlier jobs of the same shape took.
    pub history: Option<&'a History>,
}

/// The policy: one price, and what is known.
///
/// It asks when the expected unseen lateness — the area under the chance that the job has ended since the last look —
/// has grown to the price. The chance comes from the lengths of earlier jobs; without any the job is taken to end at any
/// time, as one that takes the typical length. Where the job reports its progress, a second such pause comes from its forecast, and
/// the two are averaged (geometrically) by how far the forecast is trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    price: f64,
    min: f64,
    max: f64,
    typical: f64,
    jitter: f64,
}

impl Policy {
    /// The policy with these options.
    pub fn new(options: &PollingOptions) -> Self {
        let PollingOptions { price, min, max, typical, jitter, .. } = *options;
        Self { price, min, max, typical, jitter }
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
        let otherwise = match now(&known) {
            Some((history, now)) => self.until_worth_it(|ahead| ended(history, &known, now, ahead)),
            None => (2.0 * self.price * self.typical).sqrt() * (1.0 + known.age / self.typical).powf(GROWTH),
        };
        match known.forecast.outlook(known.age) {
            Some(outlook) => average(outlook, self.until_worth_it(|ahead| outlook.ended(ahead)), otherwise),
            None => otherwise,
        }
    }

    /// Goes forward until the expected unseen lateness is the price, or to the longest pause.
    fn until_worth_it(&self, ended: impl Fn(f64) -> f64) -> f64 {
        let (mut delay, mut ended_before, mut cost, mut ahead) = (0.0, 0.0, 0.0, self.min);
        loop {
            let ended = ended(ahead);
            let step_cost = (ahead - delay) * f64::midpoint(ended, ended_before);
            if cost + step_cost >= self.price {
                return delay + (ahead - delay) * (self.price - cost) / step_cost;
            }
            cost += step_cost;
            delay = ahead;
            ended_before = ended;
            if ahead >= self.max {
                return delay;
            }
            ahead *= STEP;
        }
    }

    /// The lateness that is to be expected by now, unseen for `unseen` seconds: what a look at the job is worth.
    pub fn worth(&self, known: Known<'_>, unseen: f64) -> f64 {
        if let Some(outlook) = known.forecast.outlook(known.age) {
            return area(unseen, |ahead| outlook.ended(ahead));
        }
        if let Some((history, now)) = now(&known) {
            return area(unseen, |ahead| ended(history, &known, now, ahead));
        }
        let scale = self.typical + known.age;
        unseen - scale * (unseen / scale).ln_1p()
    }
}

/// The lengths of earlier jobs, if there are any, and the chance to have come to this age.
fn now<'a>(known: &Known<'a>) -> Option<(&'a History, f64)> {
    let history = known.history?;
    Some((history, history.lives(known.age)?))
}

/// The chance that the job has ended so many seconds ahead, by the lengths of earlier jobs.
fn ended(history: &History, known: &Known<'_>, now: f64, ahead: f64) -> f64 {
    1.0 - history.lives(known.age + ahead).unwrap_or(now) / now
}

/// Between what the forecast says and what is known otherwise, by how far the forecast is trusted.
fn average(outlook: Outlook, forecast: f64, otherwise: f64) -> f64 {
    otherwise * (forecast / otherwise).powf(outlook.trust / (outlook.trust + DOUBT))
}

/// The area under the chance that the job has ended, up to `unseen` seconds ahead, by Simpson's rule.
fn area(unseen: f64, ended: impl Fn(f64) -> f64) -> f64 {
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

    fn delay(known: Known<'_>) -> f64 {
        policy().delay(known, 0.5)
    }

    /// What is known at the last of these looks: ages and progress.
    fn progressed(looks: &[(f64, f64)]) -> Known<'static> {
        let mut forecast = Forecast::default();
        for &(age, progress) in looks {
            forecast.see(age, progress);
        }
        Known { age: looks.last().map_or(0.0, |look| look.0), forecast, history: None }
    }

    #[test]
    fn with_nothing_known_the_pause_is_that_of_a_typical_job_and_grows_slowly() {
        let at = |age| delay(Known { age, ..Known::default() });
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
        let dear = Policy::new(&PollingOptions { price: 0.2, ..PollingOptions::default() });
        for known in [
            Known::default(),
            Known { age: 20.0, history: Some(&history), ..Known::default() },
            progressed(&[(10.0, 0.1), (20.0, 0.2)]),
        ] {
            assert!(dear.delay(known, 0.5) > 1.2 * delay(known), "{known:?}");
        }
    }

    #[test]
    fn earlier_lengths_make_it_ask_around_them_and_seldom_before() {
        let history = History::of(&[40.0, 41.0, 39.0, 40.0, 42.0, 38.0, 40.0, 40.0]);
        let at = |age| delay(Known { age, history: Some(&history), ..Known::default() });
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
        let looks: Vec<_> = (1..=19).map(|n| (10.0 * f64::from(n), 0.05 * f64::from(n))).collect();
        let pauses: Vec<f64> = (4..=19).map(|n| delay(progressed(&looks[..n]))).collect();
        assert!(pauses[11..].is_sorted_by(|a, b| a > b) && pauses[15] < pauses[0] / 2.0, "{pauses:?}");
        assert!(pauses[0] > 3.0 * delay(Known { age: 40.0, ..Known::default() }), "{pauses:?}");
    }

    #[test]
    fn progress_that_foretells_nothing_hardly_counts() {
        let erratic =
            [(10.0, 0.9), (20.0, 0.91), (30.0, 0.1), (40.0, 0.8), (50.0, 0.81), (60.0, 0.05), (70.0, 0.9)];
        let (with, without) = (delay(progressed(&erratic)), delay(Known { age: 70.0, ..Known::default() }));
        assert!((0.4..2.0).contains(&(with / without)), "{with} {without}");
    }

    #[test]
    fn progress_that_stands_still_is_asked_about_less_and_less() {
        let looks = [(10.0, 0.2), (20.0, 0.4), (30.0, 0.6), (40.0, 0.8), (49.0, 0.98)];
        let still = |seconds| delay(Known { age: 49.0 + seconds, ..progressed(&looks) });
        let pauses = [3.0, 10.0, 60.0, 600.0].map(still);
        assert!(pauses.is_sorted() && pauses[3] > 3.0 * pauses[0], "{pauses:?}");
    }

    /// Ages that grow, and whatever a server may call progress.
    fn looks() -> impl Strategy<Value = Vec<(f64, f64)>> {
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
        prop::collection::vec((1e-6..1e4, progress), 0..12).prop_map(|mut looks: Vec<(f64, f64)>| {
            looks.sort_by(|a, b| a.0.total_cmp(&b.0));
            looks
        })
    }

    proptest! {
        #[test]
        fn no_pause_leaves_its_bounds_whatever_is_known(
            looks in looks(),
            lengths in prop::collection::vec(prop_oneof![1e-3..1e5_f64, Just(1e-300), Just(1e300)], 0..30),
            later in prop_oneof![Just(0.0), 0.0..1e6_f64],
            random in 0.0..=1.0_f64,
            price in 1e-6..1e3_f64,
            (min, max) in (1e-3..1.0_f64, 1.0..1e3_f64),
            jitter in 0.0..0.99_f64,
        ) {
            let options = PollingOptions { price, min, max, jitter, ..PollingOptions::default() };
            let policy = Policy::new(&options);
            let history = History::of(&lengths);
            let mut known = progressed(&looks);
            known.age += later;
            known.history = Some(&history);
            let delay = policy.delay(known, random);
            let (least, most) = (min * (1.0 - jitter), max * (1.0 + jitter));
            prop_assert!((least * 0.999..=most * 1.001).contains(&delay), "{known:?}: {delay}");
        }

        #[test]
        fn a_look_is_worth_more_the_longer_it_is_put_off_and_never_more_than_that(
            looks in looks(),
            lengths in prop::collection::vec(1e-3..1e5_f64, 0..30),
            (unseen, more) in (0.0..1e4_f64, 0.0..1e4_f64),
        ) {
            let history = History::of(&lengths);
            let known = Known { history: Some(&history), ..progressed(&looks) };
            let worth = |unseen| policy().worth(known, unseen);
            prop_assert!((-1e-6..=unseen + 1e-6).contains(&worth(unseen)), "{known:?}");
            // Simpson's rule is good to a few percent where a chance rises steeply.
            prop_assert!(worth(unseen + more) >= 0.85 * worth(unseen) - 1e-6, "{known:?}");
        }
    }
}
