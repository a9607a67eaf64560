//! Jobs with set lengths, and the times of their polls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{counts::quantile, plan::Plan};

/// A job and its polls.
#[derive(Debug, Clone)]
struct Job {
    begun: Instant,
    ends: Instant,
    polls: u32,
    last_poll: Option<Instant>,
    longest_gap: Duration,
    found: Option<Instant>,
    polls_after_end: u32,
}

/// Jobs of a plan.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
}

/// State of a job at a poll.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Whether the job has succeeded.
    pub ended: bool,
    /// Progress, from 0 to 1.
    pub progress: f64,
}

/// Returns the number in a job's id.
pub fn number(id: &str) -> Option<usize> {
    id.strip_prefix("job-")?.parse().ok()
}

impl Jobs {
    /// Begins a job and returns its number.
    pub fn begin(&mut self, plan: &mut Plan, now: Instant) -> usize {
        let ends = now + plan.length();
        self.jobs.push(Job {
            begun: now,
            ends,
            polls: 0,
            last_poll: None,
            longest_gap: Duration::ZERO,
            found: None,
            polls_after_end: 0,
        });
        self.jobs.len() - 1
    }

    /// Records the start of a poll; returns `false` if no job has this number. A gap counts from the last poll or from
    /// `held_until`, whichever is later.
    pub fn polled(&mut self, number: usize, now: Instant, held_until: Instant) -> bool {
        let Some(job) = self.jobs.get_mut(number) else { return false };
        job.polls += 1;
        if let Some(last) = job.last_poll {
            job.longest_gap = job.longest_gap.max(now.saturating_duration_since(last.max(held_until)));
        }
        job.last_poll = Some(now);
        true
    }

    /// Records the answer of a poll; returns the job's state at that time.
    pub fn answered(&mut self, number: usize, now: Instant) -> Seen {
        let job = &mut self.jobs[number];
        let length = (job.ends - job.begun).as_secs_f64();
        let progress = if length > 0.0 { ((now - job.begun).as_secs_f64() / length).min(1.0) } else { 1.0 };
        let ended = now >= job.ends;
        if ended {
            match job.found {
                None => job.found = Some(now),
                Some(_) => job.polls_after_end += 1,
            }
        }
        Seen { ended, progress }
    }

    /// Returns statistics of all jobs, with times in seconds.
    pub fn report(&self) -> Value {
        let seconds = |durations: Vec<Duration>| {
            let mut seconds: Vec<f64> = durations.iter().map(Duration::as_secs_f64).collect();
            seconds.sort_by(f64::total_cmp);
            #[allow(clippy::cast_precision_loss, reason = "a count of jobs")]
            let mean = seconds.iter().sum::<f64>() / seconds.len().max(1) as f64;
            json!({
                "mean": mean,
                "p50": quantile(&seconds, 0.5),
                "p95": quantile(&seconds, 0.95),
                "p99": quantile(&seconds, 0.99),
                "max": seconds.last(),
            })
        };
        let found = self.jobs.iter().filter_map(|job| Some(job.found? - job.ends));
        json!({
            "jobs": self.jobs.len(),
            "polled": self.jobs.iter().filter(|job| job.polls > 0).count(),
            "polls": self.jobs.iter().map(|job| u64::from(job.polls)).sum::<u64>(),
            "found": self.jobs.iter().filter(|job| job.found.is_some()).count(),
            "polls_after_end": self.jobs.iter().map(|job| job.polls_after_end).sum::<u32>(),
            "gap_s": seconds(self.jobs.iter().map(|job| job.longest_gap).collect()),
            "lateness_s": seconds(found.collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_on_time_and_its_polls_are_counted() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut plan = Plan::parse("lengths=fixed,4").unwrap();
        let mut jobs = Jobs::default();
        assert_eq!(jobs.begin(&mut plan, start), 0);
        assert!(!jobs.polled(1, start, start));
        for (ms, ended, progress) in
            [(1000, false, 0.25), (3500, false, 0.875), (5000, true, 1.0), (6000, true, 1.0)]
        {
            assert!(jobs.polled(0, at(ms), at(2000)));
            assert_eq!(jobs.answered(0, at(ms)), Seen { ended, progress });
        }
        let report = jobs.report();
        assert_eq!(report["polls"], 4);
        assert_eq!(report["found"], 1);
        assert_eq!(report["polls_after_end"], 1);
        assert_eq!(report["gap_s"]["max"], 1.5);
        assert_eq!(report["lateness_s"]["max"], 1.0);
    }

    #[test]
    fn an_id_contains_its_number() {
        assert_eq!((number("job-12"), number("job-"), number("video_12")), (Some(12), None, None));
    }
}
