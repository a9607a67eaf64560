//! What a response says about itself: cost, latency, vendor, request id.

use serde_json::{Map, Value};

use crate::redact::Redactor;

/// The envelope's `metadata`, all of it kept; what the contract documents has a question of its own.
///
/// Nothing here is required and nothing fails: a field that is absent or of another type is `None`, and stands
/// in [`as_map`](Self::as_map) as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// What the call cost, in US dollars.
    pub fn cost_usd(&self) -> Option<f64> {
        self.0.get("cost_usd")?.as_f64()
    }

    /// How long the API took, in milliseconds.
    pub fn latency_ms(&self) -> Option<f64> {
        self.0.get("latency_ms")?.as_f64()
    }

    /// Who did the work.
    pub fn vendor(&self) -> Option<&str> {
        self.0.get("vendor")?.as_str()
    }

    /// Whether the answer came from a cache.
    pub fn cache_hit(&self) -> Option<bool> {
        self.0.get("cache_hit")?.as_bool()
    }

    /// The API's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.get("request_id")?.as_str()
    }

    /// Puts what may be shown in the place of a request id.
    pub(crate) fn set_request_id(&mut self, id: String) {
        self.0.insert("request_id".into(), id.into());
    }

    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        Self(redactor.map(&self.0))
    }

    /// Everything that came.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}
