//! Rate limiter of a client's polls: polls per second, polls in flight, half the rate after a 429.

use std::collections::VecDeque;

/// Seconds in which the rate recovers from zero to its full value. A 429 halves it.
const RECOVERY_SECS: f64 = 30.0;
/// Smallest fraction of the configured rate.
const MIN_RATE_FACTOR: f64 = 1.0 / 32.0;

/// One second, and a margin for rounded times.
const WINDOW: f64 = 1.002;
/// Longest transit, in seconds, that a request is assumed to have. Network jitter can bunch requests at the server, so a
/// request is charged to the window in which its response arrived. Without this bound, slow responses would lower the
/// rate. It is shorter than a subwindow, so that a rate halved within a window holds too.
const MAX_TRANSIT: f64 = 0.05;
/// Subwindows of a window. Each holds no more than its share of the requests, rounded up. Otherwise the requests of a
/// window would leave as one burst, and a burst that the network delays a little would meet the next one.
const SUBWINDOWS: f64 = 4.0;

/// Rate limiter. Times are in seconds since an arbitrary zero; the caller passes the current one.
#[derive(Debug)]
pub struct RateLimiter {
    rate: f64,
    concurrency: usize,
    /// Fraction of `rate` at `rate_factor_at`.
    rate_factor: f64,
    rate_factor_at: f64,
    backed_off_at: f64,
    in_flight: usize,
    requests: VecDeque<Request>,
    paused_until: f64,
}

/// A request that was sent.
#[derive(Debug)]
struct Request {
    sent_at: f64,
    /// Latest time at which it can have reached the server.
    arrived_at: f64,
}

impl RateLimiter {
    /// Returns a limiter of `rate` requests in any second and `concurrency` requests in flight.
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

    /// Returns the rate at this time.
    pub fn rate(&self, now: f64) -> f64 {
        self.rate * self.rate_factor(now)
    }

    /// Returns the requests per second that are possible with this latency.
    pub(super) fn effective_rate(&self, now: f64, latency: f64) -> f64 {
        self.nominal_rate(now) / (WINDOW + latency.clamp(0.0, MAX_TRANSIT))
    }

    /// Returns the number of requests that fit into one second at this time. From 1 on it is a whole number.
    pub(super) fn nominal_rate(&self, now: f64) -> f64 {
        let rate = self.rate(now);
        if rate < 1.0 { rate } else { rate.floor() }
    }

    /// Returns the capacity and the length in seconds of a window at the server and of a subwindow here.
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

    /// Returns the earliest time for the next request, or `None` while the concurrency is used up.
    pub fn next_free(&self, now: f64) -> Option<f64> {
        if self.in_flight >= self.concurrency {
            return None;
        }
        let [window, subwindow] = self.windows(now);
        let before = |count| self.requests.len().checked_sub(count).and_then(|at| self.requests.get(at));
        let at_server = before(window.0).map_or(now, |request| request.arrived_at + window.1);
        let spread = before(subwindow.0).map_or(now, |request| request.sent_at + subwindow.1);
        Some(now.max(self.paused_until).max(at_server).max(spread))
    }

    /// Counts a request that is sent now.
    pub fn begin(&mut self, now: f64) {
        self.in_flight += 1;
        self.requests.push_back(Request { sent_at: now, arrived_at: now + MAX_TRANSIT });
        // No window reaches further back than the one of the lowest rate.
        let longest = WINDOW * (1.0 / (self.rate * MIN_RATE_FACTOR)).max(1.0) + MAX_TRANSIT;
        while self.requests.front().is_some_and(|request| request.sent_at + longest < now) {
            self.requests.pop_front();
        }
    }

    /// Records the response to a request that was sent at `sent_at`. Of several sent at that time, any one will do.
    pub fn on_response(&mut self, sent_at: f64, now: f64) {
        let first = self.requests.partition_point(|request| request.sent_at < sent_at);
        let together = self.requests.range_mut(first..).take_while(|request| request.sent_at <= sent_at);
        if let Some(request) =
            together.into_iter().find(|request| request.arrived_at >= sent_at + MAX_TRANSIT)
        {
            request.arrived_at = request.arrived_at.min(now.max(sent_at));
        }
    }

    /// Counts the end of a request, whatever its outcome.
    pub fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Sends nothing until this time.
    pub fn pause_until(&mut self, until: f64) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Halves the rate after a 429 to a request that was sent at `sent_at`. Further 429s to requests sent before that have
    /// no effect.
    pub fn back_off(&mut self, sent_at: f64, now: f64) {
        if sent_at <= self.backed_off_at {
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

    /// Sends as many requests as possible and returns their times.
    fn send_times(rate_limiter: &mut RateLimiter, from: f64, to: f64) -> Vec<f64> {
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
    fn the_rate_holds_and_is_almost_used_up() {
        for rate in [1.0, 1.5, 3.0, 20.0, 21.0, 1000.0] {
            let times = send_times(&mut RateLimiter::new(rate, 32), 0.0, 100.0);
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
    fn fast_responses_cost_less_of_the_rate() {
        let count = |latency: f64| {
            let (mut rate_limiter, mut now, mut count) = (RateLimiter::new(20.0, 32), 0.0, 0);
            while let Some(at) = rate_limiter.next_free(now).filter(|at| *at < 100.0) {
                (now, count) = (at, count + 1);
                rate_limiter.begin(now);
                rate_limiter.on_response(now, now + latency);
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
    fn requests_are_spread_over_the_second() {
        let times = send_times(&mut RateLimiter::new(20.0, 32), 0.0, 10.0);
        assert!(times.windows(6).all(|window| window[5] - window[0] > 0.25), "{times:?}");
    }

    #[test]
    fn a_rate_below_one_per_second_holds() {
        let times = send_times(&mut RateLimiter::new(0.5, 32), 0.0, 11.0);
        assert!(times.len() == 6 && times.windows(2).all(|pair| pair[1] - pair[0] > 2.0), "{times:?}");
    }

    #[test]
    fn the_concurrency_limit_holds() {
        let mut rate_limiter = RateLimiter::new(1000.0, 2);
        rate_limiter.begin(0.0);
        rate_limiter.begin(0.0);
        assert_eq!(rate_limiter.next_free(0.0), None);
        rate_limiter.end();
        assert_eq!(rate_limiter.next_free(0.0), Some(0.0));
    }

    #[test]
    fn a_burst_of_429s_halves_the_rate_once() {
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
        fn the_rate_holds_for_any_sequence(
            rate in 1.0..200.0_f64, concurrency in 1_usize..40,
            steps in proptest::collection::vec((0_u8..8, 0.0..0.4_f64), 0..400),
        ) {
            let mut rate_limiter = RateLimiter::new(rate, concurrency);
            let (mut now, mut in_flight, mut requests) = (0.0, 0_usize, Vec::new());
            for (step, pause) in steps {
                now += pause;
                match step {
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
        fn the_rate_holds_at_the_server_for_any_transit(
            rate in 1.0..400.0_f64, transits in proptest::collection::vec((0.0..MAX_TRANSIT, 0.0..1.0_f64), 1..1500),
            halved in proptest::option::of(0_usize..1500),
        ) {
            let mut rate_limiter = RateLimiter::new(rate, 10_000);
            let (mut now, mut arrivals) = (0.0_f64, Vec::new());
            let mut responses = std::collections::BinaryHeap::new();
            for (number, (latency, share)) in transits.into_iter().enumerate() {
                if Some(number) == halved {
                    rate_limiter.back_off(now, now);
                }
                // Responses arrive in between, in their order.
                loop {
                    let free = rate_limiter.next_free(now).unwrap();
                    let Some(&std::cmp::Reverse((received_at, sent_at))) = responses.peek() else {
                        now = free;
                        break;
                    };
                    let (received_at, sent_at) = (f64::from_bits(received_at), f64::from_bits(sent_at));
                    if received_at > free {
                        now = free;
                        break;
                    }
                    responses.pop();
                    now = now.max(received_at);
                    rate_limiter.on_response(sent_at, now);
                    rate_limiter.end();
                }
                rate_limiter.begin(now);
                arrivals.push(now + latency * share);
                // Non-negative floats are ordered as their bits.
                responses.push(std::cmp::Reverse(((now + latency).to_bits(), now.to_bits())));
            }
            arrivals.sort_by(f64::total_cmp);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let most = rate as usize;
            prop_assert!(arrivals.windows(most + 1).all(|window| window[most] - window[0] > 1.0), "{:?}", arrivals);
        }
    }
}
