//! Event queue: the events of calls, on their way to JavaScript through one threadsafe function per environment.
#![expect(unsafe_code, reason = "Node-API is C: napi's own writers make a Rust value of every element first")]

use std::{
    collections::HashMap,
    future::Future,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use infrai::{CallContext, InfraiError, Language, VideoJob};
use infrai_bindings::{CallHandle, KeyError, KeyResponder, catch_async_panic, key_request, run_blocking};
use napi::{
    Env, Status,
    bindgen_prelude::ToNapiValue,
    check_status, sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue},
};
use tokio::{sync::oneshot, task::yield_now};

use crate::{
    errors::error_json,
    runtime::{DOWNLOAD_PERMITS, RUNTIME},
};

/// JavaScript's function that takes the events. It keeps no process alive by itself.
pub(crate) type EventCallback =
    ThreadsafeFunction<(), UnknownReturnValue, EventBatch, Status, false, true, 0>;

/// Kind of an event; `ts/native.ts` has the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The call's value. It is the call's last event.
    Value = 0,
    /// The call's error. It is the call's last event.
    Error = 1,
    /// The end of the stream that the call read. It is the call's last event.
    Done = 2,
    /// A change of the job that the call waits for.
    Update = 3,
    /// Progress of a download.
    Progress = 4,
    /// An attempt before it is sent.
    Request = 5,
    /// An attempt after its response or its failure.
    Response = 6,
    /// A call of the key function. The payload is the number of the request for the key.
    KeyRequest = 7,
    /// The end of an aborted call or of a stream. No callback of it follows.
    Released = 8,
}

impl EventKind {
    fn is_last(self) -> bool {
        matches!(self, Self::Value | Self::Error | Self::Done)
    }
}

#[derive(Debug)]
pub(crate) enum Payload {
    Nothing,
    Json(String),
    Bytes(Bytes),
}

impl Payload {
    /// Returns a value as a payload.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::Json(value.to_string())
    }

    /// Returns a job as a payload.
    pub(crate) fn job(job: &VideoJob) -> Self {
        // A job consists of JSON, so it can be written.
        Self::Json(serde_json::to_string(job).unwrap_or_default())
    }
}

/// An event of a call or a stream.
#[derive(Debug)]
pub(crate) struct CallEvent {
    pub(crate) call_id: u32,
    pub(crate) kind: EventKind,
    pub(crate) payload: Payload,
}

/// Outcome of a call: a value, nothing at the end of a stream, or an error.
pub(crate) type CallResult = Result<Option<Payload>, InfraiError>;

/// A call or a stream: its id, the context of its callbacks, and the spelling of its errors.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: u32,
    /// None without a key function and hooks.
    pub(crate) context: Option<CallContext>,
    pub(crate) language: Language,
}

impl Call {
    /// Runs the call's work in its context, and returns its last event.
    async fn run(self, work: impl Future<Output = CallResult> + Send) -> CallEvent {
        let work = catch_async_panic(work);
        let result = match self.context.clone() {
            Some(context) => context.scope(work).await,
            None => work.await,
        };
        // A stream's context continues after a read.
        if let Some(scope) = self.context.as_ref().and_then(CallContext::downcast_ref::<CallScope>)
            && scope.call_id == self.id
        {
            scope.has_ended.store(true, Ordering::Release);
        }
        let (kind, payload) = match result {
            Ok(Some(payload)) => (EventKind::Value, payload),
            Ok(None) => (EventKind::Done, Payload::Nothing),
            Err(error) => (EventKind::Error, Payload::Json(error_json(error, self.language))),
        };
        CallEvent { call_id: self.id, kind, payload }
    }
}

/// Context of a call or a stream, for the callbacks of the client.
struct CallScope {
    call_id: u32,
    queue: Weak<EventQueue>,
    /// The call's last event is in the queue.
    has_ended: AtomicBool,
}

impl Drop for CallScope {
    fn drop(&mut self) {
        if *self.has_ended.get_mut() {
            return;
        }
        if let Some(queue) = self.queue.upgrade() {
            queue.push(self.call_id, EventKind::Released, Payload::Nothing);
        }
    }
}

/// Returns the id of the call or stream that the core works for at this point.
pub(crate) fn current_call_id() -> Option<u32> {
    CallContext::current()?.downcast_ref::<CallScope>().map(|scope| scope.call_id)
}

/// Event queue of an environment.
#[derive(Default)]
pub(crate) struct EventQueue {
    events: Mutex<Vec<CallEvent>>,
    /// Only the environment's thread locks it.
    calls: Mutex<HashMap<u32, CallHandle>>,
    key_requests: Mutex<HashMap<u32, KeyResponder>>,
    next_key_request: AtomicU32,
    callback: OnceLock<EventCallback>,
    /// Each task in flight has a clone.
    in_flight: Arc<()>,
    closed: AtomicBool,
}

/// Wakes JavaScript when dropped. A task that is aborted wakes it too, because later events rely on it.
struct WakeOnDrop<'a>(&'a EventQueue);

impl Drop for WakeOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.callback.get() {
            // An environment that is closing takes no events.
            let _ = callback.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// Removes a request for a key when the call that needs the key ends.
struct KeyRequestGuard(Weak<EventQueue>, u32);

impl Drop for KeyRequestGuard {
    fn drop(&mut self) {
        if let Some(queue) = self.0.upgrade() {
            lock(&queue.key_requests).remove(&self.1);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EventQueue {
    /// Sets the callback, once.
    pub(crate) fn connect(&self, callback: EventCallback) {
        let _ = self.callback.set(callback);
    }

    /// Makes the callback keep the process alive, or no longer.
    pub(crate) fn set_ref(&self, env: Env, keeps_alive: bool) -> napi::Result<()> {
        let Some(callback) = self.callback.get() else { return Ok(()) };
        let (env, callback) = (env.raw(), callback.raw());
        // SAFETY: on the environment's own thread, with a function that lives as long as the queue.
        check_status!(unsafe {
            if keeps_alive {
                sys::napi_ref_threadsafe_function(env, callback)
            } else {
                sys::napi_unref_threadsafe_function(env, callback)
            }
        })
    }

    /// Adds an event and wakes JavaScript, unless an earlier event has.
    pub(crate) fn push(&self, call_id: u32, kind: EventKind, payload: Payload) {
        drop(self.add(CallEvent { call_id, kind, payload }));
    }

    /// Adds an event. If it is the first in the queue, the result wakes JavaScript when dropped.
    fn add(&self, event: CallEvent) -> Option<WakeOnDrop<'_>> {
        if self.closed.load(Ordering::Acquire) {
            return None;
        }
        let mut events = lock(&self.events);
        events.push(event);
        (events.len() == 1).then(|| WakeOnDrop(self))
    }

    /// Takes all events. Calls end with their last event.
    pub(crate) fn take(&self) -> EventBatch {
        let events = std::mem::take(&mut *lock(&self.events));
        let mut calls = lock(&self.calls);
        for event in events.iter().filter(|event| event.kind.is_last()) {
            calls.remove(&event.call_id);
        }
        EventBatch(events)
    }

    /// Returns a context for the callbacks of a call or a stream.
    pub(crate) fn context(self: &Arc<Self>, call_id: u32) -> CallContext {
        let queue = Arc::downgrade(self);
        CallContext::new(CallScope { call_id, queue, has_ended: AtomicBool::new(false) })
    }

    /// Starts a call as a task. `signal` is the sender for a graceful abort.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        call: Call,
        signal: Option<oneshot::Sender<()>>,
        work: impl Future<Output = CallResult> + Send + 'static,
    ) -> Result<(), InfraiError> {
        let runtime = RUNTIME.handle()?;
        let (queue, id) = (Arc::clone(self), call.id);
        let in_flight = Arc::clone(&self.in_flight);
        let task = runtime.spawn(async move {
            let event = call.run(work).await;
            let others = Arc::strong_count(&in_flight) > 2;
            drop(in_flight);
            let wake = queue.add(event);
            if wake.is_some() && others {
                // After a turn of the runtime, other responses that have arrived go to JavaScript together with this one.
                yield_now().await;
            }
        });
        lock(&self.calls).insert(id, CallHandle::task(task.abort_handle()).with_signal(signal));
        Ok(())
    }

    /// Starts a download on a thread of its own, because it waits for the disk.
    pub(crate) fn spawn_blocking(
        self: &Arc<Self>,
        call: Call,
        work: impl Future<Output = CallResult> + Send + 'static,
    ) -> Result<(), InfraiError> {
        let runtime = RUNTIME.handle()?;
        let (queue, failed) = (Arc::clone(self), call.clone());
        let (cancel, cancelled) = oneshot::channel();
        lock(&self.calls).insert(call.id, CallHandle::blocking(cancel));
        runtime.spawn(async move {
            let event = match run_blocking(runtime, &DOWNLOAD_PERMITS, call.run(work), cancelled).await {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(error) => failed.run(async { Err(error) }).await,
            };
            drop(queue.add(event));
        });
        Ok(())
    }

    /// Ends a call without an outcome. With `graceful`, a wait that is to cancel its job does so and then has an outcome.
    pub(crate) fn abort(&self, call_id: u32, graceful: bool) {
        let mut calls = lock(&self.calls);
        if graceful && calls.get(&call_id).is_some_and(CallHandle::signal) {
            return;
        }
        if let Some(call) = calls.remove(&call_id) {
            call.cancel();
        }
    }

    /// Requests a key from the key function, in the context of a call.
    pub(crate) fn request_key(
        self: &Arc<Self>,
        call_id: u32,
    ) -> impl Future<Output = Result<String, KeyError>> + Send + use<> {
        let (responder, response) = key_request();
        let number = self.next_key_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.key_requests).insert(number, responder);
        self.push(call_id, EventKind::KeyRequest, Payload::Json(number.to_string()));
        let guard = KeyRequestGuard(Arc::downgrade(self), number);
        async move {
            let _guard = guard;
            response.await
        }
    }

    /// Sends the result of the key function to the call that needs it.
    pub(crate) fn resolve_key(&self, request: u32, key: Result<String, KeyError>) {
        if let Some(responder) = lock(&self.key_requests).remove(&request) {
            responder.send(key);
        }
    }

    /// Ends all calls, before their environment ends.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for (_, call) in lock(&self.calls).drain() {
            call.cancel();
        }
        lock(&self.key_requests).clear();
        lock(&self.events).clear();
    }
}

/// Events as one flat array, three elements per event: call id, kind and payload.
#[derive(Default)]
pub struct EventBatch(Vec<CallEvent>);

impl ToNapiValue for EventBatch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let mut array = ptr::null_mut();
        // SAFETY: on the environment's thread, in the handle scope of the threadsafe function's call.
        unsafe {
            check_status!(sys::napi_create_array_with_length(env, batch.0.len() * 3, &raw mut array))?;
            for (event, at) in batch.0.into_iter().zip((0..).step_by(3)) {
                let call_id = u32::to_napi_value(env, event.call_id)?;
                let kind = u32::to_napi_value(env, event.kind as u32)?;
                let payload = match event.payload {
                    Payload::Nothing => ToNapiValue::to_napi_value(env, ())?,
                    Payload::Json(text) => ToNapiValue::to_napi_value(env, text)?,
                    Payload::Bytes(bytes) => byte_array(env, &bytes)?,
                };
                for (value, at) in [call_id, kind, payload].into_iter().zip(at..) {
                    check_status!(sys::napi_set_element(env, array, at, value))?;
                }
            }
        }
        Ok(array)
    }
}

/// Copies bytes to a `Uint8Array`, which unlike a `Buffer` shares no memory with others.
///
/// # Safety
/// On the environment's thread, in a handle scope.
unsafe fn byte_array(env: sys::napi_env, bytes: &[u8]) -> napi::Result<sys::napi_value> {
    let (mut value, mut data, mut buffer) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let (length, kind) = (bytes.len(), sys::TypedarrayType::uint8_array);
    // SAFETY: as for this function. The new buffer has the length of the bytes.
    unsafe {
        check_status!(sys::napi_create_arraybuffer(env, length, &raw mut data, &raw mut buffer))?;
        ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), length);
        check_status!(sys::napi_create_typedarray(env, kind, length, buffer, 0, &raw mut value))?;
    }
    Ok(value)
}
