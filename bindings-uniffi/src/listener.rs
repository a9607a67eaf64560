//! Handle of a listener. Once it is closed, no call of the listener is running and none begins.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

/// Calls a listener until it is closed.
pub(crate) struct ListenerHandle<L> {
    closed: AtomicBool,
    /// Thread that is running the listener now.
    inside: Mutex<Option<ThreadId>>,
    /// Held during each call of the listener.
    listener: Mutex<Option<L>>,
}

/// Handle of any listener.
pub(crate) trait Closable: Send + Sync {
    /// Closes it. Waits for a call of the listener in another thread. The listener itself may close it too.
    fn close(&self);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L> ListenerHandle<L> {
    pub(crate) fn new(listener: L) -> Arc<Self> {
        Arc::new(Self {
            closed: AtomicBool::new(false),
            inside: Mutex::new(None),
            listener: Mutex::new(Some(listener)),
        })
    }

    /// Calls the listener, unless it is closed.
    pub(crate) fn invoke(&self, call: impl FnOnce(&L)) {
        struct ExitGuard<'g>(&'g Mutex<Option<ThreadId>>);
        impl Drop for ExitGuard<'_> {
            fn drop(&mut self) {
                *lock(self.0) = None;
            }
        }
        let listener = lock(&self.listener);
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        if let Some(listener) = &*listener {
            *lock(&self.inside) = Some(thread::current().id());
            // The listener is foreign code: it may panic.
            let _guard = ExitGuard(&self.inside);
            call(listener);
        }
    }
}

impl<L: Send> Closable for ListenerHandle<L> {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let from_within = *lock(&self.inside) == Some(thread::current().id());
        if !from_within {
            let listener = lock(&self.listener).take();
            drop(listener);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    type Listener = Box<dyn Fn(u32) + Send>;

    fn handle(listener: impl Fn(u32) + Send + 'static) -> Arc<ListenerHandle<Listener>> {
        ListenerHandle::new(Box::new(listener))
    }

    #[test]
    fn a_closed_handle_drops_its_listener() {
        let (sender, calls) = mpsc::channel();
        let handle = handle(move |number| sender.send(number).unwrap());
        handle.invoke(|listener| listener(1));
        handle.close();
        handle.invoke(|listener| listener(2));
        assert_eq!(calls.iter().collect::<Vec<_>>(), [1], "it ends because the sender is dropped");
    }

    #[test]
    fn closing_waits_for_a_running_listener() {
        let (entered, inside) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let (sender, order) = mpsc::channel();
        let inner_sender = sender.clone();
        let handle = handle(move |_| {
            entered.send(()).unwrap();
            may_leave.recv().unwrap();
            inner_sender.send("listener returned").unwrap();
        });
        thread::scope(|scope| {
            scope.spawn(|| handle.invoke(|listener| listener(1)));
            inside.recv().unwrap();
            let closing = scope.spawn(|| {
                handle.close();
                sender.send("closed").unwrap();
            });
            leave.send(()).unwrap();
            closing.join().unwrap();
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["listener returned", "closed"]);
    }

    #[test]
    fn a_listener_may_close_its_own_handle() {
        let slot: Arc<Mutex<Option<Arc<ListenerHandle<Listener>>>>> = Arc::default();
        let own = Arc::clone(&slot);
        let handle = handle(move |number| {
            assert_eq!(number, 1);
            own.lock().unwrap().as_ref().unwrap().close();
        });
        *slot.lock().unwrap() = Some(Arc::clone(&handle));
        handle.invoke(|listener| listener(1));
        handle.invoke(|listener| listener(2));
        slot.lock().unwrap().take();
    }

    #[test]
    fn a_handle_whose_listener_panicked_can_be_closed() {
        let handle = handle(|_| panic!("foreign"));
        let caught =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.invoke(|listener| listener(1))));
        assert!(caught.is_err());
        handle.close();
    }
}
