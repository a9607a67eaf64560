//! How a call runs: as a task of the runtime, guarded against panics, ended by its cancellation or with its future.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use infrai::InfraiError;
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{cancellation::NativeCancellation, error::NativeError, gate::Close, runtime};

/// A call that has begun.
pub(crate) struct Running {
    task: AbortHandle,
    gate: Option<Arc<dyn Close>>,
    /// What a wait that is to cancel its job is told, in place of being stopped.
    politely: Option<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Running {
    /// Ends it, if it has not ended.
    pub(crate) fn end(&self) {
        match &self.politely {
            Some(sender) => {
                if let Some(sender) = sender.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // It may be over already.
                    let _ = sender.send(());
                }
            }
            None => self.task.abort(),
        }
        self.close();
    }

    fn close(&self) {
        if let Some(gate) = &self.gate {
            gate.close();
        }
    }
}

/// Ends a call whose future is dropped; one that is over is past being ended.
struct EndOnDrop(Arc<Running>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What a call is run with.
#[derive(Default)]
pub(crate) struct Call {
    cancellation: Option<Arc<NativeCancellation>>,
    gate: Option<Arc<dyn Close>>,
    politely: Option<oneshot::Sender<()>>,
    apart: bool,
}

impl Call {
    /// A call that this may cancel.
    pub(crate) fn with(cancellation: Option<Arc<NativeCancellation>>) -> Self {
        Self { cancellation, ..Self::default() }
    }

    /// The way to its listener, closed when it ends.
    pub(crate) fn gate(mut self, gate: Option<Arc<dyn Close>>) -> Self {
        self.gate = gate;
        self
    }

    /// Its end is asked for and not enforced.
    pub(crate) fn politely(mut self, sender: Option<oneshot::Sender<()>>) -> Self {
        self.politely = sender;
        self
    }

    /// It waits for the disk: on a thread of its own.
    pub(crate) fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Runs it.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
    ) -> Result<T, NativeError> {
        let Self { cancellation, gate, politely, apart } = self;
        // One that is to cancel a job has to begin for that.
        if politely.is_none() && cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled())
        {
            return Err(NativeError::Cancelled);
        }
        let work = guarded_async(work);
        let task =
            if apart { runtime::handle()?.spawn(on_a_thread(work)) } else { runtime::handle()?.spawn(work) };
        let running = Arc::new(Running {
            task: task.abort_handle(),
            gate,
            politely: politely.map(|sender| Mutex::new(Some(sender))),
        });
        let _end = EndOnDrop(Arc::clone(&running));
        let _registered = match &cancellation {
            None => None,
            Some(cancellation) => {
                let registered = cancellation.register(&running);
                if registered.is_none() {
                    running.end();
                }
                registered
            }
        };
        // A task that was aborted says so once it is gone: nothing of it goes on after this.
        let outcome = task.await;
        running.close();
        match outcome {
            Ok(outcome) => Ok(outcome?),
            Err(error) if error.is_cancelled() => Err(NativeError::Cancelled),
            Err(error) => Err(InfraiError::internal(error.to_string()).into()),
        }
    }
}

/// Runs work that waits for the disk where it holds up nothing else; it begins once there is a place for it.
async fn on_a_thread<T: Send + 'static>(
    work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
) -> Result<T, InfraiError> {
    let place = runtime::PLACES.acquire().await;
    let handle = runtime::handle()?;
    // Dropped with this future: the thread ends then.
    let (alive, ended) = oneshot::channel::<()>();
    let thread = handle.spawn_blocking(move || {
        let outcome = handle.block_on(async {
            let work = std::pin::pin!(work);
            match select(work, ended).await {
                Either::Left((outcome, _)) => Some(outcome),
                Either::Right(_) => None,
            }
        });
        drop(place);
        outcome
    });
    let outcome = thread.await;
    drop(alive);
    match outcome {
        Ok(Some(outcome)) => outcome,
        Ok(None) => Err(InfraiError::internal("a call ended before it was done")),
        Err(error) => Err(InfraiError::internal(error.to_string())),
    }
}

/// Runs what an exported function does.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, InfraiError>) -> Result<T, NativeError> {
    let outcome = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())));
    Ok(outcome?)
}

async fn guarded_async<T>(work: impl Future<Output = Result<T, InfraiError>>) -> Result<T, InfraiError> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())))
}
