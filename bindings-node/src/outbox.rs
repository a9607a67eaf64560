//! What tasks tell JavaScript: outcomes gather here, and one threadsafe function an environment wakes it for all of them.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use infrai::{ApiKey, CallContext, InfraiError};
use napi::{
    Status,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue},
};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, yield_now},
};

use crate::{bridge::Batch, client::Told, guard::guarded_async, runtime};

/// The function that JavaScript gets its events with. It keeps no process alive by itself.
pub(crate) type Wake = ThreadsafeFunction<(), UnknownReturnValue, Batch, Status, false, true, 0>;

/// What an event is about; `ts/native.ts` has the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A call's value, its last word.
    Value = 0,
    /// A call's error, its last word.
    Error = 1,
    /// A stream of jobs or bytes has no more: the last word of the call that asked.
    End = 2,
    /// A wait saw its job change.
    Update = 3,
    /// A download got on.
    Progress = 4,
    /// An attempt is about to be sent.
    Request = 5,
    /// An attempt was answered, or failed.
    Response = 6,
    /// The key function is called; the payload is the number of the request for a key.
    Key = 7,
    /// An aborted call, or a stream, has ended: no callback of it follows.
    Gone = 8,
}

impl Topic {
    /// Whether nothing more comes of a call after it.
    fn is_last(self) -> bool {
        matches!(self, Self::Value | Self::Error | Self::End)
    }
}

/// What an event carries.
#[derive(Debug)]
pub(crate) enum Payload {
    Nothing,
    Json(String),
    Bytes(Bytes),
}

/// Something for JavaScript: for which call or stream, about what, and what.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) number: u32,
    pub(crate) topic: Topic,
    pub(crate) payload: Payload,
}

/// A call under way, and how it ends early.
enum Running {
    /// A task; the sender is a wait's that cancels its job first.
    Task(AbortHandle, Option<oneshot::Sender<()>>),
    /// On a thread of its own: ends when this is dropped.
    Thread(#[expect(dead_code, reason = "held to be dropped")] oneshot::Sender<()>),
}

impl Running {
    fn end(self) {
        match self {
            Self::Task(abort, _) => abort.abort(),
            Self::Thread(_) => {}
        }
    }
}

/// A call, or a stream, in whose async context JavaScript runs the client's functions.
struct Call {
    number: u32,
    outbox: Weak<Outbox>,
    /// Its last event was posted.
    ended: AtomicBool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if *self.ended.get_mut() {
            return;
        }
        if let Some(outbox) = self.outbox.upgrade() {
            outbox.post(Event { number: self.number, topic: Topic::Gone, payload: Payload::Nothing });
        }
    }
}

/// The number of the call or stream that the core works for here.
pub(crate) fn current_call() -> Option<u32> {
    CallContext::current()?.downcast_ref::<Call>().map(|call| call.number)
}

/// Runs a call's work in its context, if it has one.
async fn in_context<T>(context: Option<&CallContext>, work: impl Future<Output = T>) -> T {
    match context {
        Some(context) => context.clone().scope(work).await,
        None => work.await,
    }
}

/// What JavaScript answers a request for a key with.
pub(crate) type KeyAnswer = Result<ApiKey, InfraiError>;

/// A request for a key, withdrawn by its drop.
pub(crate) struct KeyRequest {
    outbox: Weak<Outbox>,
    number: u32,
    answer: oneshot::Receiver<KeyAnswer>,
}

impl KeyRequest {
    /// Waits for the answer; `None` where the environment ended.
    pub(crate) async fn answer(mut self) -> Option<KeyAnswer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for KeyRequest {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox.upgrade() {
            lock(&outbox.key_requests).remove(&self.number);
        }
    }
}

/// An environment's outbox.
#[derive(Default)]
pub(crate) struct Outbox {
    events: Mutex<Vec<Event>>,
    /// Touched on the environment's own thread alone, which never waits for it.
    running: Mutex<HashMap<u32, Running>>,
    key_requests: Mutex<HashMap<u32, oneshot::Sender<KeyAnswer>>>,
    next_key_request: AtomicU32,
    wake: OnceLock<Wake>,
    /// How many tasks are under way.
    under_way: Arc<AtomicUsize>,
    closed: AtomicBool,
}

/// Wakes JavaScript when it is dropped, so that a task that is aborted wakes it too: others rely on it.
struct WakeUp<'a>(&'a Outbox);

impl Drop for WakeUp<'_> {
    fn drop(&mut self) {
        if let Some(wake) = self.0.wake.get() {
            // An environment that is closing takes nothing any more, and nobody is left to tell.
            let _ = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// One of the tasks under way, while this lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn new(tasks: &Arc<AtomicUsize>) -> Self {
        tasks.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(tasks))
    }

    /// Ends it and says whether there are others.
    fn end(self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call's last event. A stream's context goes on after the end of a read.
fn last_event(number: u32, context: Option<&CallContext>, outcome: Told) -> Event {
    if let Some(call) = context.and_then(CallContext::downcast_ref::<Call>)
        && call.number == number
    {
        call.ended.store(true, Ordering::Release);
    }
    let (topic, payload) = match outcome {
        Ok(told) => told,
        Err(error) => (Topic::Error, Payload::Json(crate::bridge::error_json(&error))),
    };
    Event { number, topic, payload }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbox {
    pub(crate) fn connect(&self, wake: Wake) {
        // Set once, right after it is made.
        let _ = self.wake.set(wake);
    }

    pub(crate) fn wake(&self) -> Option<&Wake> {
        self.wake.get()
    }

    /// Leaves an event and wakes JavaScript, unless earlier events have done so.
    pub(crate) fn post(&self, event: Event) {
        drop(self.leave(event));
    }

    /// Leaves an event. Where it is the first since JavaScript looked, dropping what this returns wakes it.
    fn leave(&self, event: Event) -> Option<WakeUp<'_>> {
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        let mut events = lock(&self.events);
        events.push(event);
        (events.len() == 1).then(|| WakeUp(self))
    }

    /// Everything that has gathered; the calls whose last word is among it are under way no more.
    pub(crate) fn take(&self) -> Vec<Event> {
        let events = std::mem::take(&mut *lock(&self.events));
        let mut running = lock(&self.running);
        for event in events.iter().filter(|event| event.topic.is_last()) {
            running.remove(&event.number);
        }
        events
    }

    /// The context of the call or stream of this number.
    pub(crate) fn context(self: &Arc<Self>, number: u32) -> CallContext {
        CallContext::new(Call { number, outbox: Arc::downgrade(self), ended: AtomicBool::new(false) })
    }

    /// Makes a call a task; its outcome is its last event.
    pub(crate) fn run(
        self: &Arc<Self>,
        number: u32,
        politely: Option<oneshot::Sender<()>>,
        context: Option<CallContext>,
        work: impl Future<Output = Told> + Send + 'static,
    ) -> Result<(), InfraiError> {
        let runtime = runtime::handle()?;
        let outbox = Arc::clone(self);
        let under_way = UnderWay::new(&self.under_way);
        let task = runtime.spawn(async move {
            let outcome = in_context(context.as_ref(), guarded_async(work)).await;
            let event = last_event(number, context.as_ref(), outcome);
            let others = under_way.end();
            let wake_up = outbox.leave(event);
            if wake_up.is_some() && others {
                // Answers to the others that have come too are handed over with this one, after a turn of the runtime.
                yield_now().await;
            }
        });
        lock(&self.running).insert(number, Running::Task(task.abort_handle(), politely));
        Ok(())
    }

    /// The same on a thread of its own, for what waits for the disk; it begins once there is a place for it.
    pub(crate) fn run_apart(
        self: &Arc<Self>,
        number: u32,
        context: Option<CallContext>,
        work: impl Future<Output = Told> + Send + 'static,
    ) -> Result<(), InfraiError> {
        let runtime = runtime::handle()?;
        let outbox = Arc::clone(self);
        let (sender, mut ended) = oneshot::channel::<()>();
        lock(&self.running).insert(number, Running::Thread(sender));
        runtime.spawn(async move {
            let place = tokio::select! {
                biased;
                _ = &mut ended => return,
                place = runtime::PLACES.acquire() => place,
            };
            runtime.spawn_blocking(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        biased;
                        _ = ended => {}
                        outcome = in_context(context.as_ref(), guarded_async(work)) => {
                            outbox.post(last_event(number, context.as_ref(), outcome));
                        }
                    }
                });
                drop(place);
            });
        });
        Ok(())
    }

    /// Ends a call without an outcome. `politely`: a wait that is to cancel its job does that and then tells its outcome.
    pub(crate) fn abort(&self, number: u32, politely: bool) {
        let mut running = lock(&self.running);
        if politely
            && let Some(Running::Task(_, sender)) = running.get_mut(&number)
            && let Some(sender) = sender.take()
        {
            let _ = sender.send(());
            return;
        }
        if let Some(call) = running.remove(&number) {
            call.end();
        }
    }

    /// Has the key function of a call's client called, in the call's async context.
    pub(crate) fn request_key(self: &Arc<Self>, call: u32) -> KeyRequest {
        let (sender, answer) = oneshot::channel();
        let number = self.next_key_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.key_requests).insert(number, sender);
        self.post(Event { number: call, topic: Topic::Key, payload: Payload::Json(number.to_string()) });
        KeyRequest { outbox: Arc::downgrade(self), number, answer }
    }

    /// Answers a request for a key.
    pub(crate) fn answer_key(&self, request: u32, answer: KeyAnswer) {
        if let Some(sender) = lock(&self.key_requests).remove(&request) {
            // Whoever asked may have given up.
            let _ = sender.send(answer);
        }
    }

    /// Ends everything: the environment is going.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for (_, call) in lock(&self.running).drain() {
            call.end();
        }
        lock(&self.key_requests).clear();
        lock(&self.events).clear();
    }
}
