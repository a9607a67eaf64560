//! Poller: one task per client that polls each job once for all of its subscribers.
//!
//! The task runs in the runtime of one of the subscribers. It ends with the last subscriber, and its polls end with it.
//! When only subscribers of another runtime are left, or its runtime does not run, one of them starts it anew there.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::abortable,
    stream::{FuturesUnordered, StreamExt as _},
};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::{
    clock::Clock,
    scheduler::{Action, JobKey, PollResult, Scheduler},
    source::{PollError, PollEvent, PollSource, PollState as _, Polled},
    state::{PollInFlight, PollRequest, PollTask, State, Subscriber},
};
use crate::{
    context::{scoped, sync_scoped},
    error::{ErrorKind, InfraiError, Result},
    options::PollingOptions,
    runtime::{self, BoxFuture},
    text::Escaped,
};

/// Longest timer, in seconds: the timers of a suspended machine stand still, while its clock does not.
const MAX_SLEEP: f64 = 5.0;
/// Shortest timer, in seconds: a shorter one rounds to nothing and would be set again and again.
const MIN_SLEEP: f64 = 0.001;
/// Number of doubtful responses in a row that end the waits of a job.
pub(crate) const MAX_DOUBTFUL: u32 = 3;
/// Seconds without activity after which the task counts as lost, because its runtime does not run.
pub(super) const STALL_TIMEOUT: f64 = 2.0 * MAX_SLEEP;

/// Polls the jobs of a client's waits.
pub(crate) struct Poller<S: PollSource> {
    clock: Arc<dyn Clock>,
    state: Mutex<State<S>>,
    /// Notifies the task of a change of the state.
    pub(super) changed: Notify,
    /// Notifies the subscribers that the task has ended, so that one of them starts it anew.
    pub(super) orphaned: Notify,
    /// Limits the cancels in flight, as thousands of waits may end at once.
    cancels: Semaphore,
    cancels_begun: AtomicU64,
}

type PollOutput<S> = Result<Polled<<S as PollSource>::State>, PollError>;
type PollFuture<S> = BoxFuture<'static, Option<(JobKey, PollOutput<S>)>>;

impl<S: PollSource> Poller<S> {
    /// Returns a poller without jobs. `seed` is for the jitter.
    pub(crate) fn new(options: PollingOptions, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        let cancels = Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS));
        Arc::new(Self {
            clock,
            state: Mutex::new(State::new(Scheduler::new(options, seed))),
            changed: Notify::new(),
            orphaned: Notify::new(),
            cancels,
            cancels_begun: AtomicU64::new(0),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time on the clock of the waits, in seconds.
    pub(crate) fn now(&self) -> f64 {
        self.clock.now().as_secs_f64()
    }

    /// Records that a job of this class was submitted by a call that began at `began` and has just returned.
    pub(crate) fn record_submission(&self, id: S::Id, began: f64, class: String) {
        let time = f64::midpoint(began, self.now());
        self.lock().record_submission(id, time, class);
    }

    /// Sleeps until this time on the clock, however often the machine is suspended meanwhile.
    pub(crate) async fn sleep_until(&self, time: f64) {
        loop {
            let left = time - self.now();
            if left <= 0.0 {
                return;
            }
            runtime::sleep(Duration::from_secs_f64(left.clamp(MIN_SLEEP, MAX_SLEEP))).await;
        }
    }

    /// Waits for one of the [`PollingOptions::concurrency`] permits to cancel, where `timeout` is the time that a cancel may
    /// take. Returns `None` once no permit became free for three times as long: the holders do not run, and the caller
    /// cancels without a permit.
    pub(crate) async fn acquire_cancel_permit(&self, timeout: Duration) -> Option<SemaphorePermit<'_>> {
        let permit = self.cancels.acquire();
        tokio::pin!(permit);
        loop {
            let begun = self.cancels_begun.load(Ordering::Relaxed);
            tokio::select! {
                biased;
                permit = &mut permit => {
                    self.cancels_begun.fetch_add(1, Ordering::Relaxed);
                    return permit.ok();
                }
                () = runtime::sleep(timeout.saturating_mul(3)) => {
                    if self.cancels_begun.load(Ordering::Relaxed) == begun {
                        return None;
                    }
                }
            }
        }
    }

    /// Makes sure that the task runs. Returns whether it runs in another subscriber's runtime: that one may stop, so
    /// the caller has to call again after [`STALL_TIMEOUT`] seconds.
    pub(super) fn ensure_task(self: &Arc<Self>) -> Result<bool> {
        let handle = runtime::current()?;
        let now = self.now();
        let (number, taken_over) = {
            let mut state = self.lock();
            if let Some(task) = &state.task {
                if task.runtime == handle.id() {
                    return Ok(false);
                }
                if now - task.last_active < STALL_TIMEOUT {
                    return Ok(true);
                }
            }
            let taken_over = state.retire_task(now);
            if state.entries.is_empty() {
                return Ok(false);
            }
            let number = state.next_number();
            state.task = Some(PollTask { number, runtime: handle.id(), last_active: now, abort: None });
            (number, taken_over)
        };
        // Without the lock: a runtime that is shutting down drops the task at once, and the task's guard takes the lock.
        let guard = TaskGuard { poller: Arc::clone(self), number };
        let task = async move {
            let run = AssertUnwindSafe(guard.poller.run(guard.number));
            if run.catch_unwind().await.is_err() {
                // A new task would panic at the same place, again and again.
                guard.poller.lock().fail_all(&panic_error());
            }
        };
        let Some(abort) = runtime::spawn(&handle, task) else {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                "the Tokio runtime that this call was awaited in is shut down",
            )
            .with_hint("Await it inside a runtime that lives at least as long as the call."));
        };
        let mut state = self.lock();
        match state.task.as_mut().filter(|task| task.number == number) {
            Some(task) => task.abort = Some(abort),
            // The task has been retired meanwhile.
            None => abort.abort(),
        }
        drop(state);
        if taken_over {
            // Subscribers whose runtime had the task must check from now on that it runs.
            self.orphaned.notify_waiters();
        }
        Ok(false)
    }

    async fn run(&self, number: u64) {
        let mut polls: FuturesUnordered<PollFuture<S>> = FuturesUnordered::new();
        loop {
            let changed = self.changed.notified();
            let Some(timeout) = self.start_due_polls(number, &polls) else { return };
            let sleep = runtime::sleep(Duration::from_secs_f64(timeout));
            tokio::select! {
                Some(finished) = polls.next() => {
                    // A cancelled poll has no output.
                    if let Some((key, output)) = finished {
                        self.on_poll_result(number, key, output);
                    }
                }
                () = sleep => {}
                () = changed => {}
            }
        }
    }

    /// Starts every poll that is due. Returns the seconds until the next may be due; `None` for a retired task.
    fn start_due_polls(&self, number: u64, polls: &FuturesUnordered<PollFuture<S>>) -> Option<f64> {
        let mut state = self.lock();
        let state = &mut *state;
        state.task.as_mut().filter(|task| task.number == number)?.last_active = self.now();
        loop {
            let now = self.now();
            match state.scheduler.next(now) {
                Action::Idle => return Some(MAX_SLEEP),
                Action::SleepUntil(time) => return Some((time - now).clamp(MIN_SLEEP, MAX_SLEEP)),
                Action::Poll(key) => {
                    let Some(entry) = state.by_key.get(&key).and_then(|job| state.entries.get_mut(job))
                    else {
                        continue;
                    };
                    for subscriber in &mut entry.subscribers {
                        if subscriber.request == PollRequest::Queued {
                            subscriber.request = PollRequest::InFlight;
                        }
                    }
                    state.polls_begun += 1;
                    let oldest = entry.subscribers.iter_mut().min_by_key(|subscriber| subscriber.turn);
                    let Some(Subscriber { number, source, context, .. }) = oldest else { continue };
                    let (poll, abort) = abortable(scoped(context.clone(), source.poll()));
                    entry.poll = Some(PollInFlight { abort, subscriber: *number, context: context.clone() });
                    polls.push(Box::pin(poll.map(move |output| Some((key, output.ok()?)))));
                }
            }
        }
    }

    /// Passes a poll's result to the scheduler and to the job's subscribers.
    fn on_poll_result(&self, number: u64, key: JobKey, output: PollOutput<S>) {
        let now = self.now();
        let mut state = self.lock();
        let state = &mut *state;
        if state.task.as_ref().is_none_or(|task| task.number != number) {
            // The task is retired: its polls were cancelled, and others may be in flight.
            return;
        }
        let Some(job) = state.by_key.get(&key).cloned() else { return };
        let submitted = state.has_submitted(&job.id);
        let Some(entry) = state.entries.get_mut(&job) else { return };
        let (subscriber, context) = entry.poll.take().map(|poll| (poll.subscriber, poll.context)).unzip();
        let context = context.flatten();
        let verdict = match &output {
            Err(PollError::Request(error)) => Verdict::of(error, submitted || entry.last.is_some()),
            Err(PollError::Mismatch(_)) => Verdict::Doubtful,
            _ => Verdict::Transient,
        };
        let finished = match output {
            Ok(Polled { state: job_state, retry_after }) => {
                let result = PollResult {
                    terminal: job_state.is_terminal(),
                    success: job_state.is_success(),
                    progress: job_state.progress(),
                    retry_after: retry_after.map(|time| time.as_secs_f64()),
                };
                state.scheduler.on_result(key, now, result);
                entry.doubtful = 0;
                let changed = entry.last.as_ref().is_none_or(|last| !job_state.matches(last));
                if changed || result.terminal {
                    let compact = job_state.compact();
                    entry.last = Some(compact.clone());
                    entry.notify(&PollEvent::Updated(job_state, compact));
                }
                if result.terminal {
                    state.evict(&job);
                    return;
                }
                None
            }
            Err(PollError::Subscriber(error)) => {
                state.scheduler.on_error(key, now, None, false);
                state.on_subscriber_error(&job, subscriber.unwrap_or_default(), error);
                return;
            }
            Err(PollError::Request(error) | PollError::Mismatch(error)) => {
                entry.doubtful = if verdict == Verdict::Doubtful { entry.doubtful + 1 } else { 0 };
                if verdict == Verdict::Definite || entry.doubtful == MAX_DOUBTFUL {
                    entry.notify(&PollEvent::Failed(error));
                    state.evict(&job);
                    return;
                }
                sync_scoped(context, || {
                    let job = entry.display_id();
                    let (error, job) = (Escaped(&error), Escaped(&job));
                    tracing::debug!(%error, %job, "poll failed; polling continues");
                });
                let too_many = error.kind() == ErrorKind::RateLimit;
                let retry_after = error.retry_after().map(|time| time.as_secs_f64());
                state.scheduler.on_error(key, now, retry_after, too_many);
                Some(error)
            }
        };
        for subscriber in &mut entry.subscribers {
            if subscriber.request == PollRequest::InFlight {
                subscriber.request = PollRequest::Idle;
                subscriber.events.send(PollEvent::PollFinished(finished.clone()));
            }
        }
    }
}

/// Meaning of a failed poll for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It says nothing about the next one.
    Transient,
    /// It ends the waits if it repeats [`MAX_DOUBTFUL`] times in a row.
    Doubtful,
    /// It ends the waits.
    Definite,
}

impl Verdict {
    /// Returns the meaning of a failed request. `known` says that this client submitted the resource or has seen a state
    /// of it, so that the id and the address are right.
    ///
    /// A failure of the API is transient even if no call retries its code, such as `UNKNOWN_ERROR`. A page that is not the
    /// API's is transient too. A refusal is definite only in the API's envelope, because a firewall or a gateway answers
    /// 403 and 404 without one while the job continues.
    fn of(error: &InfraiError, known: bool) -> Self {
        let refused = |status: u16| (300..500).contains(&status) && !error.is_enveloped();
        if error.is_retryable() || error.status().is_some_and(|status| status >= 500) {
            Self::Transient
        } else if error.status().is_some_and(refused) {
            if known { Self::Transient } else { Self::Doubtful }
        } else if error.kind() == ErrorKind::UnexpectedResponse
            || (known && error.kind() == ErrorKind::Connection)
        {
            Self::Transient
        } else {
            Self::Definite
        }
    }
}

fn panic_error() -> InfraiError {
    InfraiError::internal("the poller panicked").with_hint(
        "Read the panic's own message: a hook (`on_request`, `on_response`) may be its cause. The jobs go on.",
    )
}

/// Requeues the polls and asks for a new task when this one ends, even by a panic.
struct TaskGuard<S: PollSource> {
    poller: Arc<Poller<S>>,
    number: u64,
}

impl<S: PollSource> Drop for TaskGuard<S> {
    fn drop(&mut self) {
        let now = self.poller.now();
        let mut state = self.poller.lock();
        if state.task.as_ref().is_some_and(|task| task.number == self.number) {
            state.task = None;
            state.cancel_polls(now);
        }
        drop(state);
        self.poller.orphaned.notify_waiters();
    }
}
