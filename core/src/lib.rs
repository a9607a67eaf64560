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

mod account;
mod activate;
#[doc(hidden)]
pub mod arguments;
mod client;
mod credentials;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod metadata;
pub mod polling;
mod redact;
mod request;
#[cfg(test)]
mod script;
mod text;
pub mod video;
pub mod wire;

pub use self::{
    account::{Account, Balance, Topup, TopupRecord},
    activate::{Activate, ActivateResult},
    client::{
        CallContext, CallOptions, ClientBuilder, DEFAULT_BASE_URL, Environment, Identity, InfraiClient,
        KeyOrigin, RequestEvent, ResponseEvent, fresh_idempotency_key,
    },
    credentials::{CredentialStore, Profile, StoreError},
    error::{ErrorKind, InfraiError, Result},
    key::{ApiKey, KeyProvider},
    metadata::Metadata,
    polling::PollingOptions,
    request::{ApiRequest, ApiResponse},
    text::{escape_json, escape_text},
    video::{GenerateRequest, JobId, Video, VideoJob, VideoState},
};
