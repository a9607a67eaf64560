//! The requests that all waits of a client share: a rate, a number at once, half as many after a 429.

use std::collections::VecDeque;

/// The server's "too many" halves the rate; this many seconds without one bring it back from zero to full.
const RECOVERY: f64 = 30.0;
/// The rate never falls below this share of what was set.
const FLOOR: f64 = 1.0 / 32.0;

/// A second is taken for this much longer than it is: requests travel unevenly, and no second at the server may hold more.
const SECOND: f64 = 1.02;
/// No such part of a second holds more than its share (rounded up). Without it the requests of one second would leave in
/// one burst, and where the network delays a burst by a little, it would meet the next.
const PARTS: f64 = 4.0;

/// A budget of requests. Time is in seconds, from any zero, and is told to it.
#[derive(Debug)]
pub struct Budget {
    rate: f64,
    concurrency: usize,
    share: f64,
    share_at: f64,
    halved_at: f64,
    under_way: usize,
    sent: VecDeque<f64>,
}

impl Budget {
    /// At most `rate` requests in any second, at most `concurrency` at once.
    pub fn new(rate: f64, concurrency: usize) -> Self {
        Self {
            rate,
            concurrency,
            share: 1.0,
            share_at: 0.0,
            halved_at: f64::NEG_INFINITY,
            under_way: 0,
            sent: VecDeque::new(),
        }
    }

    fn share(&self, now: f64) -> f64 {
        (self.share + (now - self.share_at).max(0.0) / RECOVERY).min(1.0)
    }

    /// The rate that holds at this time.
    pub fn rate(&self, now: f64) -> f64 {
        self.rate * self.share(now)
    }

    /// How many requests each window holds, and how long it is, in seconds.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and bounded by memory long before"
    )]
    fn windows(&self, now: f64) -> [(usize, f64); 2] {
        let rate = self.rate(now);
        if rate < 1.0 {
            return [(1, SECOND / rate); 2];
        }
        [(rate as usize, SECOND), ((rate / PARTS).ceil() as usize, SECOND / PARTS)]
    }

    /// When the next request may leave: now or later; `None` while too many are under way.
    pub fn next_free(&self, now: f64) -> Option<f64> {
        if self.under_way >= self.concurrency {
            return None;
        }
        let free = |(count, length)| {
            let before = self.sent.len().checked_sub(count).and_then(|at| self.sent.get(at));
            before.map_or(now, |before| before + length)
        };
        Some(self.windows(now).map(free).into_iter().fold(now, f64::max))
    }

    /// A request leaves.
    pub fn begin(&mut self, now: f64) {
        self.under_way += 1;
        self.sent.push_back(now);
        // More than the full rate's window is never asked about, nor is anything older than the longest window.
        let longest = SECOND * (1.0 / (self.rate * FLOOR)).max(1.0);
        while self.sent.front().is_some_and(|&at| at + longest < now) {
            self.sent.pop_front();
        }
    }

    /// A request ended, however.
    pub fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The server said "too many": half the rate, once for all that were under way together.
    pub fn halve(&mut self, now: f64) {
        if now - self.halved_at < 1.0 {
            return;
        }
        self.share = (self.share(now) / 2.0).max(FLOOR);
        self.share_at = now;
        self.halved_at = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The times at which requests leave when as many as possible do.
    fn times(budget: &mut Budget, from: f64, to: f64) -> Vec<f64> {
        let (mut now, mut times) = (from, Vec::new());
        while let Some(at) = budget.next_free(now).filter(|at| *at < to) {
            now = at;
            budget.begin(now);
            budget.end();
            times.push(now);
        }
        times
    }

    #[test]
    fn no_second_holds_more_requests_than_the_rate_and_hardly_any_is_lost() {
        for rate in [1.0, 1.5, 3.0, 20.0, 21.0, 1000.0] {
            let times = times(&mut Budget::new(rate, 32), 0.0, 100.0);
            let whole = rate.floor();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let count = whole as usize;
            assert!(times.windows(count + 1).all(|window| window[count] - window[0] > 1.0), "{rate}");
            assert!(
                f64::from(u32::try_from(times.len()).unwrap()) >= 97.0 * whole,
                "{rate}: {}",
                times.len()
            );
        }
    }

    #[test]
    fn requests_leave_spread_over_the_second() {
        let times = times(&mut Budget::new(20.0, 32), 0.0, 10.0);
        assert!(times.windows(6).all(|window| window[5] - window[0] > 0.25), "{times:?}");
    }

    #[test]
    fn a_rate_below_one_a_second_is_kept_too() {
        let times = times(&mut Budget::new(0.5, 32), 0.0, 11.0);
        assert!(times.len() == 6 && times.windows(2).all(|pair| pair[1] - pair[0] > 2.0), "{times:?}");
    }

    #[test]
    fn only_so_many_are_under_way_at_once() {
        let mut budget = Budget::new(1000.0, 2);
        budget.begin(0.0);
        budget.begin(0.0);
        assert_eq!(budget.next_free(0.0), None);
        budget.end();
        assert_eq!(budget.next_free(0.0), Some(0.0));
    }

    #[test]
    fn a_429_halves_the_rate_once_for_a_burst_and_it_recovers() {
        let mut budget = Budget::new(20.0, 32);
        for _ in 0..10 {
            budget.halve(100.0);
        }
        assert!((budget.rate(100.0) - 10.0).abs() < 1e-9);
        budget.halve(101.5);
        assert!((budget.rate(101.5) - 5.5).abs() < 1e-9);
        assert!((budget.rate(200.0) - 20.0).abs() < 1e-9);
        for second in 0..100 {
            budget.halve(300.0 + 1.01 * f64::from(second));
        }
        assert!(budget.rate(401.0) >= 20.0 / 32.0);
    }

    proptest! {
        #[test]
        fn whatever_happens_no_second_holds_more_than_the_rate(
            rate in 1.0..200.0_f64, concurrency in 1_usize..40,
            steps in proptest::collection::vec((0_u8..8, 0.0..0.4_f64), 0..400),
        ) {
            let mut budget = Budget::new(rate, concurrency);
            let (mut now, mut under_way, mut sent) = (0.0, 0_usize, Vec::new());
            for (what, pause) in steps {
                now += pause;
                match what {
                    0 => budget.halve(now),
                    1 | 2 if under_way > 0 => {
                        budget.end();
                        under_way -= 1;
                    }
                    _ => match budget.next_free(now) {
                        None => prop_assert_eq!(under_way, concurrency),
                        Some(at) => {
                            prop_assert!(at >= now && at.is_finite());
                            now = at;
                            budget.begin(now);
                            under_way += 1;
                            sent.push(now);
                        }
                    },
                }
                prop_assert!(under_way <= concurrency);
                prop_assert!((rate * FLOOR..=rate).contains(&budget.rate(now)));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let most = rate as usize;
            prop_assert!(sent.windows(most + 1).all(|window| window[most] - window[0] > 1.0), "{:?}", sent);
        }
    }
}
