//! The native module of `@infrai/sdk`: turns JavaScript values into the core's types and back, and nothing more.
//!
//! ```text
//! ts/ ── a call's number and its arguments ──> Client, Stream   (values, options)
//!    <── a number and what came of it ──────── Outbox           (one threadsafe function an environment)
//! ```
//!
//! A call never waits on JavaScript's thread: it becomes a task of the one runtime, and its outcome is posted to the
//! outbox, which wakes JavaScript once for all that has gathered. The thin layer in `ts/` holds the promises.
#![allow(missing_docs, reason = "the public items are JavaScript's; ts/ documents what people call")]

mod bridge;
mod client;
mod guard;
mod options;
mod outbox;
mod record;
mod runtime;
mod settings;
mod stream;
mod values;
