//! The object through which a caller ends its calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::call::Running;

/// Ends the calls that were given it. Each is told once; a call that comes after it ends at once.
#[derive(uniffi::Object, Default)]
pub struct NativeCancellation {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    calls: HashMap<u64, Arc<Running>>,
}

impl NativeCancellation {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a cancel ends this call. None if there has been one.
    pub(crate) fn register(self: &Arc<Self>, call: &Arc<Running>) -> Option<Registered> {
        let mut state = self.lock();
        if state.cancelled {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.calls.insert(number, Arc::clone(call));
        Some(Registered { cancellation: Arc::clone(self), number })
    }
}

#[uniffi::export]
impl NativeCancellation {
    /// One that has ended nothing yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Ends the calls: each stops what it does and fails with [`NativeError::Cancelled`](crate::NativeError), but a wait
    /// that is to cancel its job does that first. When this returns, no listener of theirs is being called, and none
    /// will be.
    pub fn cancel(&self) {
        let calls = {
            let mut state = self.lock();
            state.cancelled = true;
            std::mem::take(&mut state.calls)
        };
        for call in calls.values() {
            call.end();
        }
    }

    /// Whether it has been used.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }
}

/// A call's place in its cancellation, given back when the call is over.
pub(crate) struct Registered {
    cancellation: Arc<NativeCancellation>,
    number: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.cancellation.lock().calls.remove(&self.number);
    }
}
