//! The runtime of the process, and limits of its blocking calls.

use infrai_bindings::WorkerRuntime;
use tokio::sync::Semaphore;

/// One for the network, and one so that a slow hook of the application delays no call.
const WORKER_THREADS: usize = 2;
/// Most downloads at once in a process. Further ones wait for a permit, and their timeouts begin with it.
const MAX_DOWNLOADS: usize = 8;
/// Most activations at once. They wait for each other anyway, and none waits for a download.
const MAX_ACTIVATIONS: usize = 4;
/// Threads for name resolution and credentials, which downloads must not starve.
const SHORT_TASK_THREADS: usize = 12;

/// The runtime of all calls.
pub(crate) static RUNTIME: WorkerRuntime =
    WorkerRuntime::new(WORKER_THREADS, MAX_DOWNLOADS + MAX_ACTIVATIONS + SHORT_TASK_THREADS);
/// Permits of downloads.
pub(crate) static DOWNLOAD_PERMITS: Semaphore = Semaphore::const_new(MAX_DOWNLOADS);
/// Permits of activations.
pub(crate) static ACTIVATION_PERMITS: Semaphore = Semaphore::const_new(MAX_ACTIVATIONS);
