//! `/v1/account/…`: balance, and top-ups that a page completes.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{
    extract::{Authenticated, idempotency_key, json_object},
    fields::Fields,
};
use crate::{
    app::{App, RequestContext},
    catalog::TOPUP_MICROS,
    envelope::ApiSuccess,
    error::ApiError,
    pricing::dollars,
    store::{idempotency, ledger, topups},
};

/// `GET /v1/account/balance`.
pub(super) async fn balance(
    State(app): State<Arc<App>>,
    Authenticated(account): Authenticated,
) -> Result<ApiSuccess, ApiError> {
    let balance = app.db.read(move |connection| ledger::balance(connection, &account.id)).await?;
    Ok(ApiSuccess::new(json!({"balance_usd": dollars(balance), "currency": "USD"})))
}

/// The accepted amounts of a top-up, in words.
pub(super) const AMOUNT: &str = "a number of US dollars from 1 to 10000";

/// `POST /v1/account/topup`: creates a pending record; the page behind `next_action_url` completes it.
pub(super) async fn topup(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Authenticated(account): Authenticated,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    let body = json_object(&headers, &context.body)?;
    let key = idempotency_key(&headers, "topup", &body)?.ok_or_else(|| {
        let message = "missing `Idempotency-Key`: a top-up needs this header";
        ApiError::new(StatusCode::BAD_REQUEST, "IDEMPOTENCY_KEY_REQUIRED", message)
            .with("field", "Idempotency-Key")
    })?;
    let fields = Fields::new(&body, &["amount_usd", "return_url"])?;
    let amount = fields
        .scaled("amount_usd", 1e6, TOPUP_MICROS, AMOUNT)?
        .ok_or_else(|| ApiError::field("amount_usd", AMOUNT, "nothing"))?;
    let return_url = fields.url("return_url")?;
    let window = app.idempotency_window;
    let (mut data, replayed) = app
        .db
        .write(
            move |transaction| {
                let (mut data, replayed) =
                    idempotency::execute_once(transaction, &account.id, Some(&key), window, || {
                        let topup = topups::create(transaction, &account.id, amount, return_url)?;
                        Ok(json!({
                            "topup_id": topup.id,
                            "amount_usd": dollars(topup.amount_micros),
                            "state": topup.state,
                            "next_action_url": topup.page(),
                        }))
                    })?;
                // The stored result has the state of its time.
                if let Some(id) = data["topup_id"].as_str().filter(|_| replayed) {
                    data["state"] = json!(topups::of_account(transaction, &account.id, id)?.state);
                }
                Ok((data, replayed))
            },
            |_| (),
        )
        .await?;
    // Stored as a path: the port may differ when the stored result is returned.
    if let Some(page) = data["next_action_url"].as_str() {
        data["next_action_url"] = Value::from(context.host.url(page));
    }
    Ok(ApiSuccess { cache_hit: replayed, ..ApiSuccess::new(data) })
}
