//! Pages for people: a checkout that starts a top-up, and the page that completes one.

use std::{fmt::Write as _, sync::Arc};

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::{account::AMOUNT, extract::PathParam};
use crate::{
    app::{App, RequestContext},
    catalog::TOPUP_MICROS,
    error::ApiError,
    pricing::dollars,
    store::{accounts, ledger, topups},
};

/// `GET /topup/{token}`: the amount, and the button that pays it.
pub(super) async fn topup(
    State(app): State<Arc<App>>,
    PathParam(token): PathParam,
) -> Result<Response, ApiError> {
    let topup = app.db.read(move |connection| topups::by_token(connection, &token)).await?;
    let amount = dollars(topup.amount_micros);
    let mut body = String::new();
    if topup.state == "pending" {
        let _ = write!(
            body,
            "<p>Add <strong>${amount:.2}</strong> to this sandbox's wallet. No real money moves.</p>
<form method=\"post\"><button>Pay ${amount:.2}</button></form>"
        );
    } else {
        let _ = write!(body, "<p role=\"status\">Paid: <strong>${amount:.2}</strong> is in the wallet.</p>");
        if let Some(url) = topup.return_url {
            let _ = write!(body, "<p><a href=\"{}\" rel=\"noreferrer\">Continue</a></p>", escape(&url));
        }
    }
    Ok(page("Top up", &body))
}

/// `POST /topup/{token}`: pays, once however often it is sent.
pub(super) async fn complete_topup(
    State(app): State<Arc<App>>,
    PathParam(token): PathParam,
) -> Result<Response, ApiError> {
    let page = format!("/topup/{token}");
    app.db
        .write(
            move |transaction| topups::complete(transaction, &topups::by_token(transaction, &token)?),
            |()| (),
        )
        .await?;
    Ok(see_other(&page))
}

/// `GET /checkout/{token}`: the balance, and amounts to add to it.
pub(super) async fn checkout(
    State(app): State<Arc<App>>,
    PathParam(token): PathParam,
) -> Result<Response, ApiError> {
    let balance = app
        .db
        .read(move |connection| match accounts::by_checkout(connection, &token)? {
            Some(account) => ledger::balance(connection, &account.id),
            None => Err(unknown()),
        })
        .await?;
    let body = format!(
        "<p>This sandbox's wallet holds <strong>${:.2}</strong>. No real money moves.</p>
<form method=\"post\"><label>Amount in US dollars
<input name=\"amount_usd\" type=\"number\" min=\"1\" max=\"10000\" step=\"0.01\" value=\"20\" required></label>
<button>Add</button></form>",
        dollars(balance)
    );
    Ok(page("Checkout", &body))
}

/// `POST /checkout/{token}`: creates a top-up and redirects to its page.
pub(super) async fn start_topup(
    State(app): State<Arc<App>>,
    context: RequestContext,
    PathParam(token): PathParam,
) -> Result<Response, ApiError> {
    let amount = form_urlencoded::parse(&context.body)
        .find(|(name, _)| name == "amount_usd")
        .and_then(|(_, amount)| amount.trim().parse::<f64>().ok())
        // Before rounding: 10,000.000000000002 is more than 10,000.
        .filter(|amount| (dollars(*TOPUP_MICROS.start())..=dollars(*TOPUP_MICROS.end())).contains(amount));
    #[allow(clippy::cast_possible_truncation, reason = "in range")]
    let amount = amount
        .map(|amount| (amount * 1e6).round() as i64)
        .ok_or_else(|| ApiError::field("amount_usd", AMOUNT, "something else"))?;
    let topup = app
        .db
        .write(
            move |transaction| match accounts::by_checkout(transaction, &token)? {
                Some(account) => topups::create(transaction, &account.id, amount, None),
                None => Err(unknown()),
            },
            |_| (),
        )
        .await?;
    Ok(see_other(&topup.page()))
}

fn unknown() -> ApiError {
    ApiError::not_found("no such checkout")
}

fn see_other(path: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<title>{title} · Infrai sandbox</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto; padding: 0 1rem }}
button, input {{ font: inherit; padding: .4rem 1rem }}</style></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"
    );
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
