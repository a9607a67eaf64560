//! HTTP: calls with their attempts, and the transport that sends them.

pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod config;
mod gzip;
pub(crate) mod hooks;
pub(crate) mod proxy;
pub(crate) mod reqwest;
pub(crate) mod retry;
pub(crate) mod tls;
pub(crate) mod transport;
