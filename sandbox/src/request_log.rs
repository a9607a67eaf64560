//! The log of recent requests, in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::{time, tokens};

/// Number of logged requests.
pub(crate) const CAPACITY: usize = 1000;
/// Number of logged requests of the dashboard. They have a buffer of their own, so that an open dashboard evicts no
/// request of a client.
const DASHBOARD_CAPACITY: usize = 100;
/// Maximum lengths, in characters, of texts that a client chooses.
const METHOD_LIMIT: usize = 20;
const PATH_LIMIT: usize = 200;
const KEY_LIMIT: usize = 255;

/// A request and its outcome.
#[derive(Debug, Clone)]
pub(crate) struct RequestEntry {
    at: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// `None` if a fault dropped the connection.
    pub(crate) status: Option<u16>,
    pub(crate) latency_ms: u64,
    pub(crate) request_id: String,
    idempotency_key: Option<String>,
    pub(crate) fault: Option<String>,
    /// True for a request of the dashboard.
    own: bool,
}

impl RequestEntry {
    /// Creates the entry of an arriving request, with secrets removed and long texts clipped.
    pub(crate) fn new(method: &str, path: &str, idempotency_key: Option<&str>, own: bool) -> Self {
        Self {
            at: time::unix_millis(),
            method: clip(method, METHOD_LIMIT),
            path: redact(path),
            status: None,
            latency_ms: 0,
            request_id: tokens::request_id(),
            idempotency_key: idempotency_key.map(|key| clip(&tokens::redact_keys(key), KEY_LIMIT)),
            fault: None,
            own,
        }
    }

    fn show(&self) -> Value {
        json!({
            "at": time::rfc3339(self.at),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "latency_ms": self.latency_ms,
            "request_id": self.request_id,
            "idempotency_key": self.idempotency_key,
            "fault": self.fault,
        })
    }
}

#[derive(Debug, Default)]
struct RingBuffers {
    clients: VecDeque<RequestEntry>,
    own: VecDeque<RequestEntry>,
}

/// A ring buffer of the last [`CAPACITY`] requests, and a shorter one for the dashboard's.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<RingBuffers>);

impl RequestLog {
    fn lock(&self) -> std::sync::MutexGuard<'_, RingBuffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, entry: RequestEntry) {
        let rings = &mut *self.lock();
        let (ring, capacity) =
            if entry.own { (&mut rings.own, DASHBOARD_CAPACITY) } else { (&mut rings.clients, CAPACITY) };
        if ring.len() == capacity {
            ring.pop_front();
        }
        ring.push_back(entry);
    }

    /// Returns all requests except the dashboard's, oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.lock().clients.iter().map(RequestEntry::show).collect()
    }

    /// Returns at most `count` requests, latest first; the dashboard's only if `own` is set.
    pub(crate) fn latest(&self, count: usize, own: bool) -> Vec<Value> {
        let rings = self.lock();
        let own = rings.own.iter().filter(|_| own);
        let mut entries: Vec<_> = rings.clients.iter().chain(own).collect();
        entries.sort_by_key(|entry| entry.at);
        entries.into_iter().rev().take(count).map(RequestEntry::show).collect()
    }
}

fn clip(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}

/// Removes the tokens of files and pages from a path, for the log. They are secrets. A wrongly joined path is covered
/// as well: a segment after a known name, and any run of letters and digits as long as a token.
pub(crate) fn redact(path: &str) -> String {
    let path = tokens::redact_keys(path);
    let mut after_secret = false;
    let segments = path.split('/').map(|segment| {
        if segment.is_empty() {
            return String::new();
        }
        let secret = std::mem::replace(&mut after_secret, BEFORE_SECRETS.contains(&segment));
        if secret { "…".to_owned() } else { without_tokens(segment) }
    });
    clip(&segments.collect::<Vec<_>>().join("/"), PATH_LIMIT)
}

/// Segments that precede a token.
const BEFORE_SECRETS: [&str; 3] = ["files", "topup", "checkout"];

/// Replaces runs of letters and digits that are as long as a token.
fn without_tokens(text: &str) -> String {
    let pieces = text.split_inclusive(|character: char| !character.is_ascii_alphanumeric());
    let shorten = |piece: &str| {
        let run = piece.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        if run.len() < tokens::TOKEN_LENGTH {
            piece.to_owned()
        } else {
            format!("…{}", &piece[run.len()..])
        }
    };
    pieces.map(shorten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_redacted() {
        assert_eq!(redact("/files/secret/video.mp4"), "/files/…/video.mp4");
        assert_eq!(redact("/sandbox/page/files/secret/video.mp4"), "/sandbox/page/files/…/video.mp4");
        assert_eq!(redact("/topup/secret"), "/topup/…");
        assert_eq!(redact("/v1/activate"), "/v1/activate");
        assert_eq!(redact("/checkout/secret"), "/checkout/…");
        assert_eq!(redact("/"), "/");
        assert_eq!(redact("//"), "//");
        let key = tokens::project_key();
        assert!(!redact(&format!("/v1/{key}/x")).contains(&key[..key.len() - 4]));
    }

    #[test]
    fn tokens_are_redacted_in_paths_joined_wrongly() {
        let token = tokens::sign_file(&tokens::signing_key(), &tokens::random_string(32), 1234);
        let page = tokens::random_string(tokens::TOKEN_LENGTH);
        for path in [
            format!("//files/{token}/video.mp4"),
            format!("/files//{token}/video.mp4"),
            format!("/./files/{token}/video.mp4"),
            format!("/v1/files/{token}/video.mp4"),
            format!("/http://127.0.0.1:4010/files/{token}/video.mp4"),
            format!("/FILES/{token}/video.mp4"),
            format!("/%66iles/{token}/video.mp4"),
            format!("/files%2f{token}%2Fvideo.mp4"),
            format!("/files\\{token}\\video.mp4"),
            format!("/{token}"),
            format!("//topup/{page}"),
            format!("/topup%2F{page}"),
            format!("/checkout/{page}"),
        ] {
            let shown = redact(&path);
            let secrets = token.split('-').chain([page.as_str()]).filter(|part| part.len() >= 32);
            for secret in secrets {
                assert!(!shown.contains(&secret[..8]) && !shown.contains(&secret[24..]), "{path}: {shown}");
            }
        }
        assert_eq!(redact("//files/secret/video.mp4"), "//files/…/video.mp4");
        let id = format!("/v1/video/jobs/vid_{}", tokens::random_string(24));
        assert_eq!(redact(&id), id, "a job's id is no secret");
    }

    #[test]
    fn whatever_is_sent_an_entry_stays_small() {
        let long = "é".repeat(70_000);
        let path = format!("/files/x/{long}");
        for path in [&path, &long] {
            let text = RequestEntry::new(&long, path, Some(&long), false).show().to_string();
            assert!(text.chars().count() < 1000, "{}", text.len());
        }
    }

    #[test]
    fn the_pages_own_requests_push_out_no_others_and_are_shown_on_request_alone() {
        let log = RequestLog::default();
        for index in 0..3 {
            log.push(RequestEntry::new("GET", &format!("/v1/{index}"), None, false));
        }
        for _ in 0..5000 {
            log.push(RequestEntry::new("GET", "/sandbox/page/state", None, true));
        }
        assert_eq!(log.list().len(), 3);
        let paths = |own| -> Vec<_> {
            log.latest(1000, own).iter().map(|entry| entry["path"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(paths(false), ["/v1/2", "/v1/1", "/v1/0"].map(|path| Some(path.to_owned())));
        assert_eq!(paths(true).len(), 3 + DASHBOARD_CAPACITY);
        assert_eq!(log.latest(2, true).len(), 2);
    }
}
