//! Extractors: request context, account, path parameter, JSON object, idempotency key.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde_json::{Map, Value};

use crate::{
    app::{App, RateLimitSubject, RequestContext},
    error::ApiError,
    store::{accounts, accounts::Account, idempotency::IdempotencyKey},
    tokens,
};

impl FromRequestParts<Arc<App>> for RequestContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<RequestContext>().cloned();
        context.ok_or_else(|| ApiError::internal("the request bypassed the middleware"))
    }
}

/// The account of the request's key.
pub(super) struct Authenticated(pub(super) Account);

impl FromRequestParts<Arc<App>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let account = match bearer(&parts.headers) {
            Ok(key_hash) => app.db.read(move |connection| accounts::by_key(connection, key_hash)).await?,
            Err(error) => {
                anonymous(parts, app)?;
                return Err(error);
            }
        };
        let Some(account) = account else {
            anonymous(parts, app)?;
            return Err(ApiError::unauthorized(
                "unknown key: get one from POST /v1/activate (a sandbox knows only its own keys)",
            ));
        };
        app.limit(&RateLimitSubject::Account(&account.id))?;
        Ok(Self(account))
    }
}

/// Counts a request without a valid key against its address.
fn anonymous(parts: &Parts, app: &App) -> Result<(), ApiError> {
    match parts.extensions.get::<RequestContext>() {
        Some(context) => app.limit(&RateLimitSubject::Address(context.peer.ip())),
        None => Ok(()),
    }
}

/// Returns the hash of the key in `Authorization: Bearer …`; the key itself goes no further.
fn bearer(headers: &HeaderMap) -> Result<[u8; 32], ApiError> {
    let missing = || ApiError::unauthorized("missing key: send `Authorization: Bearer <project key>`");
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, key) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || !key.starts_with(tokens::KEY_PREFIX) {
        return Err(missing());
    }
    Ok(tokens::hash_token(key))
}

/// The one parameter of a route's path.
pub(super) struct PathParam(pub(super) String);

impl FromRequestParts<Arc<App>> for PathParam {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(_) => Err(ApiError::not_found("no route matches this path")),
        }
    }
}

/// Parses the body as a JSON object.
pub(super) fn json_object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "invalid `Content-Type`: send the body as application/json",
        ));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::invalid("invalid body: expected a JSON object")),
        Err(error) => Err(ApiError::invalid(format!("invalid body: not JSON: {error}"))),
    }
}

/// Returns the request's idempotency key, if it has one, bound to its route and body.
pub(super) fn idempotency_key(
    headers: &HeaderMap,
    route: &'static str,
    body: &Map<String, Value>,
) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(key) = idempotency_header(headers)? else { return Ok(None) };
    let body_hash = crate::canonical::hash(&Value::Object(body.clone()));
    Ok(Some(IdempotencyKey { route, key, body_hash }))
}

/// Returns the `Idempotency-Key` header: 1 to 255 visible ASCII characters, at most once.
pub(super) fn idempotency_header(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let visible = |byte: &u8| byte.is_ascii_graphic();
    let bytes = key.as_bytes();
    if keys.next().is_some() || bytes.is_empty() || bytes.len() > 255 || !bytes.iter().all(visible) {
        let expected = "1 to 255 visible ASCII characters, once";
        return Err(ApiError::field("Idempotency-Key", expected, "something else"));
    }
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}
