//! `/v1/discovery`: the API's capabilities, taken from the `OpenAPI` document and the price list.

use serde_json::{Value, json};

use super::{extract::PathParam, openapi};
use crate::{
    catalog::{PREFERS, REGIONS, RESOLUTIONS, VENDORS},
    envelope::ApiSuccess,
    error::ApiError,
    pricing::{PRICES, dollars},
};

/// Errors by status, and whether the same call may succeed later.
const ERRORS: &[(&str, &str, bool)] = &[
    ("400", "INVALID_REQUEST", false),
    ("401", "UNAUTHORIZED", false),
    ("402", "INSUFFICIENT_CREDIT", false),
    ("404", "NOT_FOUND", false),
    ("409", "IDEMPOTENCY_CONFLICT", false),
    ("413", "PAYLOAD_TOO_LARGE", false),
    ("415", "UNSUPPORTED_MEDIA_TYPE", false),
    ("429", "RATE_LIMIT_USER", true),
    ("default", "MAINTENANCE", true),
];

/// `GET /v1/discovery`.
pub(super) async fn list() -> ApiSuccess {
    ApiSuccess::new(json!({"capabilities": capabilities()}))
}

/// `GET /v1/discovery/{capability}`.
pub(super) async fn one(PathParam(id): PathParam) -> Result<ApiSuccess, ApiError> {
    let found = capabilities().into_iter().find(|capability| capability["id"] == *id);
    found.map(ApiSuccess::new).ok_or_else(|| {
        ApiError::not_found("the sandbox has no capability with this id: see GET /v1/discovery")
    })
}

/// Returns a capability for each `/v1/…` route of the document.
fn capabilities() -> Vec<Value> {
    let document = openapi::document("");
    let mut capabilities = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        if !path.starts_with("/v1/") || path.starts_with("/v1/discovery") {
            continue;
        }
        for (method, operation) in item.as_object().into_iter().flatten() {
            capabilities.push(capability(&document, method, path, operation));
        }
    }
    capabilities
}

fn capability(document: &Value, method: &str, path: &str, operation: &Value) -> Value {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let id = match operation["tags"][0].as_str() {
        Some(tag) if !id.contains('.') => format!("{tag}.{id}"),
        _ => id.to_owned(),
    };
    let generates = id == "video.generate";
    let errors = ERRORS.iter().filter(|(status, ..)| operation["responses"].get(status).is_some());
    let errors: Vec<_> =
        errors.map(|(_, code, retryable)| json!({"code": code, "retryable": retryable})).collect();
    json!({
        "id": id,
        "method": method.to_ascii_uppercase(),
        "path": path,
        "summary": operation["summary"],
        "available": true,
        "regions": &REGIONS[1..],
        "vendors": if generates { VENDORS } else { &VENDORS[..1] },
        "billing": if generates { price() } else { json!({"is_billable": false, "free": true}) },
        "parameters": parameters(document, operation),
        "errors": errors,
        "examples": if generates { json!([{"prompt": "a paper boat", "resolution": "1080p"}]) } else { json!([]) },
    })
}

/// Returns the schema of a route's parameters: those of its path and those of its body.
fn parameters(document: &Value, operation: &Value) -> Value {
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => value.clone(),
    };
    let mut schema = resolve(&operation["requestBody"]["content"]["application/json"]["schema"]);
    if !schema.is_object() {
        schema = json!({"type": "object"});
    }
    let of_path = operation["parameters"].as_array().into_iter().flatten().map(resolve);
    for parameter in of_path.filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap_or_default();
        schema["properties"][name] = parameter["schema"].clone();
        schema["required"] = json!([name]);
    }
    schema
}

/// Returns the price of a video: the default's, and those of all combinations.
fn price() -> Value {
    let entry = |resolution: &str, prefer: &str| {
        let price = PRICES.iter().find(|price| price.resolution == resolution && price.prefer == prefer);
        price.map(|price| dollars(price.micros_per_second))
    };
    let prices: Vec<_> = PRICES
        .iter()
        .map(|price| {
            let usd = dollars(price.micros_per_second);
            json!({"resolution": price.resolution, "prefer": price.prefer, "price_usd": usd})
        })
        .collect();
    json!({
        "is_billable": true, "free": false, "unit": "second", "currency": "USD",
        "price_usd": entry(RESOLUTIONS[0], PREFERS[0]), "prices": prices,
    })
}
