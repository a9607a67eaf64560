//! API: one typed method per route.

pub(crate) mod account;
pub(crate) mod activate;
mod arguments;
pub(crate) mod client;
pub(crate) mod diagnostics;
pub(crate) mod discovery;
mod price;
pub(crate) mod request;
mod result;
pub mod video;
