//! One job at a time: the core's scheduler and policy beside fixed intervals and backoff, on a clock that is only told.

use infrai::polling::{Action, History, PollResult, PollingOptions, Scheduler};

use crate::{
    jobs::{Job, Lengths},
    numbers::Sample,
};

/// How long a request takes: the job is seen in the middle of it.
pub(crate) const LATENCY: f64 = 0.08;
/// A wait's own deadline: a job that is stuck costs requests until then.
pub(crate) const DEADLINE: f64 = 1800.0;

/// So many clients, each with earlier lengths of its own, share the jobs.
const CLIENTS: usize = 250;

/// When to look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Looking {
    /// The core's scheduler, with so many lengths of earlier jobs, each `factor` times as long as the truth.
    Core { price: f64, history: usize, factor: f64 },
    /// A pause of so many seconds, give or take so many.
    Fixed { pause: f64, jitter: f64 },
    /// A pause that grows by a factor up to a bound.
    Backoff { first: f64, factor: f64, most: f64 },
}

/// Waits for every job, each alone, and tells of lateness and requests.
pub(crate) fn wait_for(looking: Looking, lengths: Lengths, jobs: &[Job], seed: u64) -> Sample {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sample = Sample::default();
    let mut earlier = Vec::new();
    if let Looking::Core { history, factor, .. } = looking {
        let mut draw = || factor * lengths.draw_ended(&mut random);
        earlier =
            (0..CLIENTS).map(|_| History::of(&(0..history).map(|_| draw()).collect::<Vec<_>>())).collect();
    }
    for (number, job) in jobs.iter().enumerate() {
        let (requests, found) = match looking {
            Looking::Core { price, .. } => core(price, &earlier[number % CLIENTS], job, &mut random),
            Looking::Fixed { pause, jitter } => paced(job, |_| pause + jitter * (2.0 * random.f64() - 1.0)),
            Looking::Backoff { first, factor, most } => {
                paced(job, |looks| (first * factor.powi(looks)).min(most))
            }
        };
        sample.add(requests, found.map(|at| (at - job.length, job.length)));
    }
    sample
}

fn core(price: f64, earlier: &History, job: &Job, random: &mut fastrand::Rng) -> (u32, Option<f64>) {
    let mut options = PollingOptions::default();
    options.request_cost = price;
    options.max_requests_per_second = 1e6;
    let mut scheduler = Scheduler::new(options, random.u64(..));
    scheduler.seed_history("shape", earlier.clone());
    scheduler.add(0.0, Some((0.0, "shape")));
    let (mut now, mut requests) = (0.0, 0);
    loop {
        match scheduler.next(now) {
            Action::Poll(token) => {
                let seen = now + LATENCY / 2.0;
                now += LATENCY;
                requests += 1;
                if seen >= job.length {
                    return (requests, Some(now));
                }
                if now >= DEADLINE {
                    return (requests, None);
                }
                let progress = job.progress(seen, random);
                scheduler.on_result(token, now, PollResult { progress, ..PollResult::default() });
            }
            // The deadline is one more moment at which the job is looked at.
            Action::SleepUntil(time) => now = time.min(DEADLINE),
            Action::Idle => unreachable!("one job, none under way"),
        }
        if now >= DEADLINE {
            return (requests + 1, None);
        }
    }
}

fn paced(job: &Job, mut pause: impl FnMut(i32) -> f64) -> (u32, Option<f64>) {
    let (mut now, mut requests) = (0.0, 0_u32);
    loop {
        now += pause(requests.cast_signed());
        requests += 1;
        if now + LATENCY / 2.0 >= job.length {
            return (requests, Some(now + LATENCY));
        }
        if now >= DEADLINE {
            return (requests, None);
        }
        now += LATENCY;
    }
}

/// The mean lateness of the fixed interval that makes as many requests for the same jobs.
pub(crate) fn equal_fixed(requests: f64, jobs: &[Job]) -> f64 {
    let (mut short, mut long) = (0.01_f64, 1000.0_f64);
    for _ in 0..30 {
        let pause = (short * long).sqrt();
        if fixed(pause, jobs).0 > requests { short = pause } else { long = pause }
    }
    fixed((short * long).sqrt(), jobs).1
}

/// Requests a job and mean lateness of a fixed interval: as [`paced`], without going through the looks, and over all the
/// moments at which the first look may come, so that no job's length is favoured.
fn fixed(pause: f64, jobs: &[Job]) -> (f64, f64) {
    const PHASES: u32 = 8;
    let (mut requests, mut late, mut found) = (0.0, 0.0, 0.0);
    for phase in 0..PHASES {
        let first = pause * (f64::from(phase) + 0.5 + f64::from(PHASES) / 2.0) / f64::from(PHASES);
        for job in jobs {
            let end = job.length.min(DEADLINE);
            let before = ((end - LATENCY / 2.0 - first) / (pause + LATENCY)).ceil().max(0.0);
            requests += before + 1.0;
            if job.length <= DEADLINE {
                late += first + before * (pause + LATENCY) + LATENCY - job.length;
                found += 1.0;
            }
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of jobs")]
    let count = jobs.len() as f64 * f64::from(PHASES);
    (requests / count, late / found)
}
