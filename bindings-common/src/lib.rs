//! Parts that the native modules of Python, Node and `UniFFI` share: runtime, panic guard, cancellation, key functions and
//! the causes of errors.
//!
//! A binding converts between its language and the core. What two of them would do in the same way is here.

mod cancellation;
mod error;
mod key_provider;
mod panic;
mod runtime;

pub use self::{
    cancellation::{CallHandle, abort_signal},
    error::{ForeignException, causes},
    key_provider::{KeyError, KeyResponder, key_provider, key_request},
    panic::{catch_async_panic, catch_panic},
    runtime::{WorkerRuntime, run_blocking},
};
