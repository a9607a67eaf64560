//! Execution of a call as a runtime task that ends on cancellation or when its future is dropped.

use std::{future::Future, pin::Pin, sync::Arc};

use futures_util::FutureExt as _;
use infrai::{CallContext, InfraiError, Language};
use infrai_bindings::{CallHandle, catch_async_panic, run_blocking};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    cancellation::{CallInFlight, CancelOnDrop, Cancellation},
    error::NativeError,
    listener::{Closable, ListenerHandle},
    runtime::RUNTIME,
};

/// The work of a call, which sends its result by itself.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Builder of a call: its cancellation, its listener and where it runs.
pub(crate) struct Call {
    language: Language,
    context: Option<CallContext>,
    cancellation: Option<Arc<Cancellation>>,
    listener: Option<Arc<dyn Closable>>,
    graceful: Option<oneshot::Sender<()>>,
    permits: Option<&'static Semaphore>,
}

impl Call {
    /// Creates a call that the cancellation may end. Its callbacks are in the context.
    pub(crate) fn new(
        language: Language,
        context: Option<CallContext>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Self {
        Self { language, context, cancellation, listener: None, graceful: None, permits: None }
    }

    /// Sets the handle of the listener, which the end of the call closes.
    pub(crate) fn listener<L: Send + 'static>(mut self, listener: Option<&Arc<ListenerHandle<L>>>) -> Self {
        self.listener = listener.map(|listener| Arc::clone(listener) as Arc<dyn Closable>);
        self
    }

    /// Makes cancellation signal the call to end by itself.
    pub(crate) fn graceful(mut self, signal: Option<oneshot::Sender<()>>) -> Self {
        self.graceful = signal;
        self
    }

    /// Runs the call on the blocking pool, once it holds one of the permits.
    pub(crate) fn on_blocking_pool(mut self, permits: &'static Semaphore) -> Self {
        self.permits = Some(permits);
        self
    }

    /// Runs the call to its end or its cancellation.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
    ) -> Result<T, NativeError> {
        let language = self.language;
        let (sender, mut result) = oneshot::channel();
        let work = async move {
            // A cancelled call has no receiver any more.
            let _ = sender.send(catch_async_panic(work).await);
        };
        let work: Work = match self.context.clone() {
            Some(context) => Box::pin(context.scope(work)),
            None => Box::pin(work),
        };
        let ended = self.run_task(work).await;
        match ended.map(|ended| ended.and_then(|()| result.try_recv().ok())) {
            Ok(Some(Ok(value))) => Ok(value),
            Ok(Some(Err(error))) | Err(error) => Err(NativeError::new(error, language)),
            Ok(None) => Err(NativeError::Cancelled),
        }
    }

    /// Runs the work of any call, because a task type per call would be a large part of the library. Returns `None` if
    /// the call was cancelled.
    async fn run_task(self, work: Work) -> Result<Option<()>, InfraiError> {
        let Self { language: _, context: _, cancellation, listener, graceful, permits } = self;
        // A call that cancels a job first has to begin for that.
        if graceful.is_none() && cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled())
        {
            return Ok(None);
        }
        let runtime = RUNTIME.handle()?;
        let (task, handle) = if let Some(permits) = permits {
            let (cancel, cancelled) = oneshot::channel();
            (runtime.spawn(run_blocking(runtime, permits, work, cancelled)), CallHandle::blocking(cancel))
        } else {
            let task = runtime.spawn(work.map(|()| Ok(Some(()))));
            let abort = task.abort_handle();
            (task, CallHandle::task(abort))
        };
        let call = Arc::new(CallInFlight::new(handle, graceful, listener));
        let _cancel = CancelOnDrop(Arc::clone(&call));
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
        // An aborted task resolves once it is gone: nothing of the call goes on afterwards.
        let outcome = task.await;
        call.close_listener();
        match outcome {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => Ok(None),
            Err(error) => Err(InfraiError::internal(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use super::*;

    fn permits(count: usize) -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(count)))
    }

    fn call(cancellation: &Arc<Cancellation>, permits: &'static Semaphore) -> Call {
        Call::new(Language::Kotlin, None, Some(Arc::clone(cancellation))).on_blocking_pool(permits)
    }

    /// Work that takes its time to clean up.
    struct Untidy(Arc<AtomicBool>);

    impl Drop for Untidy {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(50));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_cancelled_blocking_call_fails_once_its_thread_ends() {
        let (cancellation, tidy) = (Cancellation::new(), Arc::new(AtomicBool::new(false)));
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
        let call = tokio::spawn(call(&cancellation, permits).run(work));
        beginning.await.unwrap();
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        assert!(tidy.load(Ordering::SeqCst), "nothing of it goes on");
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_call_cancelled_before_its_permit_never_begins() {
        let (cancellation, begun) = (Cancellation::new(), Arc::new(AtomicBool::new(false)));
        let work = {
            let begun = Arc::clone(&begun);
            async move {
                begun.store(true, Ordering::SeqCst);
                Ok(())
            }
        };
        let permits = permits(0);
        let call = tokio::spawn(call(&cancellation, permits).run(work));
        tokio::task::yield_now().await;
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        permits.add_permits(1);
        assert!(!begun.load(Ordering::SeqCst));
    }
}
