//! Rust client of the Infrai API, which generates videos from text, and core of the SDKs for other languages.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
//! # #[tokio::main]
//! # async fn main() -> infrai::Result<()> {
//! let client = infrai::InfraiClient::new()?;
//! # let (client, _world) = sandboxed().await;
//! client.activate().await?; // once per device: an anonymous account with a trial credit
//! let job = client.video().generate("a timelapse of a city skyline at dusk").await?;
//! let job = client.video().wait(&job).await?;
//! client.video().download(&job, "skyline.mp4").await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`InfraiClient`] holds options and connections. [`ClientBuilder`] lists the options.
//! - [`Video`] and [`Account`] have one typed method per route of the API. [`InfraiClient::request`] calls any other
//!   route.
//! - [`InfraiError`] is the only error type. It has a [kind](ErrorKind) to match on and all known details.
//! - [`webhooks`] verifies deliveries of webhooks.
//! - [`polling`] schedules the status requests of all waits of a client.
//!
//! Calls need a Tokio runtime with time and I/O enabled. Logs go to [`tracing`], with one span per call.
//! [`escape_text`] escapes a server's text in logs.

#![forbid(unsafe_code)]

mod api;
mod auth;
mod builder;
mod client;
mod context;
mod environment;
mod error;
mod error_kind;
mod error_record;
#[cfg(feature = "uniffi")]
mod foreign;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod job;
mod language;
mod limits;
mod metadata;
#[doc(hidden)]
pub mod options;
pub mod polling;
mod redact;
mod runtime;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
mod text;
pub mod webhooks;
pub mod wire;

pub use self::{
    api::{
        account::{Account, Balance, Topup, TopupRecord, WaitForCredit},
        activate::{Activate, ActivateResult},
        diagnostics::{Probe, Setting, Settings},
        discovery::{Billing, Capability, CapabilityError, Discovery},
        request::{ApiRequest, ApiResponse},
        video::{self, Video, costs::JobCosts},
    },
    auth::{
        api_key::{ApiKey, KeyProvider},
        credentials::{CredentialStore, Profile, StoreError},
        endpoint::{Identity, KeySource},
    },
    builder::ClientBuilder,
    client::InfraiClient,
    context::CallContext,
    environment::Environment,
    error::{ErrorKind, InfraiError, Result},
    error_record::ErrorRecord,
    http::{
        call::new_idempotency_key,
        hooks::{RequestEvent, ResponseEvent},
    },
    job::{JobId, VideoJob, VideoState},
    language::Language,
    metadata::Metadata,
    options::{CallOptions, DEFAULT_BASE_URL, GenerateRequest, PollingOptions, VideoRoutes},
    text::{escape_json, escape_text},
};

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();
