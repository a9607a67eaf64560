//! Options of a single call.

use std::{fmt, time::Duration};

use serde::Deserialize;

use super::fields;

/// Options of the calls made through one handle; see [`InfraiClient::with_options`](crate::InfraiClient::with_options).
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct CallOptions {
    #[serde(deserialize_with = "fields::some_seconds")]
    pub(crate) timeout: Option<Duration>,
    #[serde(deserialize_with = "fields::some_count")]
    pub(crate) max_retries: Option<u32>,
    #[serde(deserialize_with = "fields::pairs")]
    pub(crate) headers: Vec<(String, String)>,
}

impl CallOptions {
    /// Returns options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the timeout of a call, including retries. Default: the client's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the number of retries after a failed attempt. Default: the client's.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Adds a header. It replaces the client's header of the same name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

/// Options of `request`; [`ApiRequest`](crate::ApiRequest) describes each.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestOptions {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<serde_json::Value>,
    pub(crate) idempotency_key: Option<String>,
}
