//! Runs the scheduler while somebody waits: one task, one look at a job for all who wait for it, nothing left behind.
//!
//! The task lives in the runtime of one of the waiters. It is aborted, its looks with it, when the last waiter goes; when
//! only waiters of another runtime are left, one of them starts it anew there.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_channel::mpsc;
use futures_util::{
    FutureExt as _,
    future::{AbortHandle as Aborting, abortable},
    stream::{FuturesUnordered, StreamExt as _},
};
use tokio::{runtime, sync::Notify, task::AbortHandle};

use super::{Answer, Clock, Next, PollingOptions, Scheduler, Token, subscription::handle};
use crate::{
    client::{InfraiClient, transport::Boxed},
    error::{ErrorKind, InfraiError, Result},
    video::{JobId, Kept, VideoJob, look},
};

/// How many submitted jobs are remembered for when they will be waited for.
const REMEMBERED: usize = 20_000;
/// No timer is set further ahead than this: a suspended machine's timers stand still, its clock does not.
const LONGEST_SLEEP: f64 = 5.0;

/// Nor for less than a timer can do: a moment so near that it rounds to nothing would be slept for again and again.
const SHORTEST_SLEEP: f64 = 0.001;

/// What a waiter is told.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The job's first state, or a change of it; and what to keep of it.
    Seen(Arc<VideoJob>, Kept),
    /// The look that this waiter asked for ended; the job is as it was, or could not be seen.
    Looked(Option<InfraiError>),
    /// The job cannot be looked at: the end.
    Failed(InfraiError),
}

pub(super) struct Subscriber {
    pub(super) number: u64,
    pub(super) runtime: runtime::Id,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) wants_look: bool,
}

pub(super) struct Entry {
    pub(super) token: Token,
    pub(super) client: InfraiClient,
    pub(super) last: Option<Kept>,
    pub(super) subscribers: Vec<Subscriber>,
    /// Whether the look under way began after a waiter asked for one.
    pub(super) look_answers: bool,
    /// Ends the look under way.
    pub(super) look: Option<Aborting>,
}

pub(super) struct Driver {
    number: u64,
    runtime: runtime::Id,
    /// None for the moment between its appointment and its start.
    abort: Option<AbortHandle>,
}

pub(super) struct State {
    pub(super) scheduler: Scheduler,
    pub(super) entries: HashMap<JobId, Entry>,
    pub(super) by_token: HashMap<Token, JobId>,
    pub(super) submitted: HashMap<JobId, (f64, String)>,
    pub(super) submitted_order: VecDeque<JobId>,
    pub(super) driver: Option<Driver>,
    pub(super) waiters: HashMap<runtime::Id, usize>,
    pub(super) numbers: u64,
}

/// A client's polling: the scheduler, who waits for what, and the task that looks.
pub(crate) struct Hub {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) state: Mutex<State>,
    /// The task has something new to consider.
    pub(super) changed: Notify,
    /// The task is gone, and somebody may have to start it anew.
    pub(super) orphaned: Notify,
}

impl Hub {
    pub(crate) fn new(options: PollingOptions, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
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
            }),
            changed: Notify::new(),
            orphaned: Notify::new(),
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

    /// Makes sure that the task runs, here or in another waiter's runtime.
    pub(super) fn ensure_driver(self: &Arc<Self>) -> Result<()> {
        let handle = handle()?;
        let number = {
            let mut state = self.lock();
            if state.driver.is_some() || state.entries.is_empty() {
                return Ok(());
            }
            state.numbers += 1;
            let number = state.numbers;
            state.driver = Some(Driver { number, runtime: handle.id(), abort: None });
            number
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
        Ok(())
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
                        self.landed(token, result);
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
        if state.driver.as_ref().is_none_or(|driver| driver.number != number) {
            return None;
        }
        loop {
            let now = self.now();
            match state.scheduler.next(now) {
                Next::Wait => return Some(LONGEST_SLEEP),
                Next::At(time) => return Some((time - now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)),
                Next::Look(token) => {
                    let Some(id) = state.by_token.get(&token).cloned() else { continue };
                    let Some(entry) = state.entries.get_mut(&id) else { continue };
                    entry.look_answers = entry.subscribers.iter().any(|subscriber| subscriber.wants_look);
                    let client = entry.client.clone();
                    let (look, aborting) = abortable(async move { (token, look(&client, &id).await) });
                    entry.look = Some(aborting);
                    looks.push(Box::pin(look.map(Result::ok)));
                }
            }
        }
    }

    /// A look ended: tell the scheduler, and whoever waits for this job.
    fn landed(&self, token: Token, result: LookResult) {
        let now = self.now();
        let mut state = self.lock();
        let state = &mut *state;
        let Some(id) = state.by_token.get(&token).cloned() else { return };
        let Some(entry) = state.entries.get_mut(&id) else { return };
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
                    let kept = Kept::of(&job);
                    entry.last = Some(kept.clone());
                    entry.tell(&Event::Seen(job, kept));
                }
                if answer.terminal {
                    state.forget(&id);
                    return;
                }
                None
            }
            Err(error) if passes(&error, entry.last.is_some()) => {
                tracing::debug!(%error, job = %id, "a look at a job failed; it goes on");
                let too_many = error.kind() == ErrorKind::RateLimit;
                let retry_after = error.retry_after().map(|time| time.as_secs_f64());
                state.scheduler.failed(token, now, retry_after, too_many);
                Some(error)
            }
            Err(error) => {
                entry.tell(&Event::Failed(error));
                state.forget(&id);
                return;
            }
        };
        if entry.look_answers {
            for subscriber in entry.subscribers.iter_mut().filter(|subscriber| subscriber.wants_look) {
                subscriber.wants_look = false;
                // A waiter that is gone is taken out by its own drop.
                let _ = subscriber.events.unbounded_send(Event::Looked(looked.clone()));
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

type LookResult = Result<(Arc<VideoJob>, Option<Duration>)>;
type Look = Boxed<'static, Option<(Token, LookResult)>>;

impl Entry {
    fn tell(&self, event: &Event) {
        for subscriber in &self.subscribers {
            // A waiter that is gone is taken out by its own drop.
            let _ = subscriber.events.unbounded_send(event.clone());
        }
    }
}

impl State {
    /// The job has ended, or nobody waits for it any more.
    fn forget(&mut self, id: &JobId) {
        for subscriber in self.take_out(id) {
            self.left(subscriber.runtime);
        }
        if self.submitted.remove(id).is_some() && self.submitted_order.len() > 2 * self.submitted.len() + 16 {
            let submitted = &self.submitted;
            self.submitted_order.retain(|id| submitted.contains_key(id));
        }
    }

    /// Nobody is told of this job any more: a look at it that is under way ends.
    pub(super) fn take_out(&mut self, id: &JobId) -> Vec<Subscriber> {
        let Some(entry) = self.entries.remove(id) else { return Vec::new() };
        if let Some(look) = entry.look {
            look.abort();
        }
        self.scheduler.remove(entry.token);
        self.by_token.remove(&entry.token);
        entry.subscribers
    }

    fn fail_all(&mut self, error: &InfraiError) {
        for id in self.entries.keys().cloned().collect::<Vec<_>>() {
            if let Some(entry) = self.entries.get(&id) {
                entry.tell(&Event::Failed(error.clone()));
            }
            self.forget(&id);
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
        let unneeded = |driver: &mut Driver| !self.waiters.contains_key(&driver.runtime);
        let Some(driver) = self.driver.take_if(unneeded) else { return false };
        if let Some(abort) = driver.abort {
            abort.abort();
        }
        self.scheduler.abandon_all(now);
        !self.waiters.is_empty()
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
            state.scheduler.abandon_all(now);
        }
        drop(state);
        self.hub.orphaned.notify_waiters();
    }
}
