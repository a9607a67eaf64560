//! `/v1/video/…`: generate, status, cancel.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    extract::{Authenticated, PathParam, idempotency_header, idempotency_key, json_object},
    fields::Fields,
};
use crate::{
    app::{App, RequestContext},
    catalog::{self, ASPECTS, DURATION, MODELS, PREFERS, RESOLUTIONS, VENDORS},
    envelope::ApiSuccess,
    error::ApiError,
    host::Host,
    pricing::{self, dollars},
    runner::{THUMBNAIL, VIDEO},
    store::{
        accounts::Account,
        idempotency,
        jobs::{self, Job, JobRequest},
        ledger,
    },
    time, tokens,
};

/// Fields of `generate`.
const FIELDS: &[&str] = &[
    "prompt",
    "reference_image_url",
    "duration_seconds",
    "aspect",
    "resolution",
    "prefer",
    "model",
    "vendor",
];

fn check(body: &Map<String, Value>) -> Result<JobRequest, ApiError> {
    let fields = Fields::new(body, FIELDS)?;
    let expected = format!("a text of at most {} bytes that is not blank", catalog::PROMPT_LIMIT);
    let prompt = fields.required("prompt", &expected, |text| {
        text.len() <= catalog::PROMPT_LIMIT && !text.trim().is_empty()
    })?;
    let expected = format!("a number of seconds from {} to {}", DURATION.start(), DURATION.end());
    #[allow(clippy::cast_possible_truncation, reason = "small constants")]
    let range = (DURATION.start() * 1000.0) as i64..=(DURATION.end() * 1000.0) as i64;
    let duration_ms = fields.scaled("duration_seconds", 1000.0, range, &expected)?;
    let duration_ms = duration_ms.unwrap_or(catalog::DEFAULT_DURATION_MS);
    let aspect = fields.one_of("aspect", ASPECTS, ASPECTS[0])?;
    let resolution = fields.one_of("resolution", RESOLUTIONS, RESOLUTIONS[0])?;
    let prefer = fields.one_of("prefer", PREFERS, PREFERS[0])?;
    let model = fields.one_of("model", MODELS, MODELS[0])?;
    let vendor = fields.one_of("vendor", VENDORS, VENDORS[0])?;
    let reference_image_url = fields.url("reference_image_url")?;
    if !catalog::supports(&vendor, &resolution) {
        let able = RESOLUTIONS.iter().filter(|resolution| catalog::supports(&vendor, resolution));
        let able = able.copied().collect::<Vec<_>>().join(", ");
        let message = format!("invalid `resolution`: the vendor {vendor} renders {able}, got {resolution}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "RESOLUTION_NOT_SUPPORTED", message)
            .with("field", "resolution")
            .with("expected", able));
    }
    let cost_micros = pricing::cost_micros(&resolution, &prefer, duration_ms)
        .ok_or_else(|| ApiError::internal("this combination has no price"))?;
    let prompt = prompt.to_owned();
    Ok(JobRequest {
        prompt,
        reference_image_url,
        duration_ms,
        aspect,
        resolution,
        prefer,
        model,
        vendor,
        cost_micros,
        injected_error_code: None,
    })
}

/// `POST /v1/video/generate`: debits the wallet and queues a job, once per idempotency key.
pub(super) async fn generate(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Authenticated(account): Authenticated,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    let body = json_object(&headers, &context.body)?;
    let key = idempotency_key(&headers, "generate", &body)?;
    let request = JobRequest { injected_error_code: context.job_error_code, ..check(&body)? };
    let (cost_micros, vendor) = (request.cost_micros, request.vendor.clone());
    let checkout_url = context.host.url(&format!("/checkout/{}", account.checkout_token));
    let (runner, window) = (app.runner.clone(), app.idempotency_window);
    let (data, replayed) = app
        .db
        .write(
            move |transaction| {
                idempotency::execute_once(transaction, &account.id, key.as_ref(), window, || {
                    let balance = ledger::balance(transaction, &account.id)?;
                    if balance < cost_micros {
                        return Err(insufficient_funds(cost_micros, balance, &checkout_url));
                    }
                    Ok(show(&jobs::create(transaction, &account.id, request)?))
                })
            },
            // Here, not after the await: the client may have gone away by then.
            move |_| runner.wake(),
        )
        .await?;
    Ok(ApiSuccess { data, cost_micros, vendor, cache_hit: replayed })
}

fn insufficient_funds(cost: i64, balance: i64, checkout_url: &str) -> ApiError {
    let message = format!(
        "the video costs ${:.2} and the wallet holds ${:.2}: top it up at checkout_url",
        dollars(cost),
        dollars(balance)
    );
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_CREDIT", message)
        .with("checkout_url", checkout_url)
        .with("cost_usd", dollars(cost))
        .with("balance_usd", dollars(balance))
}

/// `GET /v1/video/jobs/{id}`.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Authenticated(account): Authenticated,
    PathParam(id): PathParam,
) -> Result<Response, ApiError> {
    let job = app.db.read(move |connection| jobs::of_account(connection, &account.id, &id)).await?;
    let data = show_now(&app, &context.host, &job);
    let ended = job.ended_at.is_some();
    let mut response = ApiSuccess { vendor: job.request.vendor, ..ApiSuccess::new(data) }.into_response();
    if let Some(seconds) = app.status_retry_after.filter(|_| !ended) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// `POST /v1/video/jobs/{id}/cancel`.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Authenticated(Account { id: account, .. }): Authenticated,
    headers: HeaderMap,
    PathParam(id): PathParam,
) -> Result<ApiSuccess, ApiError> {
    // A second cancel has the result of the first, so the key is not stored.
    idempotency_header(&headers)?;
    let (runner, cancelled) = (app.runner.clone(), id.clone());
    let ok = app
        .db
        .write(
            move |transaction| jobs::cancel(transaction, &account, &id),
            move |ok| {
                if *ok {
                    runner.abandon(&cancelled);
                }
            },
        )
        .await?;
    Ok(ApiSuccess::new(json!({"ok": ok})))
}

/// Returns a job as the API represents it.
pub(super) fn show_now(app: &App, host: &Host, job: &Job) -> Value {
    let mut data = show(job);
    if job.state == "running" {
        data["progress"] = json!(app.runner.progress(job));
    }
    if job.state == "succeeded" {
        data["progress"] = json!(1.0);
        for (name, file) in [("video_url", VIDEO), ("thumbnail_url", THUMBNAIL)] {
            data[name] = json!(file_url(app, host, job, file));
        }
    }
    data
}

/// Returns the part of a job that depends on neither time nor host.
fn show(job: &Job) -> Value {
    let request = &job.request;
    let mut data = json!({
        "job_id": job.id,
        "state": job.state,
        "created_at": time::rfc3339(job.created_at),
        "prompt": request.prompt,
        "duration_seconds": seconds(request.duration_ms),
        "aspect": request.aspect,
        "resolution": request.resolution,
        "prefer": request.prefer,
        "model": request.model,
        "vendor": request.vendor,
        "cost_usd": dollars(request.cost_micros),
    });
    let times = [("started_at", job.started_at), ("ended_at", job.ended_at)];
    for (name, time) in times.into_iter().filter_map(|(name, time)| Some((name, time?))) {
        data[name] = json!(time::rfc3339(time));
    }
    if let Some(url) = &request.reference_image_url {
        data["reference_image_url"] = json!(url);
    }
    if let Some(micros) = job.refunded_micros() {
        data["refunded_usd"] = json!(dollars(micros));
    }
    if let Some((code, message)) = &job.error {
        data["error"] = json!({"code": code, "message": message});
    }
    let warnings =
        job.warnings.as_deref().and_then(|warnings| serde_json::from_str::<Vec<Value>>(warnings).ok());
    if let Some(warnings) = warnings.filter(|warnings| !warnings.is_empty()) {
        data["warnings"] = Value::from(warnings);
    }
    data
}

/// Returns the URL of a file. It lives for the set time and up to an eighth more, so that polls within that eighth
/// see the same URL.
fn file_url(app: &App, host: &Host, job: &Job, file: &str) -> String {
    let ttl = i64::try_from(app.file_url_ttl.as_millis()).unwrap_or(i64::MAX / 4).max(1);
    let step = (ttl / 8).max(1);
    let expires = (time::unix_millis() + ttl).div_euclid(step).saturating_add(1).saturating_mul(step);
    let token = tokens::sign_file(&app.file_signing_key, &job.file_id, expires);
    host.url(&format!("/files/{token}/{file}"))
}

#[allow(clippy::cast_precision_loss, reason = "at most a minute of milliseconds")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
