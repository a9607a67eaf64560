//! Runs the scheduler while somebody waits: one task, one look at a job for all who wait for it, nothing left behind.
//!
//! The task lives in the runtime of one of the waiters. It is aborted, its looks with it, when the last waiter goes; when
//! only waiters of another runtime are left, or its runtime is held and does not run, one of them starts it anew there.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{AbortHandle as Aborting, abortable},
    stream::{FuturesUnordered, StreamExt as _},
};
use http::{HeaderName, HeaderValue};
use tokio::{
    runtime,
    sync::{Notify, Semaphore, SemaphorePermit},
    task::AbortHandle,
};

use super::{Answer, Clock, Next, PollingOptions, Scheduler, Token, mailbox, subscription::handle};
use crate::{
    client::{
        CallContext, InfraiClient,
        context::{scoped, sync_scoped},
        transport::BoxFuture,
    },
    error::{ErrorKind, InfraiError, Result},
    key::ApiKey,
    text::Escaped,
    video::{JobId, Snapshot, VideoJob, look},
};

/// How many submitted jobs are remembered for when they will be waited for.
const REMEMBERED: usize = 20_000;
/// No timer is set further ahead than this: a suspended machine's timers stand still, its clock does not.
const LONGEST_SLEEP: f64 = 5.0;

/// Nor for less than a timer can do: a moment so near that it rounds to nothing would be slept for again and again.
const SHORTEST_SLEEP: f64 = 0.001;
/// A task that has not considered anything for this long lives in a runtime that does not run.
pub(super) const STALLED: f64 = 2.0 * LONGEST_SLEEP;

/// What a waiter is told.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The job's first state, or a change of it; and what to keep of it.
    Seen(Arc<VideoJob>, Snapshot),
    /// The look that this waiter asked for ended; the job is as it was, or could not be seen.
    Looked(Option<InfraiError>),
    /// The job cannot be looked at: the end.
    Failed(InfraiError),
}

/// What became of the look that a waiter asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// It asked for none, or was told how it ended.
    None,
    /// No look has begun since.
    Queued,
    /// The look under way began since: its end is the answer.
    UnderWay,
}

/// A job as polled with one key and one set of headers. Waits of others must not learn of it by these polls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SharedJob {
    pub(super) id: JobId,
    /// The key that the key function gave to the waits. `None` where the client has one fixed key.
    pub(super) key: Option<ApiKey>,
    /// The headers of [`InfraiClient::with_options`], sorted by name: they may name a tenant too.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) struct Subscriber {
    pub(super) number: u64,
    /// The subscriber with the lowest turn polls: the oldest one, unless its key function did not answer.
    pub(super) turn: u64,
    pub(super) client: InfraiClient,
    pub(super) context: Option<CallContext>,
    /// What the key function gave at the wait's begin, until its first poll takes it.
    pub(super) key: Option<ApiKey>,
    pub(super) runtime: runtime::Id,
    pub(super) events: mailbox::Sender,
    pub(super) wish: Wish,
}

pub(super) struct Entry {
    pub(super) token: Token,
    pub(super) last: Option<Snapshot>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) poll: Option<PollInFlight>,
}

/// A poll in flight.
pub(super) struct PollInFlight {
    abort: Aborting,
    /// The subscriber whose client and context it has.
    subscriber: u64,
    context: Option<CallContext>,
}

pub(super) struct Driver {
    number: u64,
    runtime: runtime::Id,
    /// When it last considered what to do, or was appointed.
    turned: f64,
    /// None for the moment between its appointment and its start.
    abort: Option<AbortHandle>,
}

pub(super) struct State {
    pub(super) scheduler: Scheduler,
    pub(super) entries: HashMap<SharedJob, Entry>,
    pub(super) by_token: HashMap<Token, SharedJob>,
    pub(super) submitted: HashMap<JobId, (f64, String)>,
    pub(super) submitted_order: VecDeque<JobId>,
    pub(super) driver: Option<Driver>,
    pub(super) waiters: HashMap<runtime::Id, usize>,
    pub(super) numbers: u64,
    /// How many looks have begun.
    pub(super) begun: u64,
}

/// A client's polling: the scheduler, who waits for what, and the task that looks.
pub(crate) struct Hub {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) state: Mutex<State>,
    /// The task has something new to consider.
    pub(super) changed: Notify,
    /// The task is gone, and somebody may have to start it anew.
    pub(super) orphaned: Notify,
    /// Who may cancel now: thousands of waits may end in one moment.
    cancels: Semaphore,
    cancels_begun: AtomicU64,
}

impl Hub {
    pub(crate) fn new(options: PollingOptions, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        let cancels = Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS));
        Arc::new(Self {
            clock,
            state: Mutex::new(State {
                scheduler: Scheduler::new(options, seed),
                entries: HashMap::new(),
                by_token: HashMap::new(),
                submitted: HashMap::new(),
                submitted_order: VecDeque::new(),
                driver: None,
                waiters: HashMap::new(),
                numbers: 0,
                begun: 0,
            }),
            changed: Notify::new(),
            orphaned: Notify::new(),
            cancels,
            cancels_begun: AtomicU64::new(0),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds on the clock that waits go by.
    pub(crate) fn now(&self) -> f64 {
        self.clock.now().as_secs_f64()
    }

    /// A job was submitted by a call that began at `began`.
    pub(crate) fn submitted(&self, job: &VideoJob, began: f64, shape: String) {
        if job.is_terminal() {
            return;
        }
        let time = f64::midpoint(began, self.now());
        let mut state = self.lock();
        if state.submitted.insert(job.job_id.clone(), (time, shape)).is_none() {
            state.submitted_order.push_back(job.job_id.clone());
        }
        if state.submitted_order.len() > REMEMBERED
            && let Some(oldest) = state.submitted_order.pop_front()
        {
            state.submitted.remove(&oldest);
        }
    }

    /// Sleeps until this time on the clock, however often the machine is suspended meanwhile.
    pub(crate) async fn sleep_until(&self, time: f64) {
        loop {
            let left = time - self.now();
            if left <= 0.0 {
                return;
            }
            tokio::time::sleep(Duration::from_secs_f64(left.min(LONGEST_SLEEP))).await;
        }
    }

    /// A place among the cancels that may be under way at once, [`PollingOptions::concurrency`] of them. `None`, a place
    /// beyond those, once nobody got one for longer than a cancel that takes `patience`, and a look after it, may take: those
    /// that hold them are not being run.
    pub(crate) async fn place_to_cancel(&self, patience: Duration) -> Option<SemaphorePermit<'_>> {
        let place = self.cancels.acquire();
        tokio::pin!(place);
        loop {
            let begun = self.cancels_begun.load(Ordering::Relaxed);
            tokio::select! {
                biased;
                place = &mut place => {
                    self.cancels_begun.fetch_add(1, Ordering::Relaxed);
                    return place.ok();
                }
                () = tokio::time::sleep(patience.saturating_mul(3)) => {
                    if self.cancels_begun.load(Ordering::Relaxed) == begun {
                        return None;
                    }
                }
            }
        }
    }

    /// Makes sure that the task runs, here or in another waiter's runtime, and says whether it is in another: that one may
    /// stop being run, and this has to be called again after [`STALLED`] seconds.
    pub(super) fn ensure_driver(self: &Arc<Self>) -> Result<bool> {
        let handle = handle()?;
        let now = self.now();
        let (number, taken_over) = {
            let mut state = self.lock();
            if let Some(driver) = &state.driver {
                if driver.runtime == handle.id() {
                    return Ok(false);
                }
                if now - driver.turned < STALLED {
                    return Ok(true);
                }
            }
            let taken_over = state.dismiss(now);
            if state.entries.is_empty() {
                return Ok(false);
            }
            state.numbers += 1;
            let number = state.numbers;
            state.driver = Some(Driver { number, runtime: handle.id(), turned: now, abort: None });
            (number, taken_over)
        };
        // Not under the lock: a runtime that is being shut down drops the task at once, and the guard in it locks.
        let guard = DriverGuard { hub: Arc::clone(self), number };
        let task = handle.spawn(async move {
            let driving = AssertUnwindSafe(guard.hub.drive(guard.number));
            if driving.catch_unwind().await.is_err() {
                // A successor would panic at the same place, again and again.
                guard.hub.lock().fail_all(&panicked());
            }
        });
        let abort = task.abort_handle();
        if task.now_or_never().is_some_and(|end| end.is_err_and(|error| error.is_cancelled())) {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                "the Tokio runtime that this call was awaited in is shut down",
            )
            .with_hint("Await it inside a runtime that lives at least as long as the call."));
        }
        let mut state = self.lock();
        match state.driver.as_mut().filter(|driver| driver.number == number) {
            Some(driver) => driver.abort = Some(abort),
            // Dismissed meanwhile.
            None => abort.abort(),
        }
        drop(state);
        if taken_over {
            // Those who had the task in their own runtime have to see to it from now on.
            self.orphaned.notify_waiters();
        }
        Ok(false)
    }

    async fn drive(&self, number: u64) {
        let mut looks: FuturesUnordered<Look> = FuturesUnordered::new();
        loop {
            let changed = self.changed.notified();
            let Some(until) = self.begin_looks(number, &looks) else { return };
            let sleep = tokio::time::sleep(Duration::from_secs_f64(until));
            tokio::select! {
                Some(landed) = looks.next() => {
                    // One that was given up brings nothing.
                    if let Some((token, result)) = landed {
                        self.landed(number, token, result);
                    }
                }
                () = sleep => {}
                () = changed => {}
            }
        }
    }

    /// Begins every look whose time has come and says how long to sleep at most; `None` for a task that was dismissed.
    fn begin_looks(&self, number: u64, looks: &FuturesUnordered<Look>) -> Option<f64> {
        let mut state = self.lock();
        let state = &mut *state;
        state.driver.as_mut().filter(|driver| driver.number == number)?.turned = self.now();
        loop {
            let now = self.now();
            match state.scheduler.next(now) {
                Next::Wait => return Some(LONGEST_SLEEP),
                Next::At(time) => return Some((time - now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)),
                Next::Look(token) => {
                    let Some(job) = state.by_token.get(&token).cloned() else { continue };
                    let Some(entry) = state.entries.get_mut(&job) else { continue };
                    for subscriber in &mut entry.subscribers {
                        if subscriber.wish == Wish::Queued {
                            subscriber.wish = Wish::UnderWay;
                        }
                    }
                    state.begun += 1;
                    let oldest = entry.subscribers.iter_mut().min_by_key(|subscriber| subscriber.turn);
                    let Some(Subscriber { number, client, context, key, .. }) = oldest else { continue };
                    let (client, key) = (client.clone(), key.take());
                    let poll = async move {
                        let key = match key {
                            Some(key) => Ok(Some(key)),
                            None => client.wait_key().await.map_err(PollError::KeyFunction),
                        };
                        let polled = match key {
                            Ok(key) => look(&client, &job.id, key).await.map_err(PollError::Call),
                            Err(error) => Err(error),
                        };
                        (token, polled)
                    };
                    let (look, abort) = abortable(scoped(context.clone(), poll));
                    entry.poll = Some(PollInFlight { abort, subscriber: *number, context: context.clone() });
                    looks.push(Box::pin(look.map(Result::ok)));
                }
            }
        }
    }

    /// A look ended: tell the scheduler, and whoever waits for this job.
    fn landed(&self, number: u64, token: Token, result: LookResult) {
        let now = self.now();
        let mut state = self.lock();
        let state = &mut *state;
        if state.driver.as_ref().is_none_or(|driver| driver.number != number) {
            // Dismissed: this look was given up, and another may be under way.
            return;
        }
        let Some(shared) = state.by_token.get(&token).cloned() else { return };
        let Some(entry) = state.entries.get_mut(&shared) else { return };
        let (subscriber, context) = entry.poll.take().map(|poll| (poll.subscriber, poll.context)).unzip();
        let context = context.flatten();
        let looked = match result {
            Ok((job, retry_after)) => {
                let answer = Answer {
                    terminal: job.is_terminal(),
                    success: job.is_success(),
                    progress: job.progress,
                    retry_after: retry_after.map(|time| time.as_secs_f64()),
                };
                state.scheduler.answered(token, now, answer);
                let changed = entry.last.as_ref().is_none_or(|last| !last.is_as(&job));
                if changed || answer.terminal {
                    let snapshot = Snapshot::of(&job);
                    entry.last = Some(snapshot.clone());
                    entry.tell(&Event::Seen(job, snapshot));
                }
                if answer.terminal {
                    state.forget(&shared);
                    return;
                }
                None
            }
            Err(PollError::KeyFunction(error)) => {
                state.scheduler.failed(token, now, None, false);
                state.key_function_failed(&shared, subscriber.unwrap_or_default(), error);
                return;
            }
            Err(PollError::Call(error)) if passes(&error, entry.last.is_some()) => {
                sync_scoped(context, || {
                    let job = entry.shown(&shared.id);
                    let (error, job) = (Escaped(&error), Escaped(&job));
                    tracing::debug!(%error, %job, "a look at a job failed; it goes on");
                });
                let too_many = error.kind() == ErrorKind::RateLimit;
                let retry_after = error.retry_after().map(|time| time.as_secs_f64());
                state.scheduler.failed(token, now, retry_after, too_many);
                Some(error)
            }
            Err(PollError::Call(error)) => {
                entry.tell(&Event::Failed(error));
                state.forget(&shared);
                return;
            }
        };
        for subscriber in &mut entry.subscribers {
            if subscriber.wish == Wish::UnderWay {
                subscriber.wish = Wish::None;
                subscriber.events.send(Event::Looked(looked.clone()));
            }
        }
    }
}

/// Whether a look that failed says nothing of the next one: the API failed, not the question. A code that no call
/// repeats, such as `UNKNOWN_ERROR`, ends a call, but must not end a wait of half an hour. Of a job that was `seen` once it
/// is known that the API is right, so a stranger's answer (a hotel's login page) passes too.
fn passes(error: &InfraiError, seen: bool) -> bool {
    error.is_retryable()
        || error.status().is_some_and(|status| status >= 500)
        || (seen && matches!(error.kind(), ErrorKind::UnexpectedResponse | ErrorKind::Connection))
}

/// Why a poll brought no job.
enum PollError {
    /// The key function of the subscriber whose context the poll had.
    KeyFunction(InfraiError),
    Call(InfraiError),
}

type LookResult = Result<(Arc<VideoJob>, Option<Duration>), PollError>;
type Look = BoxFuture<'static, Option<(Token, LookResult)>>;

impl Entry {
    /// Returns a job's id as the log may show it.
    fn shown(&self, id: &JobId) -> String {
        let redactor = self.subscribers.first().map(|subscriber| subscriber.client.redactor());
        redactor.unwrap_or_default().text(id.as_str())
    }

    fn tell(&self, event: &Event) {
        for subscriber in &self.subscribers {
            subscriber.events.send(event.clone());
        }
    }

    /// Ends the poll in flight. Returns whether a subscriber asked for it, and so gets another.
    fn abandon_poll(&mut self) -> bool {
        if let Some(poll) = self.poll.take() {
            poll.abort.abort();
        }
        let mut asked = false;
        for subscriber in &mut self.subscribers {
            if subscriber.wish == Wish::UnderWay {
                subscriber.wish = Wish::Queued;
                asked = true;
            }
        }
        asked
    }
}

impl State {
    /// The job has ended, or nobody waits for it any more.
    fn forget(&mut self, job: &SharedJob) {
        for subscriber in self.take_out(job) {
            self.left(subscriber.runtime);
        }
        if self.submitted.remove(&job.id).is_some()
            && self.submitted_order.len() > 2 * self.submitted.len() + 16
        {
            let submitted = &self.submitted;
            self.submitted_order.retain(|id| submitted.contains_key(id));
        }
    }

    /// Nobody is told of this job any more: a look at it that is under way ends.
    pub(super) fn take_out(&mut self, job: &SharedJob) -> Vec<Subscriber> {
        let Some(entry) = self.entries.remove(job) else { return Vec::new() };
        if let Some(poll) = entry.poll {
            poll.abort.abort();
        }
        self.scheduler.remove(entry.token);
        self.by_token.remove(&entry.token);
        entry.subscribers
    }

    fn fail_all(&mut self, error: &InfraiError) {
        for job in self.entries.keys().cloned().collect::<Vec<_>>() {
            if let Some(entry) = self.entries.get(&job) {
                entry.tell(&Event::Failed(error.clone()));
            }
            self.forget(&job);
        }
    }

    pub(super) fn left(&mut self, runtime: runtime::Id) {
        if let Some(count) = self.waiters.get_mut(&runtime) {
            *count -= 1;
            if *count == 0 {
                self.waiters.remove(&runtime);
            }
        }
    }

    /// Dismisses the task when nobody waits in its runtime, which may never run again; says whether others still wait.
    pub(super) fn stop_if_unneeded(&mut self, now: f64) -> bool {
        let unneeded = |driver: &Driver| !self.waiters.contains_key(&driver.runtime);
        if !self.driver.as_ref().is_some_and(unneeded) {
            return false;
        }
        self.dismiss(now);
        !self.waiters.is_empty()
    }

    /// Dismisses the task; says whether there was one.
    fn dismiss(&mut self, now: f64) -> bool {
        let Some(driver) = self.driver.take() else { return false };
        if let Some(abort) = driver.abort {
            abort.abort();
        }
        self.abandon_looks(now);
        true
    }

    /// The looks under way are given up: whoever asked for one gets another.
    fn abandon_looks(&mut self, now: f64) {
        self.scheduler.abandon_all(now);
        for entry in self.entries.values_mut() {
            if entry.abandon_poll() {
                self.scheduler.hurry(entry.token);
            }
        }
    }

    /// A key function raised, or did not answer in time, in this subscriber's context. What it raised ends this wait
    /// alone. Where it did not answer, its thread or loop may be busy: the next oldest wait polls meanwhile.
    fn key_function_failed(&mut self, job: &SharedJob, number: u64, error: InfraiError) {
        let Some(entry) = self.entries.get_mut(job) else { return };
        entry.abandon_poll();
        let Some(at) = entry.subscribers.iter().position(|subscriber| subscriber.number == number) else {
            return;
        };
        if error.is_timeout() {
            self.numbers += 1;
            let subscriber = &mut entry.subscribers[at];
            subscriber.turn = self.numbers;
            if std::mem::replace(&mut subscriber.wish, Wish::None) != Wish::None {
                subscriber.events.send(Event::Looked(Some(error)));
            }
        } else {
            let failed = entry.subscribers.remove(at);
            failed.events.send(Event::Failed(error));
            self.left(failed.runtime);
        }
        let Some(entry) = self.entries.get(job) else { return };
        if entry.subscribers.is_empty() {
            self.forget(job);
        } else if entry.subscribers.iter().any(|subscriber| subscriber.wish == Wish::Queued) {
            self.scheduler.hurry(entry.token);
        }
    }

    /// A subscriber has gone. A poll in its context ends with it, as a callback there would never be answered; the next
    /// oldest wait polls instead. Returns whether there was one.
    pub(super) fn hand_over_poll(&mut self, job: &SharedJob, gone: u64, now: f64) -> bool {
        let Some(entry) = self.entries.get_mut(job) else { return false };
        let in_its_context = |poll: &PollInFlight| poll.subscriber == gone && poll.context.is_some();
        if !entry.poll.as_ref().is_some_and(in_its_context) {
            return false;
        }
        let token = entry.token;
        let asked = entry.abandon_poll();
        self.scheduler.abandon(token, now);
        if asked {
            self.scheduler.hurry(token);
        }
        true
    }
}

fn panicked() -> InfraiError {
    InfraiError::internal("the looking at jobs ended in a panic").with_hint(
        "Read the panic's own message: a hook (on_request, on_response) may be its cause. The jobs go on.",
    )
}

/// Gives the looks back and calls for a successor when the task ends, however it ends.
struct DriverGuard {
    hub: Arc<Hub>,
    number: u64,
}

impl Drop for DriverGuard {
    fn drop(&mut self) {
        let now = self.hub.now();
        let mut state = self.hub.lock();
        if state.driver.as_ref().is_some_and(|driver| driver.number == self.number) {
            state.driver = None;
            state.abandon_looks(now);
        }
        drop(state);
        self.hub.orphaned.notify_waiters();
    }
}
