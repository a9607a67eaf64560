//! The requests that all waits of a client share: a rate, a number at once, half as many after a 429.

use std::collections::VecDeque;

/// The server's "too many" halves the rate; this many seconds without one bring it back from zero to full.
const RECOVERY: f64 = 30.0;
/// The rate never falls below this share of what was set.
const FLOOR: f64 = 1.0 / 32.0;

/// A second, and as much as times lose by rounding.
const SECOND: f64 = 1.002;
/// Requests travel unevenly, and no second at the server may hold more than the rate: so a request counts from its answer, by
/// which it has arrived. From no later than this many seconds after it left, though, or slow answers would cost the rate. It is
/// less than a part of a second (below), which is why a rate that is halved midway is kept too.
const TRAVEL: f64 = 0.05;
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
    sent: VecDeque<Sent>,
    rests_until: f64,
}

/// A request: when it left, and by when it has arrived.
#[derive(Debug)]
struct Sent {
    left: f64,
    arrived: f64,
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
            rests_until: f64::NEG_INFINITY,
        }
    }

    fn share(&self, now: f64) -> f64 {
        (self.share + (now - self.share_at).max(0.0) / RECOVERY).min(1.0)
    }

    /// The rate that holds at this time.
    pub fn rate(&self, now: f64) -> f64 {
        self.rate * self.share(now)
    }

    /// The requests that leave in a second, if they are answered after so many seconds.
    pub(super) fn reached(&self, now: f64, took: f64) -> f64 {
        self.whole_rate(now) / (SECOND + took.clamp(0.0, TRAVEL))
    }

    /// The requests that a second can hold at this time: of a fraction, from one on, nothing is left.
    pub(super) fn whole_rate(&self, now: f64) -> f64 {
        let rate = self.rate(now);
        if rate < 1.0 { rate } else { rate.floor() }
    }

    /// How many requests each window holds, and how long it is, in seconds: the server's, and ours.
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
        let [server, ours] = self.windows(now);
        let before = |count| self.sent.len().checked_sub(count).and_then(|at| self.sent.get(at));
        let at_server = before(server.0).map_or(now, |request| request.arrived + server.1);
        let spread = before(ours.0).map_or(now, |request| request.left + ours.1);
        Some(now.max(self.rests_until).max(at_server).max(spread))
    }

    /// A request leaves.
    pub fn begin(&mut self, now: f64) {
        self.under_way += 1;
        self.sent.push_back(Sent { left: now, arrived: now + TRAVEL });
        // More than the full rate's window is never asked about, nor is anything older than the longest window.
        let longest = SECOND * (1.0 / (self.rate * FLOOR)).max(1.0) + TRAVEL;
        while self.sent.front().is_some_and(|request| request.left + longest < now) {
            self.sent.pop_front();
        }
    }

    /// A request that left at this time was answered, so it had arrived. Which of those that left together does not matter.
    pub fn arrived(&mut self, left: f64, now: f64) {
        let first = self.sent.partition_point(|request| request.left < left);
        let together = self.sent.range_mut(first..).take_while(|request| request.left <= left);
        if let Some(request) = together.into_iter().find(|request| request.arrived >= left + TRAVEL) {
            request.arrived = request.arrived.min(now.max(left));
        }
    }

    /// A request ended, however.
    pub fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The server asks to be left alone until then.
    pub fn rest(&mut self, until: f64) {
        self.rests_until = self.rests_until.max(until);
    }

    /// The server said "too many" to a request that left at `began`: half the rate, once for all that left before it was halved.
    pub fn halve(&mut self, began: f64, now: f64) {
        if began <= self.halved_at {
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
                f64::from(u32::try_from(times.len()).unwrap()) >= 95.0 * whole,
                "{rate}: {}",
                times.len()
            );
        }
    }

    #[test]
    fn what_is_answered_at_once_costs_the_rate_less() {
        let count = |took: f64| {
            let (mut budget, mut now, mut count) = (Budget::new(20.0, 32), 0.0, 0);
            while let Some(at) = budget.next_free(now).filter(|at| *at < 100.0) {
                (now, count) = (at, count + 1);
                budget.begin(now);
                budget.arrived(now, now + took);
                budget.end();
            }
            count
        };
        let counts = [count(0.0), count(0.02), count(0.05), count(10.0)];
        assert!(counts[0] > 1990 && counts[0] <= 2000, "{counts:?}");
        assert!(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] == counts[3], "{counts:?}");
        assert!(counts[3] > 1900, "{counts:?}");
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
            budget.halve(100.0, 100.0);
        }
        assert!((budget.rate(100.0) - 10.0).abs() < 1e-9);
        budget.halve(101.5, 101.5);
        assert!((budget.rate(101.5) - 5.5).abs() < 1e-9);
        assert!((budget.rate(200.0) - 20.0).abs() < 1e-9);
        for second in 0..100 {
            budget.halve(300.0 + 1.01 * f64::from(second), 300.0 + 1.01 * f64::from(second));
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
                    0 => budget.halve(now, now),
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

        #[test]
        fn no_second_at_the_server_holds_more_however_unevenly_requests_travel(
            rate in 1.0..400.0_f64, travels in proptest::collection::vec((0.0..TRAVEL, 0.0..1.0_f64), 1..1500),
            halved in proptest::option::of(0_usize..1500),
        ) {
            let mut budget = Budget::new(rate, 10_000);
            let (mut now, mut arrivals) = (0.0_f64, Vec::new());
            let mut answers = std::collections::BinaryHeap::new();
            for (number, (took, share)) in travels.into_iter().enumerate() {
                if Some(number) == halved {
                    budget.halve(now, now);
                }
                // Answers come in between, in their order.
                loop {
                    let free = budget.next_free(now).unwrap();
                    let Some(&std::cmp::Reverse((answered, left))) = answers.peek() else {
                        now = free;
                        break;
                    };
                    let (answered, left) = (f64::from_bits(answered), f64::from_bits(left));
                    if answered > free {
                        now = free;
                        break;
                    }
                    answers.pop();
                    now = now.max(answered);
                    budget.arrived(left, now);
                    budget.end();
                }
                budget.begin(now);
                arrivals.push(now + took * share);
                // Times that are not negative are in the order of their bits.
                answers.push(std::cmp::Reverse(((now + took).to_bits(), now.to_bits())));
            }
            arrivals.sort_by(f64::total_cmp);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let most = rate as usize;
            prop_assert!(arrivals.windows(most + 1).all(|window| window[most] - window[0] > 1.0), "{:?}", arrivals);
        }
    }
}
