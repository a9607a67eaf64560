//! Authentication: the key that a client sends, the origin that the key belongs to, and stored credentials.

pub(crate) mod api_key;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod endpoint;
pub(crate) mod resolver;
