//! Answers to requests.

use std::{cell::RefCell, time::Instant};

use serde_json::json;

use crate::{
    counts::Counts,
    files::Part,
    http::Request,
    jobs::{self, Jobs},
    plan::Plan,
    shapes,
};

/// Answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// A JSON document.
    Json {
        /// Status code and reason.
        status: &'static str,
        /// Seconds of `Retry-After`.
        retry_after: Option<u64>,
        /// The document.
        body: String,
    },
    /// A part of a generated file, or all of it.
    File(Part),
}

/// State of the server, used by one thread.
#[derive(Debug)]
pub struct State {
    origin: String,
    inner: RefCell<Inner>,
}

#[derive(Debug)]
struct Inner {
    held_until: Instant,
    counts: Counts,
    plan: Plan,
    jobs: Jobs,
}

/// Counts a poll as running until it is dropped: it was answered, or its connection is gone.
struct RunningPoll<'a>(&'a State);

impl Drop for RunningPoll<'_> {
    fn drop(&mut self) {
        self.0.inner.borrow_mut().counts.poll_ended();
    }
}

impl State {
    /// Creates the state of a server with this origin.
    pub fn new(origin: &str) -> Self {
        let now = Instant::now();
        let (counts, jobs) = (Counts::new(now, 0), Jobs::default());
        let inner = Inner { held_until: now, counts, plan: Plan::default(), jobs };
        Self { origin: origin.to_owned(), inner: RefCell::new(inner) }
    }

    /// Adds to the number of open connections.
    pub fn connected(&self, change: isize) {
        self.inner.borrow_mut().counts.connected(change);
    }

    /// Answers a request. A poll of one of the plan's jobs is answered after the plan's delay.
    pub async fn answer(&self, request: &Request) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let now = Instant::now();
        if let Some(control) = path.strip_prefix("/_bench/") {
            return self.control(&request.method, control, query, now);
        }
        self.inner.borrow_mut().counts.request(now);
        if let Some(id) = path.strip_prefix("/v1/video/jobs/") {
            return self.status(id, now).await;
        }
        if let Some(name) = path.strip_prefix("/files/") {
            return file(name, request.range.as_deref());
        }
        if path == "/v1/video/generate" && request.method == "POST" {
            let inner = &mut *self.inner.borrow_mut();
            inner.counts.generate();
            let number = inner.jobs.begin(&mut inner.plan, now);
            return envelope(&json!({"job_id": format!("job-{number}"), "state": "queued"}), None);
        }
        match shapes::answer(path) {
            Some(body) => Answer::Json { status: "200 OK", retry_after: None, body },
            None => refused("404 Not Found", &format!("there is no {path}")),
        }
    }

    async fn status(&self, id: &str, now: Instant) -> Answer {
        if let Some(bytes) = id.strip_prefix("file-") {
            let url = format!("{}/files/{bytes}.mp4", self.origin);
            return envelope(&json!({"job_id": id, "state": "succeeded", "video_url": url}), None);
        }
        let Some(number) = jobs::number(id) else {
            return Answer::Json { status: "200 OK", retry_after: None, body: shapes::infrai(id) };
        };
        let delay = {
            let inner = &mut *self.inner.borrow_mut();
            if !inner.jobs.polled(number, now, inner.held_until) {
                return refused("404 Not Found", &format!("there is no {id}"));
            }
            inner.counts.poll(now);
            inner.plan.delay
        };
        let _running = RunningPoll(self);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let inner = &mut *self.inner.borrow_mut();
        let now = Instant::now();
        let seen = inner.jobs.answered(number, now);
        if seen.ended {
            let url = format!("{}/files/65536.mp4", self.origin);
            return envelope(
                &json!({"job_id": id, "state": "succeeded", "progress": 1, "video_url": url}),
                None,
            );
        }
        let mut data = json!({"job_id": id, "state": "running"});
        if inner.plan.progress {
            data["progress"] = seen.progress.into();
        }
        let held = inner.held_until.saturating_duration_since(now);
        envelope(&data, (!held.is_zero()).then(|| held.as_secs() + 1))
    }

    fn control(&self, method: &str, path: &str, query: &str, now: Instant) -> Answer {
        let inner = &mut *self.inner.borrow_mut();
        let body = match (method, path) {
            ("GET", "counts") => json!({"counts": inner.counts.report(now), "jobs": inner.jobs.report()}),
            ("POST", "plan") => match Plan::parse(query) {
                Ok(mut plan) => {
                    let mut jobs = Jobs::default();
                    for _ in 0..plan.jobs {
                        jobs.begin(&mut plan, now);
                    }
                    let counts = Counts::new(now, inner.counts.connections());
                    *inner = Inner { held_until: now + plan.hold, counts, plan, jobs };
                    json!({})
                }
                Err(problem) => return refused("400 Bad Request", &problem),
            },
            _ => return refused("404 Not Found", &format!("there is no {method} /_bench/{path}")),
        };
        Answer::Json { status: "200 OK", retry_after: None, body: body.to_string() }
    }
}

fn file(name: &str, range: Option<&str>) -> Answer {
    let Some(total) = name.strip_suffix(".mp4").and_then(|bytes| bytes.parse().ok()) else {
        return refused("404 Not Found", "a file has its length as its name: /files/65536.mp4");
    };
    match Part::of(total, range) {
        Some(part) => Answer::File(part),
        None => {
            refused("416 Range Not Satisfiable", "one range inside the file: bytes=FROM- or bytes=FROM-LAST")
        }
    }
}

fn envelope(data: &serde_json::Value, retry_after: Option<u64>) -> Answer {
    let metadata = json!({"cost_usd": 0, "request_id": "0190b3c4-5d6e-7f80-9a1b-2c3d4e5f6071"});
    let body = json!({"ok": true, "data": data, "error": null, "metadata": metadata}).to_string();
    Answer::Json { status: "200 OK", retry_after, body }
}

fn refused(status: &'static str, message: &str) -> Answer {
    let error = json!({"code": "BENCH", "message": message});
    let body = json!({"ok": false, "data": null, "error": error, "metadata": {}}).to_string();
    Answer::Json { status, retry_after: None, body }
}
