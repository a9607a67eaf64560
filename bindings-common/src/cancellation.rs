//! Cancellation of a call in flight.

use std::{
    future::{Future, pending},
    sync::{Mutex, PoisonError},
};

use tokio::{sync::oneshot, task::AbortHandle};

/// Handle of a call in flight. Dropping it cancels nothing.
#[derive(Debug)]
pub struct CallHandle {
    task: Task,
    signal: Mutex<Option<oneshot::Sender<()>>>,
}

#[derive(Debug)]
enum Task {
    /// Ends where it next waits for something.
    Aborted(AbortHandle),
    /// Work on a thread of its own, see [`run_blocking`](crate::run_blocking).
    Blocking(Mutex<Option<oneshot::Sender<()>>>),
}

fn fire(sender: &Mutex<Option<oneshot::Sender<()>>>) -> bool {
    let sender = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A call that has finished has no receiver.
    sender.is_some_and(|sender| sender.send(()).is_ok())
}

impl CallHandle {
    /// Returns the handle of a task.
    pub fn task(task: AbortHandle) -> Self {
        Self { task: Task::Aborted(task), signal: Mutex::default() }
    }

    /// Returns the handle of work that [`run_blocking`](crate::run_blocking) runs with the receiver.
    pub fn blocking(cancel: oneshot::Sender<()>) -> Self {
        Self { task: Task::Blocking(Mutex::new(Some(cancel))), signal: Mutex::default() }
    }

    /// Adds the sender of an [`abort_signal`], for a call that has something to do before it ends.
    #[must_use]
    pub fn with_signal(self, signal: Option<oneshot::Sender<()>>) -> Self {
        Self { signal: Mutex::new(signal), ..self }
    }

    /// Signals the call to end by itself. Returns false if it cannot or was signalled before.
    pub fn signal(&self) -> bool {
        fire(&self.signal)
    }

    /// Ends the call without an outcome. No-op if it has finished.
    pub fn cancel(&self) {
        match &self.task {
            Task::Aborted(task) => task.abort(),
            Task::Blocking(cancel) => {
                fire(cancel);
            }
        }
    }
}

/// Returns a sender, and the future for `Wait::abort_when` that is ready once the sender has fired.
///
/// Dropping the sender is no signal: it goes with the handle of a call that has finished.
pub fn abort_signal() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, signalled) = oneshot::channel();
    let aborted = async move {
        if signalled.await.is_err() {
            pending::<()>().await;
        }
    };
    (sender, aborted)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_signal_fires_once_and_cancels_nothing() {
        let (signal, aborted) = abort_signal();
        let task = tokio::spawn(aborted);
        let call = CallHandle::task(task.abort_handle()).with_signal(Some(signal));
        assert!(call.signal());
        assert!(!call.signal());
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_sender_is_no_signal() {
        let (signal, aborted) = abort_signal();
        drop(signal);
        assert!(aborted.now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_cancel_ends_the_task() {
        let task = tokio::spawn(pending::<()>());
        let call = CallHandle::task(task.abort_handle());
        assert!(!call.signal(), "it has nothing to do before it ends");
        call.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        call.cancel();
    }
}
