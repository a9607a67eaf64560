//! Waits for single jobs: the core's scheduler and policy beside fixed intervals and backoff, on a simulated clock.

use infrai::polling::{Action, History, PollResult, PollingOptions, Scheduler};

use crate::{
    jobs::{Job, Lengths},
    numbers::Sample,
};

/// Length of a request, in seconds. The server reads the job's state in the middle of it.
pub(crate) const LATENCY: f64 = 0.08;
/// Deadline of a wait, in seconds: a stuck job costs requests until then.
pub(crate) const DEADLINE: f64 = 1800.0;

/// Number of clients that share the jobs, each with earlier lengths of its own.
const CLIENTS: usize = 250;

/// A polling strategy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Looking {
    /// The core's scheduler. It knows `history` lengths of earlier jobs, each multiplied by `factor`.
    Core { price: f64, history: usize, factor: f64 },
    /// A pause in seconds, give or take `jitter`.
    Fixed { pause: f64, jitter: f64 },
    /// A pause that grows by a factor, up to a bound.
    Backoff { first: f64, factor: f64, most: f64 },
}

/// Waits for each job alone; returns lateness and requests.
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
            // The wait polls once more at its deadline.
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

/// Returns the mean lateness of the fixed interval that makes as many requests for the same jobs.
pub(crate) fn equal_fixed(requests: f64, jobs: &[Job]) -> f64 {
    let (mut short, mut long) = (0.01_f64, 1000.0_f64);
    for _ in 0..30 {
        let pause = (short * long).sqrt();
        if fixed(pause, jobs).0 > requests { short = pause } else { long = pause }
    }
    fixed((short * long).sqrt(), jobs).1
}

/// Returns the requests per job and the mean lateness of a fixed interval. It computes what [`paced`] simulates, averaged
/// over the possible times of the first poll, so that no length of a job has an advantage.
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
