//! What runs the core's futures in this process: a runtime that callers lend their thread to, and one with a thread of
//! its own for what must move while nobody calls.

use std::sync::{
    OnceLock,
    atomic::{AtomicPtr, Ordering},
};

use infrai::InfraiError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{errors, logging::Journal, process};

/// The runtimes of one process. Made once, never dropped: a child of `fork()` forgets its parent's and makes its own.
pub(crate) struct Engine {
    process: u32,
    foreground: Runtime,
    background: OnceLock<Result<Runtime, String>>,
    pub(crate) journal: Journal,
}

static ENGINE: AtomicPtr<Engine> = AtomicPtr::new(std::ptr::null_mut());

/// The threads that file access and name look-ups may use at once.
const BLOCKING_THREADS: usize = 16;

/// This process's engine. Made while attached to Python, so that no fork of Python's can fall inside.
pub(crate) fn engine(py: Python<'_>) -> PyResult<&'static Engine> {
    match current() {
        Some(engine) => Ok(engine),
        None => make().map_err(|error| errors::raise(py, &no_runtime(&error.to_string()))),
    }
}

/// This process's engine, if it has been made.
#[allow(unsafe_code, reason = "engines are leaked, so that the pointer outlives everyone who reads it")]
pub(crate) fn current() -> Option<&'static Engine> {
    // SAFETY: the pointer is null or came from Box::leak, and nothing frees it.
    let engine = unsafe { ENGINE.load(Ordering::Acquire).as_ref() };
    engine.filter(|engine| engine.is_ours())
}

/// Forgets the parent's engine, in the child of a fork.
pub(crate) fn forget() {
    ENGINE.store(std::ptr::null_mut(), Ordering::Release);
}

#[allow(unsafe_code, reason = "engines are leaked, so that the pointer outlives everyone who reads it")]
fn make() -> std::io::Result<&'static Engine> {
    let foreground = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("infrai-blocking")
        .build()?;
    let made = Engine {
        process: process::number(),
        foreground,
        background: OnceLock::new(),
        journal: Journal::default(),
    };
    let found = ENGINE.load(Ordering::Acquire);
    // SAFETY: as in `current`.
    if let Some(first) = unsafe { found.as_ref() }.filter(|engine| engine.is_ours()) {
        return Ok(first);
    }
    let made = Box::into_raw(Box::new(made));
    let kept = match ENGINE.compare_exchange(found, made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(first) => first,
    };
    // SAFETY: as in `current`; neither is null.
    Ok(unsafe { &*kept })
}

fn no_runtime(reason: &str) -> InfraiError {
    InfraiError::internal(format!("the operating system refused what a runtime needs: {reason}"))
}

impl Engine {
    /// Whether this is still the process that made it.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process::number()
    }

    /// The runtime of blocking calls: it moves while somebody calls, and has no thread.
    pub(crate) fn foreground(&self) -> &Runtime {
        &self.foreground
    }

    /// The runtime of awaitables and streams: one thread, begun at first use.
    pub(crate) fn background(&self) -> Result<&Handle, InfraiError> {
        let runtime = self.background.get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(BLOCKING_THREADS)
                .thread_name("infrai")
                .enable_all()
                .build()
                .map_err(|error| error.to_string())
        });
        runtime.as_ref().map(Runtime::handle).map_err(|reason| no_runtime(reason))
    }
}
