//! The Tokio runtimes of this process, and the futures that run on them.

use std::pin::Pin;

use infrai::InfraiError;
use infrai_bindings::WorkerRuntime;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    errors,
    fork::{ProcessLocal, ProcessStatic},
};

/// Makes the Python value of a call's outcome, attached.
pub(crate) type ToPython = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A call that has not begun.
pub(crate) type CallFuture = Pin<Box<dyn Future<Output = Result<ToPython, InfraiError>> + Send>>;

/// Returns the future of a call whose outcome `to_python` converts.
pub(crate) fn call_future<T: Send + 'static>(
    work: impl Future<Output = Result<T, InfraiError>> + Send + 'static,
    to_python: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> CallFuture {
    Box::pin(async move {
        let outcome = work.await?;
        Ok(Box::new(move |py: Python<'_>| to_python(py, outcome)) as ToPython)
    })
}

/// The runtimes of one process.
pub(crate) struct Runtimes {
    current_thread: Runtime,
    worker: WorkerRuntime,
}

static RUNTIMES: ProcessStatic<Runtimes> = ProcessStatic::new();

/// Most threads for file access and name resolution at once.
const BLOCKING_THREADS: usize = 16;

/// Returns this process's runtimes. They are built while attached, so that no fork by Python falls in between.
pub(crate) fn runtimes(py: Python<'_>) -> PyResult<&'static ProcessLocal<Runtimes>> {
    RUNTIMES.get_or_try_init(Runtimes::build).map_err(|error| errors::to_pyerr(py, error))
}

/// Returns the worker's handle for a thread that may not be attached, if this process has runtimes.
pub(crate) fn worker() -> Option<&'static Handle> {
    RUNTIMES.get().and_then(|runtimes| runtimes.worker.handle().ok())
}

impl Runtimes {
    fn build() -> Result<Self, InfraiError> {
        let current_thread = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("infrai-blocking")
            .build();
        let current_thread = current_thread.map_err(|error| {
            InfraiError::resource_limit(format!("the runtime cannot be started: {error}"))
        })?;
        Ok(Self { current_thread, worker: WorkerRuntime::new(1, BLOCKING_THREADS) })
    }

    /// Returns the runtime of blocking calls. It has no thread and makes progress only during a call.
    pub(crate) fn current_thread(&self) -> &Runtime {
        &self.current_thread
    }

    /// Returns the runtime of awaited calls and streams: one thread, started at first use.
    pub(crate) fn worker(&self) -> Result<&Handle, InfraiError> {
        self.worker.handle()
    }
}
