//! Options of calls for the account.

use std::time::Duration;

use serde::Deserialize;

use super::{fields, video::DEFAULT_WAIT_TIMEOUT};

/// Options of `activate`; [`Activate`](crate::Activate) describes each.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivateOptions {
    pub(crate) region: String,
    pub(crate) device_kind: String,
    pub(crate) write_credentials: bool,
    pub(crate) force: bool,
    pub(crate) profile: Option<String>,
}

impl Default for ActivateOptions {
    fn default() -> Self {
        Self {
            region: "auto".into(),
            device_kind: "cli".into(),
            write_credentials: true,
            force: false,
            profile: None,
        }
    }
}

/// Options of `topup`; [`Topup`](crate::Topup) describes each.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopupOptions {
    pub(crate) return_url: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// Options of `wait_for_credit`; [`WaitForCredit`](crate::WaitForCredit) describes each.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreditOptions {
    /// `None` waits without limit.
    #[serde(deserialize_with = "fields::some_seconds")]
    pub(crate) timeout: Option<Duration>,
}

impl Default for CreditOptions {
    fn default() -> Self {
        Self { timeout: Some(DEFAULT_WAIT_TIMEOUT) }
    }
}
