//! Authentication: which key a client sends, to which origin, and where it is stored.

pub(crate) mod api_key;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod endpoint;
pub(crate) mod resolver;
