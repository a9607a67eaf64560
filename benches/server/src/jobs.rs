//! Jobs that end at set times, and when each was looked at.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{counts::quantile, plan::Plan};

/// A job.
#[derive(Debug, Clone)]
struct Job {
    begun: Instant,
    ends: Instant,
    looks: u32,
    last_look: Option<Instant>,
    longest_gap: Duration,
    found: Option<Instant>,
    looks_after: u32,
}

/// The jobs of a plan.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
}

/// What a look sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The job has succeeded.
    pub ended: bool,
    /// How far it is, from 0 to 1.
    pub progress: f64,
}

/// The number of a job in its id.
pub fn number(id: &str) -> Option<usize> {
    id.strip_prefix("job-")?.parse().ok()
}

impl Jobs {
    /// A job begins; its number.
    pub fn begin(&mut self, plan: &mut Plan, now: Instant) -> usize {
        let ends = now + plan.length();
        self.jobs.push(Job {
            begun: now,
            ends,
            looks: 0,
            last_look: None,
            longest_gap: Duration::ZERO,
            found: None,
            looks_after: 0,
        });
        self.jobs.len() - 1
    }

    /// Somebody asks about a job; `false` if there is none of this number. A gap counts from the last look, or from the
    /// moment until which the looks were told to stay away.
    pub fn asked(&mut self, number: usize, now: Instant, held_until: Instant) -> bool {
        let Some(job) = self.jobs.get_mut(number) else { return false };
        job.looks += 1;
        if let Some(last) = job.last_look {
            job.longest_gap = job.longest_gap.max(now.saturating_duration_since(last.max(held_until)));
        }
        job.last_look = Some(now);
        true
    }

    /// What the answer says, at the time at which it leaves.
    pub fn answered(&mut self, number: usize, now: Instant) -> Seen {
        let job = &mut self.jobs[number];
        let length = (job.ends - job.begun).as_secs_f64();
        let progress = if length > 0.0 { ((now - job.begun).as_secs_f64() / length).min(1.0) } else { 1.0 };
        let ended = now >= job.ends;
        if ended {
            match job.found {
                None => job.found = Some(now),
                Some(_) => job.looks_after += 1,
            }
        }
        Seen { ended, progress }
    }

    /// What there is to say about all of them: times in seconds.
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
            "looked_at": self.jobs.iter().filter(|job| job.looks > 0).count(),
            "looks": self.jobs.iter().map(|job| u64::from(job.looks)).sum::<u64>(),
            "found": self.jobs.iter().filter(|job| job.found.is_some()).count(),
            "looks_after_the_end_was_told": self.jobs.iter().map(|job| job.looks_after).sum::<u32>(),
            "gap_s": seconds(self.jobs.iter().map(|job| job.longest_gap).collect()),
            "lateness_s": seconds(found.collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_when_it_is_told_to_and_its_looks_are_counted() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut plan = Plan::parse("lengths=fixed,4").unwrap();
        let mut jobs = Jobs::default();
        assert_eq!(jobs.begin(&mut plan, start), 0);
        assert!(!jobs.asked(1, start, start));
        for (ms, ended, progress) in
            [(1000, false, 0.25), (3500, false, 0.875), (5000, true, 1.0), (6000, true, 1.0)]
        {
            assert!(jobs.asked(0, at(ms), at(2000)));
            assert_eq!(jobs.answered(0, at(ms)), Seen { ended, progress });
        }
        let report = jobs.report();
        assert_eq!(report["looks"], 4);
        assert_eq!(report["found"], 1);
        assert_eq!(report["looks_after_the_end_was_told"], 1);
        assert_eq!(report["gap_s"]["max"], 1.5);
        assert_eq!(report["lateness_s"]["max"], 1.0);
    }

    #[test]
    fn an_id_holds_its_number() {
        assert_eq!((number("job-12"), number("job-"), number("video_12")), (Some(12), None, None));
    }
}
