//! Many jobs within one rate limit: the core's scheduler beside round robin and earliest due first.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use infrai::polling::{
    Action, History, JobEstimate, JobKey, Policy, PollResult, PollingOptions, ProgressForecast, RateLimiter,
    Scheduler,
};

use crate::{
    alone::LATENCY,
    jobs::{Job, Lengths, Progress},
    numbers::mean,
};

/// Names of the kinds of job.
const SHAPES: [&str; 4] = ["a", "b", "c", "d"];

/// Order of due jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The core's scheduler.
    Core,
    /// Least recently polled first.
    RoundRobin,
    /// Earliest due first.
    EarliestDue,
}

/// Result of a simulation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Mean seconds from a job's end to its detection.
    pub(crate) late: f64,
    /// Longest time between two polls of one job, or from its submission to the first poll, in seconds.
    pub(crate) gap: f64,
}

enum Chooser {
    Core { scheduler: Box<Scheduler>, numbers: HashMap<JobKey, usize>, tokens: Vec<JobKey> },
    Plain(Box<Plain>),
}

/// A simple scheduler with the core's policy and rate limiter.
struct Plain {
    order: Order,
    policy: Policy,
    budget: RateLimiter,
    random: fastrand::Rng,
    /// Jobs by due time. Due jobs wait in `ready`, in their order.
    timed: BinaryHeap<Reverse<(u64, usize)>>,
    ready: BinaryHeap<Reverse<(u64, usize)>>,
    looked: Vec<u64>,
    forecasts: Vec<ProgressForecast>,
    /// One per kind of job.
    histories: Vec<History>,
    before: Vec<f64>,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are positive")]
fn nanos(time: f64) -> u64 {
    (time * 1e9) as u64
}

#[allow(clippy::cast_precision_loss, reason = "times of hours")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

impl Plain {
    fn next(&mut self, now: f64) -> Result<usize, Option<f64>> {
        while let Some(&Reverse((due, job))) = self.timed.peek().filter(|entry| entry.0.0 <= nanos(now)) {
            self.timed.pop();
            let key = if self.order == Order::RoundRobin { self.looked[job] } else { due };
            self.ready.push(Reverse((key, job)));
        }
        if self.ready.is_empty() {
            return Err(self.timed.peek().map(|entry| seconds(entry.0.0 + 1)));
        }
        match self.budget.next_free(now) {
            Some(free) if free <= now => {}
            other => return Err(other),
        }
        let Some(Reverse((_, job))) = self.ready.pop() else { return Err(None) };
        self.budget.begin(now);
        self.looked[job] = nanos(now);
        Ok(job)
    }
}

impl Chooser {
    /// Submits all jobs at once.
    fn new(
        order: Order,
        options: PollingOptions,
        histories: Vec<History>,
        count: usize,
        seed: u64,
        random: &mut fastrand::Rng,
    ) -> Self {
        let kinds = histories.len();
        match order {
            Order::Core => {
                let mut scheduler = Box::new(Scheduler::new(options, seed));
                for (shape, history) in SHAPES.into_iter().zip(histories) {
                    scheduler.seed_history(shape, history);
                }
                let tokens: Vec<JobKey> =
                    (0..count).map(|n| scheduler.add(0.0, Some((0.0, SHAPES[n % kinds])))).collect();
                let numbers = tokens.iter().enumerate().map(|(number, token)| (*token, number)).collect();
                Chooser::Core { scheduler, numbers, tokens }
            }
            order => {
                let policy = Policy::new(&options);
                let timed = (0..count)
                    .map(|n| Reverse((nanos(policy.delay(JobEstimate::default(), random.f64())), n)))
                    .collect();
                Chooser::Plain(Box::new(Plain {
                    order,
                    policy,
                    budget: RateLimiter::new(options.max_requests_per_second, options.concurrency),
                    random: random.fork(),
                    timed,
                    ready: BinaryHeap::new(),
                    looked: vec![0; count],
                    forecasts: vec![ProgressForecast::default(); count],
                    before: vec![0.0; count],
                    histories,
                }))
            }
        }
    }
}

/// Submits all jobs at once and polls until each has ended. Every kind has a name of its own.
pub(crate) fn run(
    order: Order,
    kinds: &[Lengths],
    progress: Progress,
    history: usize,
    count: usize,
    rate: f64,
    seed: u64,
) -> Outcome {
    let mut random = fastrand::Rng::with_seed(seed);
    let jobs: Vec<Job> =
        (0..count).map(|n| Job::draw(kinds[n % kinds.len()], progress, &mut random)).collect();
    let histories: Vec<History> = kinds
        .iter()
        .map(|kind| History::of(&(0..history).map(|_| kind.draw_ended(&mut random)).collect::<Vec<_>>()))
        .collect();
    let mut options = PollingOptions::default();
    options.max_requests_per_second = rate;
    let mut chooser = Chooser::new(order, options, histories, count, seed, &mut random);

    let mut landing: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let (mut last, mut late) = (vec![0.0; count], Vec::with_capacity(count));
    let (mut now, mut gap) = (0.0_f64, 0.0_f64);
    while late.len() < count {
        let next = match &mut chooser {
            Chooser::Core { scheduler, numbers, .. } => match scheduler.next(now) {
                Action::Poll(token) => Ok(numbers[&token]),
                Action::SleepUntil(time) => Err(Some(time)),
                Action::Idle => Err(None),
            },
            Chooser::Plain(plain) => plain.next(now),
        };
        let until = match next {
            Ok(job) => {
                gap = gap.max(now - last[job]);
                last[job] = now;
                landing.push(Reverse((nanos(now + LATENCY), job)));
                continue;
            }
            Err(until) => until.unwrap_or(f64::INFINITY),
        };
        let landed = landing.peek().map(|entry| seconds(entry.0.0)).filter(|at| *at <= until);
        let Some(at) = landed else {
            now = until.max(now);
            continue;
        };
        now = at.max(now);
        let Some(Reverse((_, job))) = landing.pop() else { continue };
        let looked = now - LATENCY / 2.0;
        let terminal = looked >= jobs[job].length;
        if terminal {
            late.push(now - jobs[job].length);
        }
        let said = jobs[job].progress(looked, &mut random);
        match &mut chooser {
            Chooser::Core { scheduler, tokens, .. } => {
                let answer = PollResult { terminal, success: terminal, progress: said, retry_after: None };
                scheduler.on_result(tokens[job], now, answer);
                if terminal {
                    scheduler.remove(tokens[job]);
                }
            }
            Chooser::Plain(plain) => {
                plain.budget.end();
                plain.budget.on_response(now - LATENCY, now);
                let kind = job % kinds.len();
                if terminal {
                    if plain.before[job] > 0.2 * looked {
                        plain.histories[kind].record(f64::midpoint(plain.before[job], looked));
                    }
                } else {
                    if let Some(said) = said {
                        plain.forecasts[job].observe(looked, said);
                    }
                    plain.before[job] = looked;
                    let known = JobEstimate {
                        age: looked,
                        forecast: plain.forecasts[job],
                        history: Some(&plain.histories[kind]),
                    };
                    let pause = plain.policy.delay(known, plain.random.f64());
                    plain.timed.push(Reverse((nanos(looked + pause), job)));
                }
            }
        }
    }
    Outcome { late: mean(&late), gap }
}
