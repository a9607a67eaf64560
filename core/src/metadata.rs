//! Response metadata: cost, latency, vendor and request id.

use serde_json::{Map, Value};

use crate::redact::Redactor;

/// The envelope's `metadata`. Each documented field has a method.
///
/// All fields are optional. A field that is absent or has another type is `None`. [`as_map`](Self::as_map) returns all
/// fields unchanged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Returns the cost of the call in US dollars.
    pub fn cost_usd(&self) -> Option<f64> {
        self.0.get("cost_usd")?.as_f64()
    }

    /// Returns the API's processing time in milliseconds.
    pub fn latency_ms(&self) -> Option<f64> {
        self.0.get("latency_ms")?.as_f64()
    }

    /// Returns the vendor that did the work.
    pub fn vendor(&self) -> Option<&str> {
        self.0.get("vendor")?.as_str()
    }

    /// Returns whether the response came from a cache.
    pub fn cache_hit(&self) -> Option<bool> {
        self.0.get("cache_hit")?.as_bool()
    }

    /// Returns the API's id of the request, for support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.get("request_id")?.as_str()
    }

    /// Replaces the request id with its redacted form.
    pub(crate) fn set_request_id(&mut self, id: String) {
        self.0.insert("request_id".into(), id.into());
    }

    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        Self(redactor.map(&self.0))
    }

    /// Returns all fields.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fields of [`Metadata`] for other languages.
#[cfg(feature = "uniffi")]
#[derive(uniffi::Record)]
pub struct MetadataRecord {
    cost_usd: Option<f64>,
    latency_ms: Option<f64>,
    vendor: Option<String>,
    cache_hit: Option<bool>,
    request_id: Option<String>,
    /// All fields as JSON.
    json: Map<String, Value>,
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(Metadata, MetadataRecord, {
    lower: |metadata| MetadataRecord {
        cost_usd: metadata.cost_usd(),
        latency_ms: metadata.latency_ms(),
        vendor: metadata.vendor().map(str::to_owned),
        cache_hit: metadata.cache_hit(),
        request_id: metadata.request_id().map(str::to_owned),
        json: metadata.0,
    },
    try_lift: |record| Ok(Metadata(record.json)),
});

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}
