//! The Infrai SDK's core and Rust client: turn a sentence into a video.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
//! # #[tokio::main]
//! # async fn main() -> infrai::Result<()> {
//! let client = infrai::InfraiClient::new()?;
//! # let (client, _world) = sandboxed().await;
//! client.activate().await?; // once a device: an anonymous account with a trial credit
//! let job = client.video().generate("a timelapse of a city skyline at dusk").await?;
//! let job = client.video().wait(&job).await?;
//! client.video().download(&job, "skyline.mp4").await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`InfraiClient`] holds settings and connections; [`ClientBuilder`] lists the settings.
//! - [`Video`] and [`Account`] are the API's calls, a typed method a route;
//!   [`InfraiClient::request`] reaches every other route.
//! - [`InfraiError`] is the one error: a [kind](ErrorKind) to match on, and all that is known.
//! - [`polling`] decides when to ask again, once for all who wait.
//!
//! Calls are awaited inside a Tokio runtime with time and I/O enabled. Logs go to [`tracing`]: a span a call, and nothing
//! without a subscriber. [`escape_text`] has escaped what a server sent in them.

#![forbid(unsafe_code)]

mod api;
mod auth;
mod builder;
mod client;
mod context;
mod environment;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod job;
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
pub mod wire;

pub use self::{
    api::{
        account::{Account, Balance, Topup, TopupRecord},
        activate::{Activate, ActivateResult},
        request::{ApiRequest, ApiResponse},
        video::{self, Video},
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
    http::{
        call::new_idempotency_key,
        hooks::{RequestEvent, ResponseEvent},
    },
    job::{JobId, VideoJob, VideoState},
    metadata::Metadata,
    options::{CallOptions, DEFAULT_BASE_URL, GenerateRequest, PollingOptions},
    text::{escape_json, escape_text},
};
