//! `/sandbox/…`: faults, recent requests, ledger, credit. The middleware limits them to this machine.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use http::HeaderMap;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    extract::{Authenticated, PathParam, json_object},
    fields::{Fields, shorten},
};
use crate::{
    app::{App, RequestContext},
    catalog::CREDIT_MICROS,
    envelope::ApiSuccess,
    error::ApiError,
    fault::Fault,
    pricing::dollars,
    store::{
        ledger,
        topups::{self, Topup},
    },
};

/// `GET /sandbox/faults`.
pub(super) async fn list_faults(State(app): State<Arc<App>>) -> ApiSuccess {
    ApiSuccess::new(json!({"faults": app.faults.list()}))
}

/// `POST /sandbox/faults`.
pub(super) async fn add_fault(
    State(app): State<Arc<App>>,
    context: RequestContext,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    let body = json_object(&headers, &context.body)?;
    let words = Fields::new(&body, &["fault"])?.required(
        "fault",
        "a fault such as `POST /v1/video/generate: status=503 times=2`",
        |_| true,
    )?;
    let fault: Fault = words
        .parse()
        .map_err(|error: crate::ParseError| ApiError::invalid(error.to_string()).with("field", "fault"))?;
    let words = fault.to_string();
    let added = app.faults.add(fault)?;
    tracing::info!(fault = words, "fault added");
    Ok(ApiSuccess::new(added))
}

/// `DELETE /sandbox/faults/{id}`.
pub(super) async fn remove_fault(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam,
) -> Result<ApiSuccess, ApiError> {
    let removed = id.parse().is_ok_and(|id| app.faults.remove(id));
    if !removed {
        return Err(ApiError::not_found("no such fault: GET /sandbox/faults lists them"));
    }
    Ok(ApiSuccess::new(json!({"removed": 1})))
}

/// `DELETE /sandbox/faults`.
pub(super) async fn clear_faults(State(app): State<Arc<App>>) -> ApiSuccess {
    ApiSuccess::new(json!({"removed": app.faults.clear()}))
}

/// `GET /sandbox/requests`.
pub(super) async fn requests(State(app): State<Arc<App>>) -> ApiSuccess {
    ApiSuccess::new(json!({"requests": app.log.list()}))
}

/// Query of the ledger: the start of a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
}

/// The greatest seq that every JSON parser represents exactly.
pub(super) const LAST_SEQ: i64 = (1 << 53) - 1;

/// `GET /sandbox/ledger`, for the account of the request's key.
pub(super) async fn ledger(
    State(app): State<Arc<App>>,
    Authenticated(account): Authenticated,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<ApiSuccess, ApiError> {
    let expected = format!("the seq of an entry, a number from 0 to {LAST_SEQ}");
    let Query(page) = page.map_err(|_| ApiError::field("after", &expected, "something else"))?;
    let after = page.after.as_deref().map_or(Ok(0), |text| {
        let seq = text.parse().ok().filter(|seq| (0..=LAST_SEQ).contains(seq));
        seq.ok_or_else(|| ApiError::field("after", &expected, &shorten(text)))
    })?;
    let ledger = app.db.read(move |connection| ledger::page(connection, &account.id, after)).await?;
    Ok(ApiSuccess::new(ledger))
}

/// The accepted amounts of credit, in words.
const AMOUNT: &str = "a number of US dollars above 0 and at most 10000";

/// `POST /sandbox/credit`: adds credit to the account of the request's key, as a completed top-up.
pub(super) async fn add_credit(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Authenticated(account): Authenticated,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    let body = json_object(&headers, &context.body)?;
    let amount = Fields::new(&body, &["amount_usd"])?
        .scaled("amount_usd", 1e6, CREDIT_MICROS, AMOUNT)?
        .ok_or_else(|| ApiError::field("amount_usd", AMOUNT, "nothing"))?;
    let paid = move |transaction: &Transaction<'_>| {
        let topup = topups::create(transaction, &account.id, amount, None)?;
        pay(transaction, &topup)
    };
    Ok(ApiSuccess::new(app.db.write(paid, |_| ()).await?))
}

/// `POST /sandbox/topups/{id}/pay`: completes a top-up, once however often it is sent.
pub(super) async fn pay_topup(
    State(app): State<Arc<App>>,
    Authenticated(account): Authenticated,
    PathParam(id): PathParam,
) -> Result<ApiSuccess, ApiError> {
    let paid = move |transaction: &Transaction<'_>| {
        let topup = topups::of_account(transaction, &account.id, &id)?;
        pay(transaction, &topup)
    };
    Ok(ApiSuccess::new(app.db.write(paid, |_| ()).await?))
}

fn pay(transaction: &Transaction<'_>, topup: &Topup) -> Result<Value, ApiError> {
    topups::complete(transaction, topup)?;
    Ok(json!({
        "topup_id": topup.id,
        "amount_usd": dollars(topup.amount_micros),
        "state": "succeeded",
        "balance_usd": dollars(ledger::balance(transaction, &topup.account_id)?),
    }))
}
