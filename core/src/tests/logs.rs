//! Tests of the log with a hostile server: one line per record, whatever a field holds.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tracing::{Event, Subscriber, field, span};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use crate::script::{self, answer, plain};

/// C0 and C1 controls, a forged line, bidirectional overrides, line separators.
const HOSTILE: &str =
    "j\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\r\nWARN forged\u{202e}\u{2066}\u{2028}\u{2029}\u{7f}\u{feff}";

/// Collects every field of every record unchanged, as the subscriber of a binding receives it.
#[derive(Clone, Default)]
struct FieldReader(Arc<Mutex<Vec<(String, String)>>>);

impl FieldReader {
    fn push(&self, field: &field::Field, text: String) {
        self.0.lock().unwrap().push((field.name().to_owned(), text));
    }
}

impl field::Visit for &FieldReader {
    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.push(field, value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for FieldReader {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        span.record(&mut &*self);
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut &*self);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut &*self);
    }
}

fn hostile_job(state: &str) -> Value {
    json!({
        "job_id": HOSTILE, "state": state, "error": HOSTILE, "code": HOSTILE,
        "video_url": "http://localhost:1/v.mp4",
    })
}

fn hostile_ok(state: &str) -> script::MockResponse {
    answer(200, &json!({"ok": true, "data": hostile_job(state), "metadata": {"request_id": HOSTILE}}))
}

fn hostile_failure(status: u16) -> script::MockResponse {
    let error = json!({
        "code": HOSTILE, "message": HOSTILE, "retryable": true, "request_id": HOSTILE,
        "details": {(HOSTILE): HOSTILE}, "checkout_url": HOSTILE,
    });
    answer(status, &json!({"ok": false, "error": error, "metadata": {"request_id": HOSTILE}}))
}

#[tokio::test(start_paused = true)]
async fn log_fields_contain_no_control_characters() {
    let fields = FieldReader::default();
    let _guard = script::log_to(tracing_subscriber::registry().with(fields.clone()));
    let (client, _) = plain(|number, _| match number {
        0 | 3 => hostile_failure(503),
        1 => hostile_ok("queued"),
        // A poll that fails, once the job is known.
        2 => hostile_ok(HOSTILE),
        // The download: the URL has expired, then the connection breaks, then the file is refused.
        5 => answer(403, &json!(null)),
        4 | 6 => hostile_ok("succeeded"),
        7 => answer(200, &json!("half of a file")).header("content-length", "16").cut_off(),
        8 => answer(503, &json!(null)).bytes(HOSTILE.as_bytes()),
        9 => answer(404, &json!(null)),
        10 => answer(500, &json!(null)).bytes(HOSTILE.as_bytes()).header("x-request-id", "a\tb"),
        11 => answer(200, &json!({"job_id": [HOSTILE], "state": "queued"})),
        12 => hostile_ok("failed"),
        _ => hostile_failure(400),
    });
    let video = client.video();
    let job = video.generate("a kite").await.unwrap();
    let job = video.wait(&job).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    video.download(&job, folder.path().join("a.mp4")).await.unwrap_err();
    for _ in 0..4 {
        let _ = video.status(HOSTILE).await;
    }
    video.cancel(HOSTILE).await.unwrap_err();
    client.account().balance().await.unwrap_err();

    let fields = fields.0.lock().unwrap().clone();
    for (name, at_least) in [("error", 6), ("request_id", 8), ("code", 1), ("job", 2), ("message", 12)] {
        let count = fields.iter().filter(|(field, _)| field == name).count();
        assert!(count >= at_least, "{count} of {name}: {fields:#?}");
    }
    assert!(fields.iter().any(|(_, text)| text.contains("forged")), "the hostile text is there: {fields:#?}");
    for (name, text) in &fields {
        assert_eq!(&crate::escape_text(text), text, "{name}");
    }
}
