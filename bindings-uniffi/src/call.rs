//! How a call runs: as a task of the runtime, guarded against panics, ended by its cancellation or with its future.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use infrai::InfraiError;
use tokio::{
    sync::{Semaphore, oneshot},
    task::AbortHandle,
};

use crate::{cancellation::NativeCancellation, error::NativeError, gate::Close, runtime};

/// A call that has begun.
pub(crate) struct Running {
    ending: Ending,
    gate: Option<Arc<dyn Close>>,
}

/// How a call is ended.
enum Ending {
    /// Where it next waits for something.
    Abort(AbortHandle),
    /// By telling it: a wait that cancels its job first, or work on a thread of its own.
    Tell(Mutex<Option<oneshot::Sender<()>>>),
}

impl Ending {
    fn tell(sender: oneshot::Sender<()>) -> Self {
        Self::Tell(Mutex::new(Some(sender)))
    }
}

impl Running {
    /// Ends it, if it has not ended.
    pub(crate) fn end(&self) {
        match &self.ending {
            Ending::Tell(sender) => {
                if let Some(sender) = sender.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // It may be over already.
                    let _ = sender.send(());
                }
            }
            Ending::Abort(task) => task.abort(),
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

/// A call's work, which hands its outcome over by itself.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a call is run with.
#[derive(Default)]
pub(crate) struct Call {
    cancellation: Option<Arc<NativeCancellation>>,
    gate: Option<Arc<dyn Close>>,
    politely: Option<oneshot::Sender<()>>,
    apart: Option<&'static Semaphore>,
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

    /// It waits for the disk: on a thread of its own, once there is one of these places.
    pub(crate) fn apart(mut self, places: &'static Semaphore) -> Self {
        self.apart = Some(places);
        self
    }

    /// Runs it.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
    ) -> Result<T, NativeError> {
        let (done, mut outcome) = oneshot::channel();
        let work = async move {
            // A call that was cancelled has no receiver any more.
            let _ = done.send(guarded_async(work).await);
        };
        self.run_task(Box::pin(work)).await?;
        Ok(outcome.try_recv().map_err(|_| NativeError::Cancelled)??)
    }

    /// The same for all kinds of results: a task type per call would be a large part of a phone's library.
    async fn run_task(self, work: Task) -> Result<(), NativeError> {
        let Self { cancellation, gate, politely, apart } = self;
        // One that is to cancel a job has to begin for that.
        if politely.is_none() && cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled())
        {
            return Err(NativeError::Cancelled);
        }
        let handle = runtime::handle()?;
        let (task, ending) = if let Some(places) = apart {
            let (end, ended) = oneshot::channel();
            (handle.spawn(on_a_thread(places, work, ended)), Ending::tell(end))
        } else {
            let task = handle.spawn(work.map(|()| Ok(Some(()))));
            let abort = task.abort_handle();
            (task, politely.map_or(Ending::Abort(abort), Ending::tell))
        };
        let running = Arc::new(Running { ending, gate });
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
        // A task that was ended says so once it is gone: nothing of it goes on after this.
        let outcome = task.await;
        running.close();
        match outcome {
            Ok(outcome) => outcome?.ok_or(NativeError::Cancelled),
            Err(error) if error.is_cancelled() => Err(NativeError::Cancelled),
            Err(error) => Err(InfraiError::internal(error.to_string()).into()),
        }
    }
}

/// How long the thread of a call that was ended is waited for: it ends where it next waits for something, which a disk
/// that does not answer may put off.
const LAST_STEP: Duration = Duration::from_secs(5);

/// Runs work that waits for the disk where it holds up nothing else; it begins once there is a place for it. None once it
/// was ended, and its thread with it.
async fn on_a_thread(
    places: &'static Semaphore,
    work: Task,
    mut ended: oneshot::Receiver<()>,
) -> Result<Option<()>, InfraiError> {
    let place = match select(&mut ended, pin!(places.acquire())).await {
        Either::Left(_) => return Ok(None),
        Either::Right((place, _)) => place,
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
        drop(place);
        outcome
    });
    let outcome = match select(&mut thread, ended).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => {
            drop(alive);
            match tokio::time::timeout(LAST_STEP, thread).await {
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

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    fn places(count: usize) -> &'static Semaphore {
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
    async fn a_cancelled_call_on_a_thread_of_its_own_fails_when_the_thread_is_done() {
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
        let places = places(1);
        let call = tokio::spawn(Call::with(Some(Arc::clone(&cancellation))).apart(places).run(work));
        beginning.await.unwrap();
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        assert!(tidy.load(Ordering::SeqCst), "nothing of it goes on");
        assert_eq!(places.available_permits(), 1);
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
        let places = places(0);
        let call = tokio::spawn(Call::with(Some(Arc::clone(&cancellation))).apart(places).run(work));
        tokio::task::yield_now().await;
        cancellation.cancel();
        assert!(matches!(call.await.unwrap(), Err(NativeError::Cancelled)));
        places.add_permits(1);
        assert!(!begun.load(Ordering::SeqCst));
    }
}
