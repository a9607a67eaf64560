//! The module's runtime, and its limits.

use infrai_bindings::WorkerRuntime;
use tokio::sync::Semaphore;

/// A second thread would cost a switch between threads per response, a third of the throughput of sequential calls.
const WORKER_THREADS: usize = 1;
/// Most downloads that hold a thread. Name resolution has threads left then.
const MAX_DOWNLOADS: usize = 16;

pub(crate) static RUNTIME: WorkerRuntime = WorkerRuntime::new(WORKER_THREADS, 2 * MAX_DOWNLOADS);

/// Permits of downloads, which block a thread each.
pub(crate) static DOWNLOAD_PERMITS: Semaphore = Semaphore::const_new(MAX_DOWNLOADS);
