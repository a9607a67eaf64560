//! The Infrai API on one machine: real HTTP, accounts, a wallet, and jobs that render a real MP4.
//!
//! A stand-in: no model runs and no real money moves. Everything else is real. Requests are authenticated and
//! charged, jobs are queued and rendered, files are served with ranges, and a data folder keeps all of it through a
//! kill at any moment.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use infrai_sandbox::Sandbox;
//!
//! let sandbox = Sandbox::builder()
//!     .addr("127.0.0.1:0")
//!     .fault("POST /v1/video/generate: status=503 retry-after=1 times=2")?
//!     .start()
//!     .await?;
//! println!("serving {}", sandbox.url());
//! sandbox.stop().await;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! `/openapi.json` describes every route; [`Fault`] has the notation of faults.

#![forbid(unsafe_code)]

mod access;
mod api;
mod app;
mod builder;
mod canonical;
mod catalog;
mod data_dir;
mod db;
mod envelope;
mod error;
mod fault;
mod fault_injector;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod manual;
mod middleware;
mod parse_error;
pub mod pricing;
mod private;
mod rate_limit;
mod request_log;
mod runner;
mod server;
mod store;
mod time;
mod tokens;

pub use builder::{SandboxBuilder, StartError};
pub use fault::Fault;
pub use manual::manual;
pub use parse_error::ParseError;
pub use rate_limit::RateLimit;
pub use server::Sandbox;

/// Examples of the crate's README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
