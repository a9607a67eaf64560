//! The one native surface that the Swift and Kotlin packages share: it turns their values into the core's and back, and
//! decides nothing.
//!
//! Everything is called `Native…`, so that the packages keep the plain names for what people see. Times are seconds as
//! floating-point numbers, whole numbers are signed, and what has no type of its own is JSON text, whose integers keep
//! every digit. An asynchronous method runs on one runtime of the process and takes a [`NativeCancellation`], since
//! generated Swift hands no cancelled task on; dropping the future (which generated Kotlin does) ends it just as well.

#![allow(
    clippy::large_enum_variant,
    clippy::needless_pass_by_value,
    clippy::result_large_err,
    reason = "what crosses the boundary is owned, and an error carries all that is known: generated code takes no references and no boxes"
)]

mod account;
mod call;
mod callbacks;
mod cancellation;
mod client;
mod error;
mod functions;
mod job;
mod listener;
mod options;
mod panic;
mod runtime;
mod settings;
mod store;
mod streams;
#[cfg(test)]
mod tests;
mod video;

pub use self::{
    account::{NativeActivateOptions, NativeActivation, NativeBalance, NativeResponse, NativeTopup},
    callbacks::{
        NativeHooks, NativeKeyFailure, NativeKeyFunction, NativeProgress, NativeProgressListener,
        NativeRequestEvent, NativeResponseEvent, NativeUpdateListener,
    },
    cancellation::NativeCancellation,
    client::{NativeClient, native_panic},
    error::{NativeError, NativeErrorKind, NativeFailure},
    functions::{
        native_default_wait, native_internal, native_invalid_argument, native_job_from_json,
        native_new_idempotency_key, native_version,
    },
    job::{NativeCancelResult, NativeJob, NativeJobError, NativeJobRef, NativeMetadata, NativeState},
    options::{NativeGenerate, NativePair, NativePatience},
    settings::{NativeCallOptions, NativeCaller, NativePolling, NativeSettings},
    store::{NativeStore, NativeStoreFailure},
    streams::{NativeItem, NativeMany, NativeWatch},
    video::{NativeDownload, NativeManyOptions, NativeWaitOptions},
};

uniffi::setup_scaffolding!();
