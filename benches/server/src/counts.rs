//! Counts of the server: requests, most polls in one second, most polls at once, connections.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Window of the poll rate.
const SECOND: Duration = Duration::from_secs(1);

/// Counts since the last plan.
#[derive(Debug)]
pub struct Counts {
    since: Instant,
    requests: u64,
    polls: u64,
    generates: u64,
    at_once: usize,
    most_at_once: usize,
    window: VecDeque<Instant>,
    most_in_a_second: usize,
    last_request: Option<Instant>,
    connections: usize,
    most_connections: usize,
}

impl Counts {
    /// Creates empty counts with the current number of connections.
    pub fn new(now: Instant, connections: usize) -> Self {
        Self {
            since: now,
            requests: 0,
            polls: 0,
            generates: 0,
            at_once: 0,
            most_at_once: 0,
            window: VecDeque::new(),
            most_in_a_second: 0,
            last_request: None,
            connections,
            most_connections: connections,
        }
    }

    /// Counts a request of any kind.
    pub fn request(&mut self, now: Instant) {
        self.requests += 1;
        self.last_request = Some(now);
    }

    /// Counts a submitted job.
    pub fn generate(&mut self) {
        self.generates += 1;
    }

    /// Counts the start of a poll of one of the plan's jobs.
    pub fn poll(&mut self, now: Instant) {
        self.polls += 1;
        self.at_once += 1;
        self.most_at_once = self.most_at_once.max(self.at_once);
        while self.window.front().is_some_and(|&at| now - at >= SECOND) {
            self.window.pop_front();
        }
        self.window.push_back(now);
        self.most_in_a_second = self.most_in_a_second.max(self.window.len());
    }

    /// Counts the end of a poll: it was answered, or its connection is gone.
    pub fn poll_ended(&mut self) {
        self.at_once = self.at_once.saturating_sub(1);
    }

    /// Adds to the number of open connections.
    pub fn connected(&mut self, change: isize) {
        self.connections = self.connections.saturating_add_signed(change);
        self.most_connections = self.most_connections.max(self.connections);
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Returns all counts.
    pub fn report(&self, now: Instant) -> Value {
        json!({
            "seconds": (now - self.since).as_secs_f64(),
            "requests": self.requests,
            "polls": self.polls,
            "generates": self.generates,
            "most_polls_at_once": self.most_at_once,
            "most_polls_in_a_second": self.most_in_a_second,
            "idle_s": (now - self.last_request.unwrap_or(self.since)).as_secs_f64(),
            "connections": self.connections,
            "most_connections": self.most_connections,
        })
    }
}

/// Returns a quantile of sorted values; `None` if there are none.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of an index"
    )]
    let at = (share * last as f64).round() as usize;
    Some(sorted[at.min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_may_begin_at_any_time() {
        let start = Instant::now();
        let mut counts = Counts::new(start, 0);
        for ms in [0, 600, 700, 800, 1500, 1599, 1601, 4000] {
            counts.poll(start + Duration::from_millis(ms));
            if ms != 700 {
                counts.poll_ended();
            }
        }
        let report = counts.report(start + Duration::from_secs(5));
        // 600, 700, 800, 1500 and 1599. At 1601 the first of them is more than one second ago.
        assert_eq!(report["most_polls_in_a_second"], 5);
        assert_eq!(report["most_polls_at_once"], 2);
        assert_eq!(report["polls"], 8);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0], 0.99), Some(1.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), Some(2.0));
    }
}
