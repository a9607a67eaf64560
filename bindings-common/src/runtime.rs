//! The Tokio runtime of a native module, and work that blocks its thread.

use std::{
    future::Future,
    pin::pin,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use futures::future::{Either, select};
use infrai::InfraiError;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Semaphore, oneshot},
};

/// A runtime with threads of its own, built at first use.
///
/// Loading a module builds nothing. A module never drops its runtime, because a process may exit at any time.
#[derive(Debug)]
pub struct WorkerRuntime {
    worker_threads: usize,
    blocking_threads: usize,
    runtime: OnceLock<Runtime>,
    /// Held while the runtime is built.
    building: Mutex<()>,
}

impl WorkerRuntime {
    /// Returns a runtime that is not built yet. `blocking_threads` is the limit for file access and name resolution.
    pub const fn new(worker_threads: usize, blocking_threads: usize) -> Self {
        Self { worker_threads, blocking_threads, runtime: OnceLock::new(), building: Mutex::new(()) }
    }

    /// Returns the runtime's handle. The first call builds the runtime. After an error, the next call tries again, as the
    /// limit may be over by then.
    ///
    /// # Errors
    /// `RESOURCE_LIMIT` if the operating system has no thread or file descriptor for it.
    pub fn handle(&self) -> Result<&Handle, InfraiError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.handle());
        }
        // A missing thread is a panic of the builder.
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.handle());
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(self.worker_threads)
            .max_blocking_threads(self.blocking_threads)
            .thread_name("infrai")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            InfraiError::resource_limit(format!("the runtime cannot be started: {error}"))
        })?;
        Ok(self.runtime.get_or_init(|| runtime).handle())
    }
}

/// Longest wait for the thread of a cancelled call. The thread ends at its next await point, which a disk that does not
/// answer may delay.
const THREAD_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs disk-bound work on the runtime's blocking pool, once it holds one of the permits.
///
/// Returns `None` if the sender of `cancelled` fires or is dropped first. By then the work's thread has ended, or
/// `THREAD_EXIT_TIMEOUT` has passed. Work that is cancelled before it holds a permit does not begin.
///
/// # Errors
/// `INTERNAL` if the thread ends without an outcome.
pub async fn run_blocking<T: Send + 'static>(
    runtime: &Handle,
    permits: &'static Semaphore,
    work: impl Future<Output = T> + Send + 'static,
    mut cancelled: oneshot::Receiver<()>,
) -> Result<Option<T>, InfraiError> {
    let permit = match select(&mut cancelled, pin!(permits.acquire())).await {
        Either::Left(_) => return Ok(None),
        Either::Right((permit, _)) => permit,
    };
    let handle = runtime.clone();
    let (alive, over) = oneshot::channel::<()>();
    let mut thread = runtime.spawn_blocking(move || {
        let outcome = handle.block_on(async {
            // In this order: work that was cancelled before its thread began does not begin.
            match select(over, pin!(work)).await {
                Either::Left(_) => None,
                Either::Right((outcome, _)) => Some(outcome),
            }
        });
        drop(permit);
        outcome
    });
    let outcome = match select(&mut thread, cancelled).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => {
            drop(alive);
            match tokio::time::timeout(THREAD_EXIT_TIMEOUT, thread).await {
                Ok(outcome) => outcome,
                Err(_) => return Ok(None),
            }
        }
    };
    outcome.map_err(|error| InfraiError::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use super::*;

    fn permits(count: usize) -> &'static Semaphore {
        Box::leak(Box::new(Semaphore::new(count)))
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
    async fn cancelled_blocking_work_ends_before_its_outcome() {
        let tidy = Arc::new(AtomicBool::new(false));
        let (began, beginning) = oneshot::channel();
        let untidy = Untidy(Arc::clone(&tidy));
        let work = async move {
            let _untidy = untidy;
            began.send(()).unwrap();
            pending::<()>().await;
        };
        let (permits, (cancel, cancelled)) = (permits(1), oneshot::channel());
        let running =
            tokio::spawn(async move { run_blocking(&Handle::current(), permits, work, cancelled).await });
        beginning.await.unwrap();
        cancel.send(()).unwrap();
        assert!(running.await.unwrap().unwrap().is_none());
        assert!(tidy.load(Ordering::SeqCst), "nothing of it goes on");
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn work_cancelled_before_its_permit_never_begins() {
        let begun = Arc::new(AtomicBool::new(false));
        let work = {
            let begun = Arc::clone(&begun);
            async move { begun.store(true, Ordering::SeqCst) }
        };
        let (permits, (cancel, cancelled)) = (permits(0), oneshot::channel());
        let running =
            tokio::spawn(async move { run_blocking(&Handle::current(), permits, work, cancelled).await });
        tokio::task::yield_now().await;
        drop(cancel);
        assert!(running.await.unwrap().unwrap().is_none());
        permits.add_permits(1);
        assert!(!begun.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn blocking_work_returns_its_outcome() {
        let (_cancel, cancelled) = oneshot::channel();
        let outcome = run_blocking(&Handle::current(), permits(1), async { 7 }, cancelled).await;
        assert_eq!(outcome.unwrap(), Some(7));
    }
}
