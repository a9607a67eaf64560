//! Cancellation of calls by their caller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use infrai_bindings::CallHandle;
use tokio::sync::oneshot;

use crate::listener::Closable;

/// A call in flight.
pub(crate) struct CallInFlight {
    handle: CallHandle,
    /// Whether the call has something to do before it ends, and is signalled instead of aborted.
    graceful: bool,
    listener: Option<Arc<dyn Closable>>,
}

impl CallInFlight {
    pub(crate) fn new(
        handle: CallHandle,
        signal: Option<oneshot::Sender<()>>,
        listener: Option<Arc<dyn Closable>>,
    ) -> Self {
        Self { graceful: signal.is_some(), handle: handle.with_signal(signal), listener }
    }

    /// Cancels the call. No-op if it has finished.
    pub(crate) fn cancel(&self) {
        if self.graceful {
            self.handle.signal();
        } else {
            self.handle.cancel();
        }
        self.close_listener();
    }

    /// Ends the calls of its listener.
    pub(crate) fn close_listener(&self) {
        if let Some(listener) = &self.listener {
            listener.close();
        }
    }
}

/// Cancels the call when its future is dropped. No-op if it has finished.
pub(crate) struct CancelOnDrop(pub(crate) Arc<CallInFlight>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Cancels the calls that it was passed to, once. A call that begins afterwards ends at once.
#[derive(uniffi::Object, Default)]
pub struct Cancellation {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    calls: HashMap<u64, Arc<CallInFlight>>,
}

impl Cancellation {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a call that a cancel ends from now on. Returns `None` after a cancel.
    pub(crate) fn register(self: &Arc<Self>, call: &Arc<CallInFlight>) -> Option<Registration> {
        let mut state = self.lock();
        if state.cancelled {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.calls.insert(number, Arc::clone(call));
        Some(Registration { cancellation: Arc::clone(self), number })
    }
}

#[uniffi::export]
impl Cancellation {
    /// Creates a cancellation without calls.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Cancels the calls. Each fails with [`NativeError::Cancelled`](crate::NativeError); a wait with `cancel_on_abort`
    /// cancels its job first. When this returns, none of their listeners is running, and none will be called.
    pub fn cancel(&self) {
        let calls = {
            let mut state = self.lock();
            state.cancelled = true;
            std::mem::take(&mut state.calls)
        };
        for call in calls.values() {
            call.cancel();
        }
    }

    /// Returns whether it has cancelled its calls.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }
}

/// Registration of a call, which its drop removes.
pub(crate) struct Registration {
    cancellation: Arc<Cancellation>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cancellation.lock().calls.remove(&self.number);
    }
}
