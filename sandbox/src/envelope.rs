//! The envelope of API responses: `{ok, data, error, metadata}`.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{error::ApiError, pricing};

/// A successful result, before the envelope is put around it.
#[derive(Debug, Clone)]
pub(crate) struct ApiSuccess {
    pub(crate) data: Value,
    pub(crate) cost_micros: i64,
    pub(crate) vendor: String,
    pub(crate) cache_hit: bool,
}

impl ApiSuccess {
    pub(crate) fn new(data: Value) -> Self {
        Self { data, cost_micros: 0, vendor: "sandbox".to_owned(), cache_hit: false }
    }
}

/// The result of a handler. The envelope follows once latency and request id are known.
#[derive(Debug, Clone)]
enum EnvelopeBody {
    Ok(Arc<ApiSuccess>),
    Err(Arc<ApiError>),
}

fn empty_response(status: StatusCode, outcome: EnvelopeBody) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.extensions_mut().insert(outcome);
    response
}

impl IntoResponse for ApiSuccess {
    fn into_response(self) -> Response {
        empty_response(StatusCode::OK, EnvelopeBody::Ok(Arc::new(self)))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = self;
        let headers = std::mem::take(&mut error.headers);
        let mut response = empty_response(error.status, EnvelopeBody::Err(Arc::new(error)));
        response.headers_mut().extend(headers);
        response
    }
}

/// Puts the envelope around a handler's result. Raw responses (a file, a page) pass unchanged.
pub(crate) fn finish_envelope(mut response: Response, request_id: &str, latency: Duration) -> Response {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let Some(outcome) = response.extensions_mut().remove::<EnvelopeBody>() else { return response };
    let (data, error, cost_micros, vendor, cache_hit) = match &outcome {
        EnvelopeBody::Ok(answer) => {
            (answer.data.clone(), Value::Null, answer.cost_micros, json!(answer.vendor), answer.cache_hit)
        }
        EnvelopeBody::Err(error) => (Value::Null, error_object(error), 0, Value::Null, false),
    };
    let envelope = json!({
        "ok": error.is_null(),
        "data": data,
        "error": error,
        "metadata": {
            "cost_usd": pricing::dollars(cost_micros),
            "latency_ms": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            "vendor": vendor,
            "cache_hit": cache_hit,
            "request_id": request_id,
        },
    });
    let headers = response.headers_mut();
    // The router measured the body before the envelope.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from(envelope.to_string());
    response
}

fn error_object(error: &ApiError) -> Value {
    let mut object: Map<String, Value> = error.details.clone();
    object.insert("code".to_owned(), json!(error.code));
    object.insert("message".to_owned(), json!(error.message));
    Value::Object(object)
}
