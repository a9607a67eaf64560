//! A sandbox without a network: one per process, with a rendered video, and one account per input.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Sandbox, api,
    app::App,
    data_dir::DataDir,
    host::HostPolicy,
    middleware::{self, ConnectionDropped},
};

pub(super) struct Fixture {
    app: Arc<App>,
    router: Router,
    runtime: Runtime,
    number: u64,
    /// Path of the video's signed URL.
    pub(super) file: String,
    _folder: DataDir,
}

/// Values of an input's account, by the placeholders of an input.
pub(super) struct Names {
    pub(super) key: String,
    pub(super) job: String,
    pub(super) topup: String,
    pub(super) checkout: String,
}

/// A response with its whole body; `None` if a fault cut the body.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

static FIXTURE: LazyLock<Mutex<Fixture>> = LazyLock::new(|| Mutex::new(Fixture::new()));

/// Returns the fixture, for one input at a time.
pub(super) fn fixture() -> MutexGuard<'static, Fixture> {
    FIXTURE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fixture {
    fn new() -> Self {
        // The clock is paused and jumps, so that delays of faults and limits take no time.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (app, folder, _) = Sandbox::builder().prepare(HostPolicy::default()).expect("a sandbox");
        let router = api::router(app.clone());
        let mut fixture = Self { app, router, runtime, number: 0, file: String::new(), _folder: folder };
        let names = fixture.begin();
        let authorization = format!("Bearer {}", names.key);
        let body = json!({"prompt": "x", "duration_seconds": 1, "aspect": "1:1"}).to_string();
        let job = fixture.api("POST", "/v1/video/generate", &authorization, &body);
        let path = format!("/v1/video/jobs/{}", job["job_id"].as_str().expect("a job"));
        fixture.file = loop {
            let job = fixture.api("GET", &path, &authorization, "");
            match job["video_url"].as_str() {
                Some(url) => break url.strip_prefix("http://localhost").expect("its host").to_owned(),
                None => assert!(job["state"] != "failed", "{job}"),
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        // Jobs of inputs stay queued: rendering is tested elsewhere, and would take all the time.
        fixture.app.runner.signal_stop();
        fixture.app.runner.join();
        fixture.runtime.block_on(async { tokio::time::pause() });
        fixture
    }

    /// Clears the faults of an input, and creates the next one's account with a job and a top-up.
    pub(super) fn begin(&mut self) -> Names {
        self.end();
        self.number += 1;
        let fingerprint = json!({"device_fingerprint": format!("device-{}", self.number)}).to_string();
        let account = self.api("POST", "/v1/activate", "", &fingerprint);
        let key = account["primary_api_key"].as_str().expect("a key").to_owned();
        let authorization = format!("Bearer {key}");
        if self.file.is_empty() {
            return Names { key, job: String::new(), topup: String::new(), checkout: String::new() };
        }
        let job = self.api("POST", "/v1/video/generate", &authorization, r#"{"prompt":"x"}"#);
        let topup = self.api("POST", "/v1/account/topup", &authorization, r#"{"amount_usd":5}"#);
        let token = |value: &Value| {
            value.as_str().and_then(|url| url.rsplit('/').next()).expect("a token").to_owned()
        };
        Names {
            key,
            job: job["job_id"].as_str().expect("a job").to_owned(),
            topup: token(&topup["next_action_url"]),
            checkout: token(&account["checkout_url"]),
        }
    }

    /// Clears the faults of an input.
    pub(super) fn end(&self) {
        self.app.faults.clear();
    }

    fn api(&self, method: &str, path: &str, authorization: &str, body: &str) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", authorization)
            .header("content-type", "application/json")
            .header("idempotency-key", "begin")
            .body(body.to_owned().into())
            .expect("a request");
        let answer = self.call(SocketAddr::from(([127, 0, 0, 1], 1)), request).expect("an answer");
        let envelope: Value = serde_json::from_slice(&answer.body.expect("a body")).expect("JSON");
        assert_eq!(answer.status, 200, "{envelope}");
        envelope["data"].clone()
    }

    /// Sends a request through the middleware. `None` if a fault dropped the connection.
    pub(super) fn call(&self, peer: SocketAddr, request: Request<Bytes>) -> Option<Reply> {
        let request = request.map(Full::new);
        self.runtime.block_on(async {
            let response: Response<Body> =
                match middleware::handle_request(&self.app, self.router.clone(), peer, request).await {
                    Ok(response) => response,
                    Err(ConnectionDropped) => return None,
                };
            let (parts, body) = response.into_parts();
            let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
            Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
        })
    }
}
