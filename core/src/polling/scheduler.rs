//! Which of many jobs to look at next: a state machine that is told the time and what the looks brought.
//!
//! A job is due when its policy says so. Of the jobs that are due, the one whose unseen lateness is expected to be the
//! greatest goes first, as long as every one of them can still be looked at within 1.25 rounds of the budget after its last look.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{
    Budget, Forecast, History, Known, Policy, PollingOptions,
    shapes::{Shape, Shapes},
};

/// No job is left alone for longer than this many rounds of the budget.
const STARVED: f64 = 1.25;
/// Above every lateness, and small enough to be told apart by seconds.
const URGENT: f64 = 1e12;
/// A length is worth learning when the job was seen to live to this share of it.
const SEEN_ALIVE: f64 = 0.2;
/// A wait that begins within this share of the first pause begins with the job.
const PROMPT: f64 = 0.1;
/// How much the newest look counts for what looks take.
const NEWEST: f64 = 0.1;
/// With more due jobs than this, one comparison of all serves for several looks.
const COMPARE_ALL: usize = 64;
/// A server may ask to be left alone for this long at most.
const LONGEST_FLOOR: f64 = 3600.0;

/// A job in the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    slot: usize,
    generation: u32,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Look at this job now.
    Look(Token),
    /// Nothing before this time.
    At(f64),
    /// Nothing until a look ends or a job is added.
    Wait,
}

/// What a look brought.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer {
    /// The job has ended.
    pub terminal: bool,
    /// It ended in success.
    pub success: bool,
    /// The progress it reports, from 0 to 1.
    pub progress: Option<f64>,
    /// The seconds that the server asks to be left alone.
    pub retry_after: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Not before its due time.
    Timed,
    /// Due: at this place in `ready`.
    Ready(usize),
    /// A look that began at this time is under way.
    UnderWay(f64),
}

#[derive(Debug)]
struct Job {
    generation: u32,
    place: Place,
    due: f64,
    /// When it was submitted, or first seen.
    born: f64,
    /// Whether `born` is when it was submitted.
    submitted: bool,
    /// The middle of the last look that was answered.
    seen: f64,
    /// The middle of the last look, whatever became of it: a job whose looks fail is left alone no less than others.
    tried: f64,
    /// How long the policy wanted it to be left alone after it was seen; 0 where it was seen by nobody for longer.
    pause: f64,
    forecast: Forecast,
    /// How many jobs made a round when this one was looked at last.
    round: u32,
    failures: u32,
    /// Somebody's deadline wants a look that begins from now on.
    hurried: bool,
    shape: Option<Shape>,
}

/// The scheduler. Time is in seconds, from any zero, and only goes forward.
#[derive(Debug)]
pub struct Scheduler {
    policy: Policy,
    options: PollingOptions,
    budget: Budget,
    random: fastrand::Rng,
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    generation: u32,
    live: usize,
    timed: BinaryHeap<Reverse<(u64, usize, u32)>>,
    ready: Vec<usize>,
    hurried: VecDeque<Token>,
    /// The due jobs compared last, the worthiest at the end.
    compared: Vec<Token>,
    /// How long a look takes, in seconds, the latest counting most.
    took: f64,
    shapes: Shapes,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are positive")]
fn nanos(time: f64) -> u64 {
    (time.max(0.0) * 1e9) as u64
}

impl Scheduler {
    /// No jobs yet; `seed` is for the jitter.
    pub fn new(options: PollingOptions, seed: u64) -> Self {
        Self {
            policy: Policy::new(&options),
            budget: Budget::new(options.rate, options.concurrency),
            options,
            random: fastrand::Rng::with_seed(seed),
            jobs: Vec::new(),
            free: Vec::new(),
            generation: 0,
            live: 0,
            timed: BinaryHeap::new(),
            ready: Vec::new(),
            hurried: VecDeque::new(),
            compared: Vec::new(),
            took: 0.0,
            shapes: Shapes::default(),
        }
    }

    /// How many jobs there are.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a job: one whose submission is known, with its shape, waits as the policy says; any other is looked at at once.
    pub fn add(&mut self, now: f64, submitted: Option<(f64, &str)>) -> Token {
        let (born, shape) = match submitted {
            Some((time, shape)) => (time.min(now), Some(self.shapes.find_or_make(shape))),
            None => (now, None),
        };
        let (due, pause) = match submitted {
            Some(_) => {
                let random = self.random.f64();
                let known = Known { history: self.shapes.history(shape), ..Known::default() };
                let delay = self.policy.delay(known, random);
                // One that nobody waited for at first may have ended long before its first look.
                let pause = if now - born <= PROMPT * delay { delay } else { 0.0 };
                ((born + delay).max(now), pause)
            }
            None => (now, 0.0),
        };
        let forecast = if submitted.is_some() { Forecast::default() } else { Forecast::begun() };
        self.generation = self.generation.wrapping_add(1);
        let job = Job {
            generation: self.generation,
            place: Place::Timed,
            due,
            born,
            submitted: submitted.is_some(),
            seen: born,
            tried: born,
            pause,
            forecast,
            round: 0,
            failures: 0,
            hurried: false,
            shape,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        self.jobs[slot] = Some(job);
        self.live += 1;
        self.timed.push(Reverse((nanos(due), slot, self.generation)));
        Token { slot, generation: self.generation }
    }

    /// Takes a job out; a look at it that is under way no longer counts.
    pub fn remove(&mut self, token: Token) {
        if self.job(token).is_none() {
            return;
        }
        self.unready(token.slot);
        if let Some(Job { place: Place::UnderWay(_), .. }) = self.jobs[token.slot] {
            self.budget.end();
        }
        self.jobs[token.slot] = None;
        self.free.push(token.slot);
        self.live -= 1;
    }

    fn job(&self, token: Token) -> Option<&Job> {
        self.jobs.get(token.slot)?.as_ref().filter(|job| job.generation == token.generation)
    }

    fn job_mut(&mut self, token: Token) -> Option<&mut Job> {
        self.jobs.get_mut(token.slot)?.as_mut().filter(|job| job.generation == token.generation)
    }

    /// Somebody's deadline has come: one look that begins from now on, before all others.
    pub fn hurry(&mut self, token: Token) {
        let Some(job) = self.job_mut(token) else { return };
        job.hurried = true;
        if !matches!(job.place, Place::UnderWay(_)) {
            self.hurried.push_back(token);
        }
    }

    /// What to do at this time. A job that is to be looked at counts as under way until its answer is told.
    pub fn next(&mut self, now: f64) -> Next {
        self.ripen(now);
        self.hurried.retain(|token| {
            self.jobs[token.slot]
                .as_ref()
                .is_some_and(|job| job.generation == token.generation && job.hurried)
        });
        if self.ready.is_empty() && self.hurried.is_empty() {
            return match self.timed.peek() {
                Some(Reverse((_, slot, _))) => Next::At(self.jobs[*slot].as_ref().map_or(now, |job| job.due)),
                None => Next::Wait,
            };
        }
        match self.budget.next_free(now) {
            None => return Next::Wait,
            Some(free) if free > now => return Next::At(free),
            Some(_) => {}
        }
        let Some(token) = self.hurried.pop_front().or_else(|| self.worthiest(now)) else { return Next::Wait };
        self.unready(token.slot);
        self.budget.begin(now);
        let round = u32::try_from(self.live).unwrap_or(u32::MAX);
        if let Some(job) = self.job_mut(token) {
            job.round = round;
            job.place = Place::UnderWay(now);
            job.hurried = false;
        }
        Next::Look(token)
    }

    /// Moves the jobs whose time has come to those that are due.
    fn ripen(&mut self, now: f64) {
        while let Some(&Reverse((_, slot, generation))) = self.timed.peek() {
            let job = self.jobs[slot].as_mut().filter(|job| job.generation == generation);
            match job {
                Some(job) if job.place == Place::Timed => {
                    if job.due > now {
                        // The entry may be older than the due time that holds.
                        let due = nanos(job.due);
                        if self.timed.peek().is_some_and(|Reverse((time, ..))| *time < due) {
                            self.timed.pop();
                            self.timed.push(Reverse((due, slot, generation)));
                            continue;
                        }
                        return;
                    }
                    job.place = Place::Ready(self.ready.len());
                    self.ready.push(slot);
                }
                _ => {}
            }
            self.timed.pop();
        }
    }

    fn unready(&mut self, slot: usize) {
        if let Some(Job { place: Place::Ready(at), .. }) = self.jobs[slot] {
            self.ready.swap_remove(at);
            if let Some(&moved) = self.ready.get(at)
                && let Some(job) = &mut self.jobs[moved]
            {
                job.place = Place::Ready(at);
            }
        }
    }

    /// The due job that a look is worth most at. With many due, the best fiftieth of one comparison is used up first.
    fn worthiest(&mut self, now: f64) -> Option<Token> {
        while let Some(token) = self.compared.pop() {
            if matches!(self.job(token), Some(Job { place: Place::Ready(_), .. })) {
                return Some(token);
            }
        }
        let rate = self.reached(now);
        let live = u32::try_from(self.live).unwrap_or(u32::MAX);
        let mut scored: Vec<Scored> = Vec::with_capacity(self.ready.len());
        for &slot in &self.ready {
            let Some(job) = &self.jobs[slot] else { continue };
            let unseen = now - job.tried;
            scored.push(Scored {
                token: Token { slot, generation: job.generation },
                worth: self.policy.worth(Self::known(job, self.shapes.history(job.shape)), unseen),
                left: STARVED * f64::from(job.round.max(live)) / rate - unseen,
            });
        }
        let take = if scored.len() <= COMPARE_ALL { 1 } else { (scored.len() / 50).max(8) };
        put_urgent_first(&mut scored, rate.min(self.budget.reached(now, self.took)), take);
        if scored.len() > take {
            scored.select_nth_unstable_by(take - 1, Scored::order);
            scored.truncate(take);
        }
        scored.sort_unstable_by(|a, b| b.order(a));
        self.compared = scored.into_iter().map(|scored| scored.token).collect();
        self.compared.pop()
    }

    fn known<'h>(job: &Job, history: Option<&'h History>) -> Known<'h> {
        Known { age: job.seen - job.born, forecast: job.forecast, history }
    }

    /// The looks a second that can be had: fewer than the budget's where those under way at once take long.
    #[allow(clippy::cast_precision_loss, reason = "a count of requests")]
    fn reached(&self, now: f64) -> f64 {
        let at_once = self.options.concurrency as f64;
        self.budget.whole_rate(now).min(at_once / self.took.max(1e-6))
    }

    /// Tells it how long earlier jobs of a shape took.
    pub fn recall(&mut self, shape: &str, history: History) {
        self.shapes.recall(shape, history);
    }

    /// A look was answered.
    pub fn answered(&mut self, token: Token, now: f64, answer: Answer) {
        let Some(job) = self.job_mut(token) else { return };
        let Place::UnderWay(began) = job.place else { return };
        job.place = Place::Timed;
        let (alive, planned) = (job.seen - job.born, job.pause);
        job.seen = f64::midpoint(began, now);
        job.tried = job.seen;
        job.failures = 0;
        let age = job.seen - job.born;
        if let Some(progress) = answer.progress.filter(|progress| progress.is_finite()) {
            job.forecast.see(age, progress);
        }
        let (shape, submitted) = (job.shape, job.submitted);
        self.ended(began, now);
        if answer.terminal {
            // Of a job that was not looked at when the policy wanted it is not known how long it took.
            let known = alive > SEEN_ALIVE * age || age - alive <= 2.0 * planned;
            if answer.success && submitted && known {
                self.shapes.learn(shape, f64::midpoint(alive, age));
            }
            return;
        }
        let random = self.random.f64();
        let Some(job) = self.job(token) else { return };
        let delay = self.policy.delay(Self::known(job, self.shapes.history(shape)), random);
        let due = (job.seen + delay).max(now + self.options.min / 2.0).max(now + floor(answer.retry_after));
        if let Some(job) = self.job_mut(token) {
            job.pause = delay;
        }
        self.again(token, due);
    }

    /// A look failed in a way that another may not.
    pub fn failed(&mut self, token: Token, now: f64, retry_after: Option<f64>, too_many: bool) {
        let random = self.random.f64();
        let (min, max) = (self.options.min, self.policy.max());
        let Some(job) = self.job_mut(token) else { return };
        let Place::UnderWay(began) = job.place else { return };
        job.tried = f64::midpoint(began, now);
        let pause = (min * 2_f64.powi(i32::try_from(job.failures.min(30)).unwrap_or(30))).min(max)
            * (1.0 + random)
            / 2.0;
        job.failures += 1;
        self.ended(began, now);
        if too_many {
            // The server speaks of all of this client's requests, and what was worth most at the old rate is not at the new.
            self.budget.halve(began, now);
            self.budget.rest(now + floor(retry_after));
            self.compared.clear();
        }
        self.again(token, now + pause.max(floor(retry_after)));
    }

    /// Looks were given up unanswered, all of them: they are due again.
    pub fn abandon_all(&mut self, now: f64) {
        for slot in 0..self.jobs.len() {
            if let Some(Job { generation, .. }) = self.jobs[slot] {
                self.abandon(Token { slot, generation }, now);
            }
        }
    }

    /// Gives up the poll of this job that is in flight, if one is: the job is due at once.
    pub fn abandon(&mut self, token: Token, now: f64) {
        if self.job(token).is_some_and(|job| matches!(job.place, Place::UnderWay(_))) {
            self.budget.end();
            self.again(token, now);
        }
    }

    /// A look that began at this time ended, however.
    fn ended(&mut self, began: f64, now: f64) {
        self.budget.end();
        self.budget.arrived(began, now);
        self.took += NEWEST * ((now - began).max(0.0) - self.took);
    }

    fn again(&mut self, token: Token, due: f64) {
        let Some(job) = self.job_mut(token) else { return };
        job.place = Place::Timed;
        job.due = due;
        let hurried = job.hurried;
        self.timed.push(Reverse((nanos(due), token.slot, token.generation)));
        if hurried {
            self.hurried.push_back(token);
        }
    }
}

/// A due job among others.
struct Scored {
    token: Token,
    /// The lateness to be expected of it.
    worth: f64,
    /// The seconds until it has been left alone for too long.
    left: f64,
}

impl Scored {
    /// The worthiest first.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.worth.total_cmp(&self.worth)
    }
}

/// Those that would be left alone for too long if others went before them become the worthiest, the most urgent first.
fn put_urgent_first(scored: &mut [Scored], rate: f64, take: usize) {
    scored.sort_unstable_by(|a, b| a.left.total_cmp(&b.left));
    #[allow(clippy::cast_precision_loss, reason = "a count of jobs")]
    let late = |(place, scored): (usize, &Scored)| scored.left < (place + take) as f64 / rate;
    let urgent =
        (0..scored.len()).rev().find(|&place| late((place, &scored[place]))).map_or(0, |last| last + 1);
    for scored in &mut scored[..urgent] {
        scored.worth = URGENT - scored.left;
    }
}

fn floor(retry_after: Option<f64>) -> f64 {
    retry_after.unwrap_or(0.0).clamp(0.0, LONGEST_FLOOR)
}
