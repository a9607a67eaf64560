//! The native surface that the Swift and Kotlin packages share: it converts their values to the core's and back.
//!
//! Results and errors are records that the core declares. The options of a call are one JSON object that the core parses:
//! an absent option has its default. Durations are in seconds. An asynchronous method runs on the runtime of the process and
//! takes a [`Cancellation`], because generated Swift does not cancel the future of a cancelled task. Generated Kotlin drops
//! it, which cancels the call too.

#![allow(
    clippy::large_enum_variant,
    clippy::needless_pass_by_value,
    clippy::result_large_err,
    reason = "generated code passes owned values, and an error has all its fields"
)]

mod call;
mod callbacks;
mod cancellation;
mod client;
mod error;
mod functions;
mod listener;
mod options;
mod runtime;
mod store;
mod streams;
#[cfg(test)]
mod tests;
mod webhooks;

pub use self::{
    callbacks::{
        ApiKeyProviderError, CallbackKinds, Callbacks, ProgressListener, RequestEvent, ResponseEvent,
        UpdateListener,
    },
    cancellation::Cancellation,
    client::{Client, JobRef},
    error::NativeError,
    functions::{
        default_wait_timeout, internal_error, invalid_argument, job_from_json, new_idempotency_key,
        panic_for_tests,
    },
    store::{CredentialStore, CredentialStoreError},
    streams::{GenerateManyEvent, GenerateManyKind, GenerateManyStream, WatchStream},
    webhooks::{SeenEventIds, verify_webhook},
};

uniffi::setup_scaffolding!();
