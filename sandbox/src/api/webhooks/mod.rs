//! `POST /v1/account/webhooks/register`, and the deliveries to what it registers.

pub(super) mod delivery;

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    extract::{Authenticated, idempotency_key, json_object},
    fields::{Fields, shorten},
};
use crate::{
    app::{App, RequestContext},
    envelope::ApiSuccess,
    error::ApiError,
    store::{
        idempotency,
        webhooks::{self, LIMIT, Registration},
    },
    time,
};

/// Names of the sandbox's events, which are its own: the API's are not public.
pub(super) const EVENTS: [&str; 6] =
    ["*", "video.queued", "video.running", "video.succeeded", "video.failed", "video.cancelled"];
/// Most characters of a description or a secret.
pub(super) const TEXT_LIMIT: usize = 256;
/// Characters of a path and query, besides letters, digits and escapes.
pub(super) const PATH_MARKS: &str = "-._~:/?@!$&'()*+,;=";
/// The accepted URLs, in words.
const URL: &str = "an http URL of localhost, 127.0.0.1 or [::1]";

/// Returns the host, the port, and the path with the query of a loopback URL, if it is one.
fn loopback(url: &str) -> Option<(&str, u16, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = ["localhost", "127.0.0.1", "[::1]"].into_iter().find(|host| authority.starts_with(host))?;
    let port = match authority[host.len()..].split_once(':') {
        None if authority == host => 80,
        Some(("", digits))
            if digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0') =>
        {
            digits.parse().ok()?
        }
        _ => return None,
    };
    let mut escaped = path.split('%');
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || PATH_MARKS.contains(c));
    let hex = |text: &str| text.get(..2).is_some_and(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
    let sound = escaped.next().is_none_or(plain) && escaped.all(|part| hex(part) && plain(&part[2..]));
    ((path.is_empty() || path.starts_with('/')) && url.len() <= crate::catalog::URL_LIMIT && sound)
        .then_some((host, port, path))
}

fn check(body: &Map<String, Value>) -> Result<Registration, ApiError> {
    let fields = Fields::new(body, &["url", "events", "description", "secret"])?;
    let url = fields.required("url", URL, |url| loopback(url).is_some())?.to_owned();
    let names = EVENTS.join(", ");
    let expected = format!("a list of 1 to {} of {names}", EVENTS.len());
    let events = body.get("events").and_then(Value::as_array).and_then(|events| {
        let known = |event: &Value| event.as_str().filter(|event| EVENTS.contains(event)).map(str::to_owned);
        events.iter().map(known).collect::<Option<Vec<_>>>()
    });
    let events = events.filter(|events| (1..=EVENTS.len()).contains(&events.len())).ok_or_else(|| {
        let got =
            body.get("events").map_or_else(|| "nothing".to_owned(), |events| shorten(&events.to_string()));
        ApiError::field("events", &expected, &got)
    })?;
    let expected = format!("a text of at most {TEXT_LIMIT} characters");
    let description = fields.text("description", &expected)?.map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > TEXT_LIMIT) {
        return Err(ApiError::field("description", &expected, "a longer one"));
    }
    let expected = format!("{expected} that is not blank");
    // Not with `Fields`, whose error would show another type's value.
    let secret = match body.get("secret") {
        Some(Value::String(text)) if text.chars().count() <= TEXT_LIMIT && !text.trim().is_empty() => {
            text.clone()
        }
        Some(_) => return Err(ApiError::field("secret", &expected, "something else")),
        None => return Err(ApiError::field("secret", &expected, "nothing")),
    };
    Ok(Registration { url, events, description, secret })
}

/// `POST /v1/account/webhooks/register`: stores a webhook of the account. The same URL again replaces its settings.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    context: RequestContext,
    Authenticated(account): Authenticated,
    headers: HeaderMap,
) -> Result<ApiSuccess, ApiError> {
    let body = json_object(&headers, &context.body)?;
    let key = idempotency_key(&headers, "webhooks.register", &body)?;
    let webhook = check(&body)?;
    if loopback(&webhook.url).is_some_and(|(_, port, _)| port == context.host.port()) {
        return Err(ApiError::field("url", "another port than the sandbox's own", &webhook.url));
    }
    let (waking, window) = (app.clone(), app.idempotency_window);
    let (data, replayed) = app
        .db
        .write(
            move |transaction| {
                idempotency::execute_once(transaction, &account.id, key.as_ref(), window, || {
                    let Some((id, created_at)) = webhooks::register(transaction, &account.id, &webhook)?
                    else {
                        let message =
                            format!("the account has {LIMIT} webhooks: register one of their URLs again");
                        return Err(ApiError::new(StatusCode::CONFLICT, "WEBHOOK_LIMIT", message));
                    };
                    Ok(json!({
                        "webhook_id": id,
                        "url": webhook.url,
                        "events": webhook.events,
                        "description": webhook.description,
                        "created_at": time::rfc3339(created_at),
                    }))
                })
            },
            move |_| waking.webhook_registered.notify_one(),
        )
        .await?;
    Ok(ApiSuccess { cache_hit: replayed, ..ApiSuccess::new(data) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_urls_are_accepted() {
        for (url, parts) in [
            ("http://localhost", ("localhost", 80, "")),
            ("http://127.0.0.1:8000/a%20b?c=d", ("127.0.0.1", 8000, "/a%20b?c=d")),
            ("http://[::1]:65535/", ("[::1]", 65535, "/")),
        ] {
            assert_eq!(loopback(url), Some(parts), "{url}");
        }
        for url in [
            "https://localhost/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://evil.example/",
            "http://10.0.2.2/",
            "http://localhost:0/",
            "http://localhost:080/",
            "http://localhost:65536/",
            "http://localhost:",
            "http://localhost?a",
            "http://localhost/#a",
            "http://localhost/a b",
            "http://localhost/%2",
            "http://localhost/\r\nX-Evil: 1",
            "localhost",
        ] {
            assert_eq!(loopback(url), None, "{url}");
        }
    }
}
