//! Sans-I/O scheduler that picks the next job to poll.
//!
//! A job is due when its policy says so. Of the due jobs, the one with the greatest expected detection delay goes first,
//! as long as every one of them is still polled within 1.25 rounds of the rate limit.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::polling::{
    PollingOptions,
    forecast::ProgressForecast,
    history::History,
    job_class::{ClassCache, JobClass},
    policy::{JobEstimate, Policy},
    rate_limiter::RateLimiter,
};

/// Rounds of the rate limit after which a job goes before jobs of higher priority.
const STARVATION_ROUNDS: f64 = 1.25;
/// Above every detection delay, and small enough to keep seconds apart.
const DEADLINE_PRIORITY: f64 = 1e12;
/// A duration is recorded when the job was observed alive for at least this fraction of it.
const MIN_OBSERVED_FRACTION: f64 = 0.2;
/// A wait that begins within this fraction of the first delay counts as begun with the job.
const PUNCTUALITY: f64 = 0.1;
/// Weight of the newest poll in the moving average of latencies.
const EWMA_WEIGHT: f64 = 0.1;
/// Number of due jobs above which one ranking of all serves several polls.
const FULL_RESCORE_LIMIT: usize = 64;
/// Longest `Retry-After` that is respected, in seconds.
const MAX_RETRY_AFTER: f64 = 3600.0;

/// Key of a job in the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobKey {
    slot: usize,
    generation: u32,
}

/// Next action of the poller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Poll this job now.
    Poll(JobKey),
    /// Nothing is due before this time.
    SleepUntil(f64),
    /// Nothing is due until a poll ends or a job is added.
    Idle,
}

/// Result of a poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct PollResult {
    /// Whether the job has ended.
    pub terminal: bool,
    /// Whether it ended in success.
    pub success: bool,
    /// Progress from 0 to 1, where the server reports it.
    pub progress: Option<f64>,
    /// Seconds before which the server asks for no further poll.
    pub retry_after: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Not due yet.
    Scheduled,
    /// Due, at this index of `due_slots`.
    Due(usize),
    /// A poll that began at this time is in flight.
    InFlight(f64),
}

#[derive(Debug)]
struct Job {
    generation: u32,
    phase: Phase,
    due: f64,
    /// Time before which no poll is scheduled: a pause after the last poll, and its `Retry-After`.
    earliest: f64,
    /// Time of submission, or of the first poll.
    started_at: f64,
    /// Whether `started_at` is the time of submission.
    submitted: bool,
    /// Middle of the last poll that brought a state.
    last_polled_at: f64,
    /// Middle of the last poll, failed ones included: a job whose polls fail has the same pauses as others.
    last_attempt_at: f64,
    /// Delay chosen after the last poll; 0 where the wait began long after the job.
    planned_delay: f64,
    forecast: ProgressForecast,
    /// Number of jobs at the last poll of this one.
    round: u32,
    failures: u32,
    /// Whether a subscriber waits for a poll that begins from now on.
    expedited: bool,
    /// Whether a subscriber reports progress, so that no pause exceeds `refresh`.
    observed: bool,
    class: Option<JobClass>,
}

/// Scheduler of a client's polls. Times are in seconds since an arbitrary zero and never go back.
#[derive(Debug)]
pub struct Scheduler {
    policy: Policy,
    options: PollingOptions,
    rate_limiter: RateLimiter,
    random: fastrand::Rng,
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    generation: u32,
    live: usize,
    /// Due times in nanoseconds. An entry that differs from its job's due time is stale.
    scheduled: BinaryHeap<Reverse<(u64, usize, u32)>>,
    due_slots: Vec<usize>,
    expedited: VecDeque<JobKey>,
    /// Due jobs of the last ranking, the highest priority at the end.
    ranked: Vec<JobKey>,
    /// Moving average of the seconds that a poll takes.
    latency: f64,
    classes: ClassCache,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are positive")]
fn nanos(time: f64) -> u64 {
    (time.max(0.0) * 1e9) as u64
}

impl Scheduler {
    /// Returns a scheduler without jobs. `seed` is for the jitter.
    pub fn new(options: PollingOptions, seed: u64) -> Self {
        Self {
            policy: Policy::new(&options),
            rate_limiter: RateLimiter::new(options.max_requests_per_second, options.concurrency),
            options,
            random: fastrand::Rng::with_seed(seed),
            jobs: Vec::new(),
            free: Vec::new(),
            generation: 0,
            live: 0,
            scheduled: BinaryHeap::new(),
            due_slots: Vec::new(),
            expedited: VecDeque::new(),
            ranked: Vec::new(),
            latency: 0.0,
            classes: ClassCache::default(),
        }
    }

    /// Returns the number of jobs.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a job. With its submission time and class, its first poll comes when the policy says; else at once.
    pub fn add(&mut self, now: f64, submitted: Option<(f64, &str)>) -> JobKey {
        let (started_at, class) = match submitted {
            Some((time, class)) => (time.min(now), Some(self.classes.get_or_insert(class))),
            None => (now, None),
        };
        let (due, planned_delay) = match submitted {
            Some(_) => {
                let random = self.random.f64();
                let job = JobEstimate { history: self.classes.history(class), ..JobEstimate::default() };
                let delay = self.policy.delay(job, random);
                // A job whose wait began late may have ended long before its first poll.
                let planned_delay = if now - started_at <= PUNCTUALITY * delay { delay } else { 0.0 };
                ((started_at + delay).max(now), planned_delay)
            }
            None => (now, 0.0),
        };
        let forecast =
            if submitted.is_some() { ProgressForecast::default() } else { ProgressForecast::unknown_start() };
        self.generation = self.generation.wrapping_add(1);
        let job = Job {
            generation: self.generation,
            phase: Phase::Scheduled,
            due,
            earliest: now,
            started_at,
            submitted: submitted.is_some(),
            last_polled_at: started_at,
            last_attempt_at: started_at,
            planned_delay,
            forecast,
            round: 0,
            failures: 0,
            expedited: false,
            observed: false,
            class,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        self.jobs[slot] = Some(job);
        self.live += 1;
        self.scheduled.push(Reverse((nanos(due), slot, self.generation)));
        JobKey { slot, generation: self.generation }
    }

    /// Removes a job. A poll of it in flight no longer counts.
    pub fn remove(&mut self, key: JobKey) {
        if self.job(key).is_none() {
            return;
        }
        self.unschedule(key.slot);
        if let Some(Job { phase: Phase::InFlight(_), .. }) = self.jobs[key.slot] {
            self.rate_limiter.end();
        }
        self.jobs[key.slot] = None;
        self.free.push(key.slot);
        self.live -= 1;
    }

    fn job(&self, key: JobKey) -> Option<&Job> {
        self.jobs.get(key.slot)?.as_ref().filter(|job| job.generation == key.generation)
    }

    fn job_mut(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(key.slot)?.as_mut().filter(|job| job.generation == key.generation)
    }

    /// Polls the job before all others, by a poll that begins from now on.
    pub fn expedite(&mut self, key: JobKey) {
        let Some(job) = self.job_mut(key) else { return };
        let queued = std::mem::replace(&mut job.expedited, true);
        if !queued && !matches!(job.phase, Phase::InFlight(_)) {
            self.expedited.push_back(key);
        }
    }

    /// Sets whether a subscriber reports the job's progress, so that its pauses are at most `refresh`. A `Retry-After` and
    /// the pauses after failed polls are kept.
    pub fn set_observed(&mut self, key: JobKey, observed: bool) {
        let refresh = self.refresh();
        let Some(job) = self.job_mut(key) else { return };
        let begins = observed && !job.observed;
        job.observed = observed;
        if begins && job.phase == Phase::Scheduled && job.failures == 0 {
            let due = job.due.min((job.last_polled_at + refresh).max(job.earliest));
            self.schedule(key, due);
        }
    }

    fn refresh(&self) -> f64 {
        self.options.refresh.max(self.options.min_interval).min(self.options.max_interval)
    }

    /// Returns what to do at this time. A job to poll counts as in flight until its result or error arrives.
    pub fn next(&mut self, now: f64) -> Action {
        self.promote_due(now);
        self.expedited.retain(|key| {
            self.jobs[key.slot].as_ref().is_some_and(|job| job.generation == key.generation && job.expedited)
        });
        if self.due_slots.is_empty() && self.expedited.is_empty() {
            return match self.scheduled.peek() {
                Some(Reverse((_, slot, _))) => {
                    Action::SleepUntil(self.jobs[*slot].as_ref().map_or(now, |job| job.due))
                }
                None => Action::Idle,
            };
        }
        match self.rate_limiter.next_free(now) {
            None => return Action::Idle,
            Some(free) if free > now => return Action::SleepUntil(free),
            Some(_) => {}
        }
        let Some(key) = self.expedited.pop_front().or_else(|| self.pop_highest_priority(now)) else {
            return Action::Idle;
        };
        self.unschedule(key.slot);
        self.rate_limiter.begin(now);
        let round = u32::try_from(self.live).unwrap_or(u32::MAX);
        if let Some(job) = self.job_mut(key) {
            job.round = round;
            job.phase = Phase::InFlight(now);
            job.expedited = false;
        }
        Action::Poll(key)
    }

    /// Moves the jobs whose time has come to the due ones, and drops stale entries.
    fn promote_due(&mut self, now: f64) {
        while let Some(&Reverse((time, slot, generation))) = self.scheduled.peek() {
            if let Some(job) = self.jobs[slot].as_mut().filter(|job| job.generation == generation)
                && job.phase == Phase::Scheduled
                && nanos(job.due) == time
            {
                if job.due > now {
                    return;
                }
                job.phase = Phase::Due(self.due_slots.len());
                self.due_slots.push(slot);
            }
            self.scheduled.pop();
        }
    }

    fn unschedule(&mut self, slot: usize) {
        if let Some(Job { phase: Phase::Due(at), .. }) = self.jobs[slot] {
            self.due_slots.swap_remove(at);
            if let Some(&moved) = self.due_slots.get(at)
                && let Some(job) = &mut self.jobs[moved]
            {
                job.phase = Phase::Due(at);
            }
        }
    }

    /// Takes the due job of highest priority. With many due, one ranking serves for the best fiftieth of them.
    fn pop_highest_priority(&mut self, now: f64) -> Option<JobKey> {
        while let Some(key) = self.ranked.pop() {
            if matches!(self.job(key), Some(Job { phase: Phase::Due(_), .. })) {
                return Some(key);
            }
        }
        let rate = self.effective_rate(now);
        let live = u32::try_from(self.live).unwrap_or(u32::MAX);
        let mut scored: Vec<ScoredJob> = Vec::with_capacity(self.due_slots.len());
        for &slot in &self.due_slots {
            let Some(job) = &self.jobs[slot] else { continue };
            let elapsed = now - job.last_attempt_at;
            scored.push(ScoredJob {
                key: JobKey { slot, generation: job.generation },
                priority: self.policy.priority(Self::estimate(job, self.classes.history(job.class)), elapsed),
                slack: STARVATION_ROUNDS * f64::from(job.round.max(live)) / rate - elapsed,
            });
        }
        let take = if scored.len() <= FULL_RESCORE_LIMIT { 1 } else { (scored.len() / 50).max(8) };
        sort_by_deadline(&mut scored, rate.min(self.rate_limiter.effective_rate(now, self.latency)), take);
        if scored.len() > take {
            scored.select_nth_unstable_by(take - 1, ScoredJob::order);
            scored.truncate(take);
        }
        scored.sort_unstable_by(|a, b| b.order(a));
        self.ranked = scored.into_iter().map(|scored| scored.key).collect();
        self.ranked.pop()
    }

    fn estimate<'h>(job: &Job, history: Option<&'h History>) -> JobEstimate<'h> {
        JobEstimate { age: job.last_polled_at - job.started_at, forecast: job.forecast, history }
    }

    /// Returns the polls per second that are possible: fewer than the rate limit where slow polls use up the concurrency.
    #[allow(clippy::cast_precision_loss, reason = "a count of requests")]
    fn effective_rate(&self, now: f64) -> f64 {
        let at_once = self.options.concurrency as f64;
        self.rate_limiter.nominal_rate(now).min(at_once / self.latency.max(1e-6))
    }

    /// Sets the durations of earlier jobs of a class.
    pub fn seed_history(&mut self, class: &str, history: History) {
        self.classes.seed(class, history);
    }

    /// Records the result of a poll. After a terminal one the caller removes the job.
    pub fn on_result(&mut self, key: JobKey, now: f64, result: PollResult) {
        let Some(job) = self.job_mut(key) else { return };
        let Phase::InFlight(began) = job.phase else { return };
        job.phase = Phase::Scheduled;
        let (alive, planned) = (job.last_polled_at - job.started_at, job.planned_delay);
        job.last_polled_at = f64::midpoint(began, now);
        job.last_attempt_at = job.last_polled_at;
        job.failures = 0;
        let age = job.last_polled_at - job.started_at;
        if let Some(progress) = result.progress.filter(|progress| progress.is_finite()) {
            job.forecast.observe(age, progress);
        }
        let (class, submitted) = (job.class, job.submitted);
        self.end_poll(began, now);
        if result.terminal {
            // A job that was polled much later than planned may have ended long before: its duration is unknown.
            let known = alive > MIN_OBSERVED_FRACTION * age || age - alive <= 2.0 * planned;
            if result.success && submitted && known {
                self.classes.record(class, f64::midpoint(alive, age));
            }
            return;
        }
        let random = self.random.f64();
        // Jitter only shortens this pause, as `refresh` is an upper bound.
        let refresh = self.refresh() * (1.0 - self.options.jitter * self.random.f64());
        let Some(job) = self.job(key) else { return };
        let delay = self.policy.delay(Self::estimate(job, self.classes.history(class)), random);
        let delay = if job.observed { delay.min(refresh) } else { delay };
        let earliest = now + retry_after_floor(result.retry_after).max(self.options.min_interval / 2.0);
        let due = (job.last_polled_at + delay).max(earliest);
        if let Some(job) = self.job_mut(key) {
            job.planned_delay = delay;
            job.earliest = earliest;
        }
        self.reschedule(key, due);
    }

    /// Records the transient error of a poll.
    pub fn on_error(&mut self, key: JobKey, now: f64, retry_after: Option<f64>, too_many: bool) {
        let random = self.random.f64();
        let (min, max) = (self.options.min_interval, self.policy.max_interval());
        let Some(job) = self.job_mut(key) else { return };
        let Phase::InFlight(began) = job.phase else { return };
        job.last_attempt_at = f64::midpoint(began, now);
        let backoff = (min * 2_f64.powi(i32::try_from(job.failures.min(30)).unwrap_or(30))).min(max)
            * (1.0 + random)
            / 2.0;
        job.failures += 1;
        self.end_poll(began, now);
        if too_many {
            // The limit covers every request of this client, and the ranking was made for the old rate.
            self.rate_limiter.back_off(began, now);
            self.rate_limiter.pause_until(now + retry_after_floor(retry_after));
            self.ranked.clear();
        }
        self.reschedule(key, now + backoff.max(retry_after_floor(retry_after)));
    }

    /// Cancels all polls in flight. Their jobs are due at once.
    pub fn cancel_all_in_flight(&mut self, now: f64) {
        for slot in 0..self.jobs.len() {
            if let Some(Job { generation, .. }) = self.jobs[slot] {
                self.cancel_in_flight(JobKey { slot, generation }, now);
            }
        }
    }

    /// Cancels the poll of this job that is in flight, if there is one. The job is due at once.
    pub fn cancel_in_flight(&mut self, key: JobKey, now: f64) {
        if self.job(key).is_some_and(|job| matches!(job.phase, Phase::InFlight(_))) {
            self.rate_limiter.end();
            self.reschedule(key, now);
        }
    }

    /// Counts the end of a poll that began at this time.
    fn end_poll(&mut self, began: f64, now: f64) {
        self.rate_limiter.end();
        self.rate_limiter.on_response(began, now);
        self.latency += EWMA_WEIGHT * ((now - began).max(0.0) - self.latency);
    }

    /// Schedules a job whose poll has ended. A subscriber that asked for a poll meanwhile gets the next one.
    fn reschedule(&mut self, key: JobKey, due: f64) {
        self.schedule(key, due);
        if self.job(key).is_some_and(|job| job.expedited) {
            self.expedited.push_back(key);
        }
    }

    fn schedule(&mut self, key: JobKey, due: f64) {
        let Some(job) = self.job_mut(key) else { return };
        job.phase = Phase::Scheduled;
        job.due = due;
        self.scheduled.push(Reverse((nanos(due), key.slot, key.generation)));
    }
}

/// A due job in a ranking.
struct ScoredJob {
    key: JobKey,
    /// Expected detection delay, in seconds.
    priority: f64,
    /// Seconds until the job starves.
    slack: f64,
}

impl ScoredJob {
    /// Orders by falling priority.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.priority.total_cmp(&self.priority)
    }
}

/// Gives jobs that would starve behind others the highest priority, the least slack first.
fn sort_by_deadline(scored: &mut [ScoredJob], rate: f64, take: usize) {
    scored.sort_unstable_by(|a, b| a.slack.total_cmp(&b.slack));
    #[allow(clippy::cast_precision_loss, reason = "a count of jobs")]
    let late = |(index, scored): (usize, &ScoredJob)| scored.slack < (index + take) as f64 / rate;
    let urgent =
        (0..scored.len()).rev().find(|&index| late((index, &scored[index]))).map_or(0, |last| last + 1);
    for scored in &mut scored[..urgent] {
        scored.priority = DEADLINE_PRIORITY - scored.slack;
    }
}

fn retry_after_floor(retry_after: Option<f64>) -> f64 {
    retry_after.unwrap_or(0.0).clamp(0.0, MAX_RETRY_AFTER)
}
