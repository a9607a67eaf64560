//! What the server counts: requests, looks in the fullest second, looks under way at once, connections.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The window in which a rate is counted.
const SECOND: Duration = Duration::from_secs(1);

/// The counts since the last plan.
#[derive(Debug)]
pub struct Counts {
    since: Instant,
    requests: u64,
    looks: u64,
    generates: u64,
    under_way: usize,
    most_under_way: usize,
    window: VecDeque<Instant>,
    most_in_a_second: usize,
    last_request: Option<Instant>,
    connections: usize,
    most_connections: usize,
}

impl Counts {
    /// Nothing counted yet, but for the connections that there are.
    pub fn new(now: Instant, connections: usize) -> Self {
        Self {
            since: now,
            requests: 0,
            looks: 0,
            generates: 0,
            under_way: 0,
            most_under_way: 0,
            window: VecDeque::new(),
            most_in_a_second: 0,
            last_request: None,
            connections,
            most_connections: connections,
        }
    }

    /// A request came in, of whatever kind.
    pub fn request(&mut self, now: Instant) {
        self.requests += 1;
        self.last_request = Some(now);
    }

    /// A job was asked for.
    pub fn generate(&mut self) {
        self.generates += 1;
    }

    /// A look at a job of the plan came in.
    pub fn look(&mut self, now: Instant) {
        self.looks += 1;
        self.under_way += 1;
        self.most_under_way = self.most_under_way.max(self.under_way);
        while self.window.front().is_some_and(|&at| now - at >= SECOND) {
            self.window.pop_front();
        }
        self.window.push_back(now);
        self.most_in_a_second = self.most_in_a_second.max(self.window.len());
    }

    /// A look was answered, or nobody waits for its answer any more.
    pub fn looked(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Connections came or went.
    pub fn connected(&mut self, change: isize) {
        self.connections = self.connections.saturating_add_signed(change);
        self.most_connections = self.most_connections.max(self.connections);
    }

    /// How many there are now.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// All of it.
    pub fn report(&self, now: Instant) -> Value {
        json!({
            "seconds": (now - self.since).as_secs_f64(),
            "requests": self.requests,
            "looks": self.looks,
            "generates": self.generates,
            "most_looks_under_way": self.most_under_way,
            "most_looks_in_a_second": self.most_in_a_second,
            "silent_s": (now - self.last_request.unwrap_or(self.since)).as_secs_f64(),
            "connections": self.connections,
            "most_connections": self.most_connections,
        })
    }
}

/// The value below which a share of sorted values lies; none of none.
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
    fn the_fullest_second_is_found_wherever_it_begins() {
        let start = Instant::now();
        let mut counts = Counts::new(start, 0);
        for ms in [0, 600, 700, 800, 1500, 1599, 1601, 4000] {
            counts.look(start + Duration::from_millis(ms));
            if ms != 700 {
                counts.looked();
            }
        }
        let report = counts.report(start + Duration::from_secs(5));
        // 600, 700, 800, 1500 and 1599; by 1601 the first of them is more than a second ago.
        assert_eq!(report["most_looks_in_a_second"], 5);
        assert_eq!(report["most_looks_under_way"], 2);
        assert_eq!(report["looks"], 8);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0], 0.99), Some(1.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), Some(2.0));
    }
}
