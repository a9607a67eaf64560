//! The way of every request: host, body, fault, handler, envelope.

use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderValue, Request, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use tower_service::Service;

use crate::{
    access::RouteGroup,
    app::{App, RequestContext},
    envelope,
    error::{self, ApiError},
    fault::{DropWhen, Fault},
    request_log::RequestEntry,
};

/// The largest request body.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;
/// Number of bytes read of a body that is too large, so that its sender gets the error instead of a reset.
const DRAIN_LIMIT: usize = 16 * BODY_LIMIT;

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct ConnectionDropped;

impl fmt::Display for ConnectionDropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection was dropped by a fault")
    }
}

impl Error for ConnectionDropped {}

/// Answers one request.
pub(crate) async fn handle_request<B>(
    app: &Arc<App>,
    router: Router,
    peer: SocketAddr,
    request: Request<B>,
) -> Result<Response, ConnectionDropped>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let group = RouteGroup::of(&parts.method, &parts.uri, &parts.headers);
    let idempotency_key = parts.headers.get("idempotency-key").map(HeaderValue::as_bytes);
    let idempotency_key = idempotency_key.map(String::from_utf8_lossy);
    let mut entry = RequestEntry::new(
        parts.method.as_str(),
        parts.uri.path(),
        idempotency_key.as_deref(),
        group.is_dashboard(),
    );
    let (result, fault) = dispatch(app, router, peer, group, parts, body).await;
    let elapsed = started.elapsed();
    entry.fault = fault.as_ref().map(Fault::to_string);
    entry.latency_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let result = result.map(|response| {
        let mut response = envelope::finish_envelope(response, &entry.request_id, elapsed);
        if let Some(seconds) = fault.as_ref().and_then(|fault| fault.retry_after) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match fault.and_then(|fault| fault.cut) {
            Some(length) => truncate(response, length),
            None => response,
        }
    });
    entry.status = result.as_ref().ok().map(|response| response.status().as_u16());
    tracing::debug!(
        method = entry.method,
        path = entry.path,
        status = entry.status,
        latency_ms = entry.latency_ms,
        request_id = entry.request_id,
        fault = entry.fault,
        "request handled"
    );
    app.log.push(entry);
    result
}

async fn dispatch<B>(
    app: &Arc<App>,
    router: Router,
    peer: SocketAddr,
    group: RouteGroup,
    parts: Parts,
    body: B,
) -> (Result<Response, ConnectionDropped>, Option<Fault>)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let prepared = async {
        let host = app.hosts.check(&parts.uri, &parts.headers)?;
        group.check(&parts.headers, peer, &host)?;
        let body = read(body, &parts, app.body_timeout).await?;
        Ok::<_, ApiError>(RequestContext { host, peer, body, job_error_code: None })
    };
    let mut context = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => return (Ok(error.into_response()), None),
    };
    let fault = if group.allows_faults() { app.faults.pick(&parts.method, parts.uri.path()) } else { None };
    if let Some(fault) = &fault {
        if let Some(delay) = fault.delay {
            tokio::time::sleep(delay).await;
        }
        if fault.drop == Some(DropWhen::Before) {
            return (Err(ConnectionDropped), Some(fault.clone()));
        }
        if let Some(status) = fault.status {
            return (Ok(fault_response(status, fault)), Some(fault.clone()));
        }
        context.job_error_code = fault.job_error_code().map(str::to_owned);
    }
    let response = handle(router, parts, context).await;
    match &fault {
        Some(met) if met.drop == Some(DropWhen::After) => (Err(ConnectionDropped), fault),
        _ => (Ok(response), fault),
    }
}

async fn handle(mut router: Router, parts: Parts, context: RequestContext) -> Response {
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(context);
    match AssertUnwindSafe(router.call(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(_) => ApiError::internal("the sandbox failed; see its log").into_response(),
    }
}

fn fault_response(status: StatusCode, fault: &Fault) -> Response {
    let code = fault.code.clone().unwrap_or_else(|| error::default_code(status).to_owned());
    ApiError::new(status, code, "an injected fault").with("fault", fault.to_string()).into_response()
}

async fn read<B>(mut body: B, parts: &Parts, timeout: Duration) -> Result<Bytes, ApiError>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let reading = async {
        let mut bytes = BytesMut::new();
        let mut total = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(ApiError::invalid("the request's body ended early")) };
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total <= BODY_LIMIT {
                bytes.extend_from_slice(&data);
            } else if total > DRAIN_LIMIT {
                break;
            }
        }
        if total > BODY_LIMIT { Err(too_large()) } else { Ok(bytes.freeze()) }
    };
    let expects = parts.headers.contains_key(header::EXPECT);
    let declared = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    if declared > BODY_LIMIT as u64 && expects {
        // It waits for our word before it sends anything: there is nothing to drain.
        return Err(too_large());
    }
    tokio::time::timeout(timeout, reading).await.unwrap_or_else(|_| {
        Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "the request's body did not arrive in time",
        ))
    })
}

fn too_large() -> ApiError {
    let message = format!("the body is too large: at most {BODY_LIMIT} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
}

/// Announces the whole body, sends `length` bytes of it, and breaks the connection.
fn truncate(mut response: Response, length: usize) -> Response {
    let exact = response.body().size_hint().exact();
    if let Some(exact) = exact {
        if exact <= length as u64 {
            return response;
        }
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(exact));
    }
    let body = std::mem::take(response.body_mut()).into_data_stream();
    let taken = body.scan(length, |left, chunk| {
        let piece = (*left > 0).then(|| {
            chunk.map(|bytes| {
                let piece = bytes.slice(..bytes.len().min(*left));
                *left -= piece.len();
                piece
            })
        });
        std::future::ready(piece)
    });
    let broken = stream::once(async {
        // Flushes the bytes written before.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(axum::Error::new(ConnectionDropped))
    });
    *response.body_mut() = Body::from_stream(taken.chain(broken));
    response
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::{Sandbox, host::HostPolicy};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_in_a_handler_or_in_the_database_is_a_500_envelope_and_nothing_more() {
        let prepared = tokio::task::spawn_blocking(|| Sandbox::builder().prepare(HostPolicy::default()));
        let (app, _folder, _) = prepared.await.expect("a thread").expect("a sandbox");
        let db = app.db.clone();
        let router = Router::new()
            .route("/handler", get(async || -> String { panic!("a handler that panics") }))
            .route(
                "/database",
                get(async move || db.read::<()>(|_| panic!("a query that panics")).await.unwrap_err()),
            );
        for path in ["/handler", "/database", "/handler"] {
            let request = Request::get(path).header("host", "localhost").body(Body::empty());
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            let answer = handle_request(&app, router.clone(), peer, request.expect("a request")).await;
            let response = answer.expect("an answer");
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            let envelope: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(envelope["ok"], false);
            assert_eq!(envelope["error"]["code"], "UNKNOWN_ERROR");
            assert!(!envelope.to_string().contains("panics"), "the reason stays inside");
        }
        app.db.read(|_| Ok(())).await.expect("the database continues");
        app.runner.signal_stop();
        app.runner.join();
        app.db.close();
    }
}
