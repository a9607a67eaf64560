//! Wire format: canonical JSON of requests, envelopes of responses, and request URLs below the base URL.

mod bounds;
pub(crate) mod codes;
pub(crate) mod coding;
pub(crate) mod envelope;
pub mod json;
pub(crate) mod parts;
pub(crate) mod path;
pub(crate) mod read;
pub(crate) mod retry_after;
