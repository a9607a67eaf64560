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
/// For what waits for the disk, and for looking names up.
const BLOCKING: usize = 2 * APART;
/// How many of them may wait for the disk: with all of them, no call would find its host.
const APART: usize = 8;

/// What a call that waits for the disk takes before it takes a thread.
pub(crate) static PLACES: Semaphore = Semaphore::const_new(APART);

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
