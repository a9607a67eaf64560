//! Log output: one span per call, warnings about exposed files, and no secret.

mod support;

use std::{
    fs, io,
    sync::{Arc, Mutex},
};

use infrai::InfraiClient;
use support::{KEY, Server, ok, response};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn log_has_each_call_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let device = "0a000000-0000-4000-8000-00000000000a";
    let server = Server::start(move |number, request| match number {
        0 => ok(&format!("{{\"primary_api_key\":\"{KEY}\"}}")),
        1 => response(503, "x-request-id: req-503\r\n", KEY.as_bytes()),
        2 => ok(r#"{"job_id":"vid_1","state":"queued"}"#),
        _ => response(400, "", request.header("authorization").unwrap_or_default().as_bytes()),
    });
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("credentials");
    fs::write(&path, "").unwrap();
    fs::write(home.path().join("device"), device).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let ms = std::time::Duration::from_millis;
    let client = InfraiClient::builder()
        .credentials_file(&path)
        .base_url(server.url())
        .retry_base(ms(1))
        .build()
        .unwrap();
    client.activate().await.unwrap();
    client.video().generate("a secret prompt").await.unwrap();
    client.video().status("vid_1").await.unwrap_err();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "infrai.call",
        "route=\"/v1/video/generate\"",
        "attempt=2",
        "status=200",
        "request_id=",
        "latency_ms=",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert!(
        text.contains("WARN") && text.contains("others on this machine can read the credentials file"),
        "{text}"
    );
    for secret in [KEY, &KEY[20..], device, "a secret prompt"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
