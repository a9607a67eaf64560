//! The one runtime of the process: made at the first call, never by loading the library, and never dropped, since a
//! process may end at any time.

use std::sync::OnceLock;

use infrai::InfraiError;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Semaphore,
};

/// One for the network, and one more so that a slow hook of the application's stops nothing but itself.
const WORKERS: usize = 2;
/// How many downloads of a process are under way at once; further ones wait for a place, and their time begins with it.
const DOWNLOADS: usize = 8;
/// The same of activations, which wait for one another anyway; none waits behind a download.
const ACTIVATIONS: usize = 4;
/// Left over for looking names up and reading credentials: without, no call would find its host.
const SHORT: usize = 12;
const BLOCKING: usize = DOWNLOADS + ACTIVATIONS + SHORT;

/// What a download takes before it takes a thread.
pub(crate) static DOWNLOAD_PLACES: Semaphore = Semaphore::const_new(DOWNLOADS);
/// What an activation takes before it takes a thread.
pub(crate) static ACTIVATION_PLACES: Semaphore = Semaphore::const_new(ACTIVATIONS);

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
