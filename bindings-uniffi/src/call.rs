//! Execution of a call as a runtime task that ends on cancellation or when its future is dropped.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use infrai::InfraiError;
use tokio::sync::{Semaphore, oneshot};

use crate::{
    cancellation::{CallHandle, CancelMode, CancelOnDrop, NativeCancellation},
    error::NativeError,
    listener::Closable,
    panic::catch_async_panic,
    runtime,
};

/// A call's work, which hands its outcome over by itself.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Builder of a call: its cancellation, its listener and where it runs.
#[derive(Default)]
pub(crate) struct Call {
    cancellation: Option<Arc<NativeCancellation>>,
    listener: Option<Arc<dyn Closable>>,
    graceful: Option<oneshot::Sender<()>>,
    on_blocking_pool: Option<&'static Semaphore>,
}

impl Call {
    /// Creates a call that the given cancellation may end.
    pub(crate) fn with(cancellation: Option<Arc<NativeCancellation>>) -> Self {
        Self { cancellation, ..Self::default() }
    }

    /// Sets the listener's channel, which is closed when the call ends.
    pub(crate) fn listener(mut self, listener: Option<Arc<dyn Closable>>) -> Self {
        self.listener = listener;
        self
    }

    /// Makes cancellation send a request to stop instead of aborting the task.
    pub(crate) fn graceful(mut self, sender: Option<oneshot::Sender<()>>) -> Self {
        self.graceful = sender;
        self
    }

    /// Runs the call on the blocking pool, once it holds one of the permits.
    pub(crate) fn on_blocking_pool(mut self, permits: &'static Semaphore) -> Self {
        self.on_blocking_pool = Some(permits);
        self
    }

    /// Runs the call to its end or its cancellation.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
    ) -> Result<T, NativeError> {
        let (done, mut outcome) = oneshot::channel();
        let work = async move {
            // A call that was cancelled has no receiver any more.
            let _ = done.send(catch_async_panic(work).await);
        };
        self.run_task(Box::pin(work)).await?;
        Ok(outcome.try_recv().map_err(|_| NativeError::Cancelled)??)
    }

    /// The same for all kinds of results: a task type per call would be a large part of a phone's library.
    async fn run_task(self, work: Task) -> Result<(), NativeError> {
        let Self { cancellation, listener, graceful, on_blocking_pool } = self;
        // One that is to cancel a job has to begin for that.
        if graceful.is_none() && cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled())
        {
            return Err(NativeError::Cancelled);
        }
        let handle = runtime::handle()?;
        let (task, mode) = if let Some(permits) = on_blocking_pool {
            let (end, ended) = oneshot::channel();
            (handle.spawn(run_blocking(permits, work, ended)), CancelMode::signal(end))
        } else {
            let task = handle.spawn(work.map(|()| Ok(Some(()))));
            let abort = task.abort_handle();
            (task, graceful.map_or(CancelMode::Abort(abort), CancelMode::signal))
        };
        let call = Arc::new(CallHandle::new(mode, listener));
        let _end = CancelOnDrop(Arc::clone(&call));
        let _registration = match &cancellation {
            None => None,
            Some(cancellation) => {
                let registration = cancellation.register(&call);
                if registration.is_none() {
                    call.cancel();
                }
                registration
            }
        };
        // A task that was ended says so once it is gone: nothing of it goes on after this.
        let outcome = task.await;
        call.close_listener();
        match outcome {
            Ok(outcome) => outcome?.ok_or(NativeError::Cancelled),
            Err(error) if error.is_cancelled() => Err(NativeError::Cancelled),
            Err(error) => Err(InfraiError::internal(error.to_string()).into()),
        }
    }
}

/// Longest wait for the thread of a cancelled call. The thread ends at its next await point, which a disk that does not
/// answer may delay.
const THREAD_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs disk-bound work on the blocking pool, once there is a permit for it. Returns `None` when it was cancelled and its
/// thread has ended.
async fn run_blocking(
    permits: &'static Semaphore,
    work: Task,
    mut ended: oneshot::Receiver<()>,
) -> Result<Option<()>, InfraiError> {
    let permit = match select(&mut ended, pin!(permits.acquire())).await {
        Either::Left(_) => return Ok(None),
        Either::Right((permit, _)) => permit,
    };
    let handle = runtime::handle()?;
    let (alive, over) = oneshot::channel::<()>();
    let mut thread = handle.spawn_blocking(move || {
        let outcome = handle.block_on(async {
            // In this order: work that was ended before its thread began does not begin.
            match select(over, work).await {
                Either::Left(_) => None,
                Either::Right((outcome, _)) => Some(outcome),
            }
        });
        drop(permit);
        outcome
    });
    let outcome = match select(&mut thread, ended).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => {
            drop(alive);
            match tokio::time::timeout(THREAD_EXIT_TIMEOUT, thread).await {
                Ok(outcome) => outcome,
                Err(_) => return Ok(None),
            }
        }
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(InfraiError::internal(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    fn permits(count: usize) -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(count)))
    }

    /// Work that takes its time to clear up.
    struct Untidy(Arc<AtomicBool>);

    impl Drop for Untidy {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(50));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_cancelled_blocking_call_fails_once_its_thread_ends() {
        let (cancellation, tidy) = (NativeCancellation::new(), Arc::new(AtomicBool::new(false)));
        let (began, beginning) = oneshot::channel();
        let work = {
            let untidy = Untidy(Arc::clone(&tidy));
            async move {
                let _untidy = untidy;
                began.send(()).unwrap();
                pending::<Result<(), InfraiError>>().await
            }
        };
        let permits = permits(1);
        let call =
            tokio::spawn(Call::with(Some(Arc::clone(&cancellation))).on_blocking_pool(permits).run(work));
        beginning.await.unwrap();
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        assert!(tidy.load(Ordering::SeqCst), "nothing of it goes on");
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_call_that_waits_for_a_place_can_be_cancelled_and_never_begins() {
        let (cancellation, begun) = (NativeCancellation::new(), Arc::new(AtomicBool::new(false)));
        let work = {
            let begun = Arc::clone(&begun);
            async move {
                begun.store(true, Ordering::SeqCst);
                Ok(())
            }
        };
        let permits = permits(0);
        let call =
            tokio::spawn(Call::with(Some(Arc::clone(&cancellation))).on_blocking_pool(permits).run(work));
        tokio::task::yield_now().await;
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        permits.add_permits(1);
        assert!(!begun.load(Ordering::SeqCst));
    }
}
