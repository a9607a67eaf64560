//! The last requests, kept in memory for whoever wants to see what a client sent.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::secrets;

/// How many requests are kept.
pub(crate) const CAPACITY: usize = 1000;

/// A request and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Nothing if the connection was dropped by a fault.
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: u64,
    pub(crate) request_id: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) fault: Option<String>,
}

/// A ring of the last [`CAPACITY`] requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<VecDeque<Entry>>);

impl RequestLog {
    pub(crate) fn push(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let show = |entry: &Entry| {
            json!({
                "at": secrets::rfc3339(entry.at),
                "method": entry.method,
                "path": entry.path,
                "status": entry.status,
                "latency_ms": entry.latency_ms,
                "request_id": entry.request_id,
                "idempotency_key": entry.idempotency_key,
                "fault": entry.fault,
            })
        };
        entries.iter().map(show).collect()
    }
}

/// A path as it may be kept and logged: the token in the URL of a file or page is a secret.
pub(crate) fn redact(path: &str) -> String {
    for prefix in ["/files/", "/topup/", "/checkout/"] {
        if let Some(rest) = path.strip_prefix(prefix) {
            let file = rest.split_once('/').map(|(_, file)| format!("/{file}")).unwrap_or_default();
            return format!("{prefix}…{file}");
        }
    }
    path.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_redacted() {
        assert_eq!(redact("/files/secret/video.mp4"), "/files/…/video.mp4");
        assert_eq!(redact("/topup/secret"), "/topup/…");
        assert_eq!(redact("/v1/activate"), "/v1/activate");
    }
}
