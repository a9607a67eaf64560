//! Parts that the native modules of Python, Node and `UniFFI` share: runtime, panic guard, cancellation, key functions and
//! exceptions of an application.
//!
//! A binding converts between its language and the core. Work that two of them would do in the same way is here.

mod cancellation;
mod error;
mod key_provider;
mod panic;
mod runtime;

pub use self::{
    cancellation::{CallHandle, abort_signal},
    error::{ForeignException, exception_number},
    key_provider::{KeyError, KeyResponder, key_provider, key_request},
    panic::{catch_async_panic, catch_panic},
    runtime::{WorkerRuntime, run_blocking},
};
