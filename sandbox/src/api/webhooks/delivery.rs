//! Deliveries of events: signed requests to loopback URLs, repeated until the receiver accepts them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::Sha256;
use tokio::{net::TcpStream, sync::watch, task::JoinSet};

use super::loopback;
use crate::{
    api::video::show_now,
    app::App,
    error::ApiError,
    host::Host,
    store::{
        jobs::{self, Job},
        webhooks::{self, Delivery},
    },
    time, tokens,
};

/// Most attempts of a delivery.
pub(crate) const ATTEMPTS: u32 = 12;
/// Pause after the first failed attempt. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Time for a receiver to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two queries for due deliveries.
const INTERVAL: Duration = Duration::from_millis(50);

/// Delivers events until the sandbox stops. `host` is the address that URLs of files name.
pub(crate) async fn deliver(app: Arc<App>, host: Host, mut stopped: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    // One delivery per webhook at a time. A repeated one may come after later events.
    let mut busy = HashSet::new();
    let any = app.db.read(webhooks::any).await.unwrap_or(false);
    let registered = async {
        if !any {
            app.webhook_registered.notified().await;
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => return,
        () = registered => {}
    }
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            Some(Ok(webhook)) = running.join_next() => {
                busy.remove(&webhook);
            }
            () = tokio::time::sleep(INTERVAL) => {}
        }
        for delivery in app.db.read(webhooks::due).await.unwrap_or_default() {
            if busy.insert(delivery.webhook_id.clone()) {
                let (app, host) = (app.clone(), host.clone());
                running.spawn(async move {
                    let webhook = delivery.webhook_id.clone();
                    if let Err(error) = attempt(&app, host, delivery).await {
                        tracing::warn!(error = %error.message, "a webhook's delivery could not be noted");
                    }
                    webhook
                });
            }
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

async fn attempt(app: &Arc<App>, host: Host, delivery: Delivery) -> Result<(), ApiError> {
    let Delivery { seq, attempts, .. } = delivery;
    let body = if let Some(body) = &delivery.body {
        body.clone()
    } else {
        let (account, id) = (delivery.account_id.clone(), delivery.job_id.clone());
        let job = app.db.read(move |connection| jobs::of_account(connection, &account, &id)).await?;
        event(app, &host, &delivery, job)
    };
    let body = app
        .db
        .write(move |transaction| webhooks::begin(transaction, seq, &body, millis(2 * TIMEOUT)), |_| ())
        .await?;
    // None: a process that shared the folder has delivered it.
    let Some(body) = body else { return Ok(()) };
    let outcome = tokio::time::timeout(TIMEOUT, send(&delivery, body)).await;
    let event = delivery.event_id;
    let reason = match outcome {
        Ok(Ok(status)) if status.is_success() => {
            tracing::debug!(event, "webhook delivered");
            return app.db.write(move |transaction| webhooks::finish(transaction, seq), |()| ()).await;
        }
        Ok(Ok(status)) => format!("the receiver answered {status}"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
    };
    if attempts + 1 >= ATTEMPTS {
        tracing::warn!(event, reason, "a webhook's delivery was given up after {ATTEMPTS} attempts");
        return app.db.write(move |transaction| webhooks::finish(transaction, seq), |()| ()).await;
    }
    tracing::info!(event, reason, attempt = attempts + 1, "a webhook's delivery failed and will be repeated");
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts)).min(LONGEST_PAUSE);
    app.db.write(move |transaction| webhooks::repeat(transaction, seq, millis(pause)), |()| ()).await
}

/// Returns the body of an event: the job as it was after the change.
fn event(app: &App, host: &Host, delivery: &Delivery, mut job: Job) -> String {
    delivery.state.clone_into(&mut job.state);
    if matches!(delivery.state.as_str(), "queued" | "running") {
        (job.error, job.ended_at, job.warnings) = (None, None, None);
    }
    if delivery.state == "queued" {
        job.started_at = None;
    }
    let event = json!({
        "id": delivery.event_id,
        "type": format!("video.{}", delivery.state),
        "created": time::rfc3339(delivery.created_at),
        "data": show_now(app, host, &job),
    });
    event.to_string()
}

type SendError = Box<dyn std::error::Error + Send + Sync>;

/// Posts the body, and returns the status of the answer. It follows no redirect.
async fn send(delivery: &Delivery, body: String) -> Result<StatusCode, SendError> {
    let (host, port, path) = loopback(&delivery.url).ok_or("the URL is not a loopback one")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(delivery.secret.as_bytes())?;
    mac.update(body.as_bytes());
    let request = Request::post(if path.is_empty() { "/" } else { path })
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("infrai-sandbox/", env!("CARGO_PKG_VERSION")))
        .header("X-Infrai-Signature", tokens::hex(&mac.finalize().into_bytes()))
        .body(Full::new(Bytes::from(body)))?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    // `localhost` is what the name server says.
    if !stream.peer_addr()?.ip().is_loopback() {
        return Err("the host is not on this machine".into());
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let status = sender.send_request(request).await.map(|response| response.status());
    connection.abort();
    Ok(status?)
}
