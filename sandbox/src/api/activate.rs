//! `POST /v1/activate`: an anonymous account with a trial credit, and a key.

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use serde_json::json;

use super::{
    extract::{idempotency_header, json_object},
    fields::Fields,
};
use crate::{
    app::{App, RateLimitSubject, RequestContext},
    catalog,
    envelope::ApiSuccess,
    error::ApiError,
    pricing,
    store::accounts,
};

/// `POST /v1/activate`. The same fingerprint is the same account; each call returns a further key of it.
pub(super) async fn activate(
    State(app): State<Arc<App>>,
    context: RequestContext,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    app.limit(&RateLimitSubject::Address(context.peer.ip()))?;
    // A repeated request returns a further key instead of the first one: keys are stored as hashes and cannot be
    // shown again. The fingerprint keeps the account from being created twice.
    idempotency_header(&headers)?;
    let body = json_object(&headers, &context.body)?;
    let fields = Fields::new(&body, &["region", "device_kind", "device_fingerprint"])?;
    let region = fields.one_of("region", catalog::REGIONS, "auto")?;
    if let Some(kind) = fields.text("device_kind", KIND)? {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if kind.is_empty() || kind.len() > 32 || !kind.bytes().all(plain) {
            return Err(ApiError::field("device_kind", KIND, "something else"));
        }
    }
    let fingerprint = fields
        .required("device_fingerprint", "a string of 8 to 255 visible ASCII characters", |text| {
            (8..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        })?
        .to_owned();
    let activation = app
        .db
        .write(move |transaction| accounts::activate(transaction, &fingerprint, &region), |_| ())
        .await?;
    Ok(ApiSuccess::new(json!({
        "account_id": activation.account.id,
        "project_id": activation.project_id,
        "primary_api_key": activation.key,
        "trial_credit_usd": pricing::dollars(pricing::TRIAL_MICROS),
        "checkout_url": context.host.url(&format!("/checkout/{}", activation.account.checkout_token)),
    })))
}

const KIND: &str = "a kind of device such as cli: 1 to 32 lower-case letters, digits, - and _";
