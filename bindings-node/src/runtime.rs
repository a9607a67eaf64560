//! The one runtime of the process: made at the first call, never by loading the module, and never dropped, since a
//! process may end at any time.

use std::sync::OnceLock;

use infrai::InfraiError;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Semaphore,
};

/// With two, every answer costs a switch between them: measured at a third of the sequential calls a second.
const WORKERS: usize = 1;
/// For downloads, which wait for the disk, and for looking names up.
const BLOCKING: usize = 2 * DOWNLOADS;
/// How many of them downloads may hold: with all of them, no download would find its host, nor would any call.
const DOWNLOADS: usize = 16;

/// What a download waits for before it takes a thread.
pub(crate) static PLACES: Semaphore = Semaphore::const_new(DOWNLOADS);

/// The runtime, begun now if this is the first call.
pub(crate) fn handle() -> Result<&'static Handle, InfraiError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .max_blocking_threads(BLOCKING)
                .thread_name("infrai")
                .enable_all()
                .build()
                .map_err(|error| error.to_string())
        })
        .as_ref()
        .map(Runtime::handle)
        .map_err(|error| InfraiError::internal(format!("no thread can be started: {error}")))
}
