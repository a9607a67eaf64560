//! The requests that all waits of a client rate_factor: a rate, a number at once, half as many after a 429.

use std::collections::VecDeque;

/// The server's "too many" halves the rate; this many seconds without one bring it back from zero to full.
const RECOVERY_SECS: f64 = 30.0;
/// The rate never falls below this rate_factor of what was set.
const MIN_RATE_FACTOR: f64 = 1.0 / 32.0;

/// A second, and as much as times lose by rounding.
const WINDOW: f64 = 1.002;
/// Requests travel unevenly, and no second at the server may hold more than the rate: so a request counts from its answer, by
/// which it has arrived_at. From no later than this many seconds after it sent_at, though, or slow answers would cost the rate. It is
/// less than a part of a second (below), which is why a rate that is halved midway is kept too.
const MAX_TRANSIT: f64 = 0.05;
/// No such part of a second holds more than its rate_factor (rounded up). Without it the requests of one second would leave in
/// one burst, and where the network delays a burst by a little, it would meet the next.
const SUBWINDOWS: f64 = 4.0;

/// A rate_limiter of requests. Time is in seconds, from any zero, and is told to it.
#[derive(Debug)]
pub struct RateLimiter {
    rate: f64,
    concurrency: usize,
    rate_factor: f64,
    rate_factor_at: f64,
    backed_off_at: f64,
    in_flight: usize,
    requests: VecDeque<Request>,
    paused_until: f64,
}

/// A request: when it sent_at, and by when it has arrived_at.
#[derive(Debug)]
struct Request {
    sent_at: f64,
    arrived_at: f64,
}

impl RateLimiter {
    /// At most `rate` requests in any second, at most `concurrency` at once.
    pub fn new(rate: f64, concurrency: usize) -> Self {
        Self {
            rate,
            concurrency,
            rate_factor: 1.0,
            rate_factor_at: 0.0,
            backed_off_at: f64::NEG_INFINITY,
            in_flight: 0,
            requests: VecDeque::new(),
            paused_until: f64::NEG_INFINITY,
        }
    }

    fn rate_factor(&self, now: f64) -> f64 {
        (self.rate_factor + (now - self.rate_factor_at).max(0.0) / RECOVERY_SECS).min(1.0)
    }

    /// The rate that holds at this time.
    pub fn rate(&self, now: f64) -> f64 {
        self.rate * self.rate_factor(now)
    }

    /// The requests that leave in a second, if they are answered after so many seconds.
    pub(super) fn effective_rate(&self, now: f64, took: f64) -> f64 {
        self.nominal_rate(now) / (WINDOW + took.clamp(0.0, MAX_TRANSIT))
    }

    /// The requests that a second can hold at this time: of a fraction, from one on, nothing is sent_at.
    pub(super) fn nominal_rate(&self, now: f64) -> f64 {
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
            return [(1, WINDOW / rate); 2];
        }
        [(rate as usize, WINDOW), ((rate / SUBWINDOWS).ceil() as usize, WINDOW / SUBWINDOWS)]
    }

    /// When the next request may leave: now or later; `None` while too many are under way.
    pub fn next_free(&self, now: f64) -> Option<f64> {
        if self.in_flight >= self.concurrency {
            return None;
        }
        let [server, ours] = self.windows(now);
        let before = |count| self.requests.len().checked_sub(count).and_then(|at| self.requests.get(at));
        let at_server = before(server.0).map_or(now, |request| request.arrived_at + server.1);
        let spread = before(ours.0).map_or(now, |request| request.sent_at + ours.1);
        Some(now.max(self.paused_until).max(at_server).max(spread))
    }

    /// A request leaves.
    pub fn begin(&mut self, now: f64) {
        self.in_flight += 1;
        self.requests.push_back(Request { sent_at: now, arrived_at: now + MAX_TRANSIT });
        // More than the full rate's window is never asked about, nor is anything older than the longest window.
        let longest = WINDOW * (1.0 / (self.rate * MIN_RATE_FACTOR)).max(1.0) + MAX_TRANSIT;
        while self.requests.front().is_some_and(|request| request.sent_at + longest < now) {
            self.requests.pop_front();
        }
    }

    /// A request that sent_at at this time was answered, so it had arrived_at. Which of those that sent_at together does not matter.
    pub fn on_response(&mut self, sent_at: f64, now: f64) {
        let first = self.requests.partition_point(|request| request.sent_at < sent_at);
        let together = self.requests.range_mut(first..).take_while(|request| request.sent_at <= sent_at);
        if let Some(request) =
            together.into_iter().find(|request| request.arrived_at >= sent_at + MAX_TRANSIT)
        {
            request.arrived_at = request.arrived_at.min(now.max(sent_at));
        }
    }

    /// A request ended, however.
    pub fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The server asks to be sent_at alone until then.
    pub fn pause_until(&mut self, until: f64) {
        self.paused_until = self.paused_until.max(until);
    }

    /// The server said "too many" to a request that sent_at at `began`: half the rate, once for all that sent_at before it was halved.
    pub fn back_off(&mut self, began: f64, now: f64) {
        if began <= self.backed_off_at {
            return;
        }
        self.rate_factor = (self.rate_factor(now) / 2.0).max(MIN_RATE_FACTOR);
        self.rate_factor_at = now;
        self.backed_off_at = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The times at which requests leave when as many as possible do.
    fn times(rate_limiter: &mut RateLimiter, from: f64, to: f64) -> Vec<f64> {
        let (mut now, mut times) = (from, Vec::new());
        while let Some(at) = rate_limiter.next_free(now).filter(|at| *at < to) {
            now = at;
            rate_limiter.begin(now);
            rate_limiter.end();
            times.push(now);
        }
        times
    }

    #[test]
    fn no_second_holds_more_requests_than_the_rate_and_hardly_any_is_lost() {
        for rate in [1.0, 1.5, 3.0, 20.0, 21.0, 1000.0] {
            let times = times(&mut RateLimiter::new(rate, 32), 0.0, 100.0);
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
            let (mut rate_limiter, mut now, mut count) = (RateLimiter::new(20.0, 32), 0.0, 0);
            while let Some(at) = rate_limiter.next_free(now).filter(|at| *at < 100.0) {
                (now, count) = (at, count + 1);
                rate_limiter.begin(now);
                rate_limiter.on_response(now, now + took);
                rate_limiter.end();
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
        let times = times(&mut RateLimiter::new(20.0, 32), 0.0, 10.0);
        assert!(times.windows(6).all(|window| window[5] - window[0] > 0.25), "{times:?}");
    }

    #[test]
    fn a_rate_below_one_a_second_is_kept_too() {
        let times = times(&mut RateLimiter::new(0.5, 32), 0.0, 11.0);
        assert!(times.len() == 6 && times.windows(2).all(|pair| pair[1] - pair[0] > 2.0), "{times:?}");
    }

    #[test]
    fn only_so_many_are_under_way_at_once() {
        let mut rate_limiter = RateLimiter::new(1000.0, 2);
        rate_limiter.begin(0.0);
        rate_limiter.begin(0.0);
        assert_eq!(rate_limiter.next_free(0.0), None);
        rate_limiter.end();
        assert_eq!(rate_limiter.next_free(0.0), Some(0.0));
    }

    #[test]
    fn a_429_halves_the_rate_once_for_a_burst_and_it_recovers() {
        let mut rate_limiter = RateLimiter::new(20.0, 32);
        for _ in 0..10 {
            rate_limiter.back_off(100.0, 100.0);
        }
        assert!((rate_limiter.rate(100.0) - 10.0).abs() < 1e-9);
        rate_limiter.back_off(101.5, 101.5);
        assert!((rate_limiter.rate(101.5) - 5.5).abs() < 1e-9);
        assert!((rate_limiter.rate(200.0) - 20.0).abs() < 1e-9);
        for second in 0..100 {
            rate_limiter.back_off(300.0 + 1.01 * f64::from(second), 300.0 + 1.01 * f64::from(second));
        }
        assert!(rate_limiter.rate(401.0) >= 20.0 / 32.0);
    }

    proptest! {
        #[test]
        fn whatever_happens_no_second_holds_more_than_the_rate(
            rate in 1.0..200.0_f64, concurrency in 1_usize..40,
            steps in proptest::collection::vec((0_u8..8, 0.0..0.4_f64), 0..400),
        ) {
            let mut rate_limiter = RateLimiter::new(rate, concurrency);
            let (mut now, mut in_flight, mut requests) = (0.0, 0_usize, Vec::new());
            for (what, pause) in steps {
                now += pause;
                match what {
                    0 => rate_limiter.back_off(now, now),
                    1 | 2 if in_flight > 0 => {
                        rate_limiter.end();
                        in_flight -= 1;
                    }
                    _ => match rate_limiter.next_free(now) {
                        None => prop_assert_eq!(in_flight, concurrency),
                        Some(at) => {
                            prop_assert!(at >= now && at.is_finite());
                            now = at;
                            rate_limiter.begin(now);
                            in_flight += 1;
                            requests.push(now);
                        }
                    },
                }
                prop_assert!(in_flight <= concurrency);
                prop_assert!((rate * MIN_RATE_FACTOR..=rate).contains(&rate_limiter.rate(now)));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let most = rate as usize;
            prop_assert!(requests.windows(most + 1).all(|window| window[most] - window[0] > 1.0), "{:?}", requests);
        }

        #[test]
        fn no_second_at_the_server_holds_more_however_unevenly_requests_travel(
            rate in 1.0..400.0_f64, travels in proptest::collection::vec((0.0..MAX_TRANSIT, 0.0..1.0_f64), 1..1500),
            halved in proptest::option::of(0_usize..1500),
        ) {
            let mut rate_limiter = RateLimiter::new(rate, 10_000);
            let (mut now, mut arrivals) = (0.0_f64, Vec::new());
            let mut answers = std::collections::BinaryHeap::new();
            for (number, (took, rate_factor)) in travels.into_iter().enumerate() {
                if Some(number) == halved {
                    rate_limiter.back_off(now, now);
                }
                // Answers come in between, in their order.
                loop {
                    let free = rate_limiter.next_free(now).unwrap();
                    let Some(&std::cmp::Reverse((answered, sent_at))) = answers.peek() else {
                        now = free;
                        break;
                    };
                    let (answered, sent_at) = (f64::from_bits(answered), f64::from_bits(sent_at));
                    if answered > free {
                        now = free;
                        break;
                    }
                    answers.pop();
                    now = now.max(answered);
                    rate_limiter.on_response(sent_at, now);
                    rate_limiter.end();
                }
                rate_limiter.begin(now);
                arrivals.push(now + took * rate_factor);
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
