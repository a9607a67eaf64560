//! Fuzz target for responses: any status, headers and body become a value or an error, and neither contains a key.
//!
//! An input has the status and words (`cancel`, `bodiless`, `cut`) on the first line, then headers, an empty line and the
//! body. `{key}` and `{secret}` are placeholders for the request's secrets.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::{
    InfraiError, VideoJob,
    fuzzing::line,
    redact::Redactor,
    wire::envelope::{Body, parse_response},
};

/// A key in the API's form.
const KEY: &str = "ifr_pk_proj_FUZZfuzzFUZZfuzzFUZZfuzz";
/// A secret in another form.
const SECRET: &str = "odd+key/of=another/form";

pub fn response(data: &[u8]) {
    let data = fill(data);
    let (first, mut rest) = line(&data);
    let mut words = first.split(u8::is_ascii_whitespace);
    let status = words.next().and_then(|word| StatusCode::from_bytes(word).ok()).unwrap_or(StatusCode::OK);
    let (mut cancel, mut bodiless, mut cut) = (false, false, false);
    for word in words {
        match word {
            b"cancel" => cancel = true,
            b"bodiless" => bodiless = true,
            b"cut" => cut = true,
            _ => {}
        }
    }
    let mut headers = HeaderMap::new();
    loop {
        let (header, after) = line(rest);
        rest = after;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&header[..colon]);
        let value = HeaderValue::from_bytes(header[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    // A truncated success is never parsed: see `http/call.rs`.
    let body = if cut && !status.is_success() {
        Body::Truncated(rest.to_vec())
    } else {
        Body::Complete(rest.to_vec())
    };
    let url = url::Url::parse("https://api.example/v1/video/generate").unwrap();
    let redactor = Redactor::of([KEY, SECRET].map(Into::into));
    match parse_response(&url, status, &headers, &body, cancel, bodiless, &redactor) {
        Ok(response) => {
            assert!(status.is_success(), "{status} is a success");
            assert_eq!(response.status, status.as_u16());
            let expected = if rest.is_empty() { Some(Value::Null) } else { expected(rest) };
            let expected = expected.expect("only JSON is a success");
            if cancel {
                assert!(
                    matches!(response.data["ok"], Value::Bool(_)) || response.data == expected,
                    "{}",
                    response.data
                );
            } else {
                assert_eq!(response.data, expected);
            }
            if let Value::Object(map) = response.data {
                match VideoJob::read(map, response.metadata, redactor) {
                    Ok(job) => read_back(&job),
                    Err(error) => keeps_secret(&error, &[KEY, SECRET]),
                }
            }
        }
        Err(failure) => {
            assert_eq!(failure.error.status(), Some(status.as_u16()));
            assert!(!failure.error.code().is_empty() && !failure.error.message().is_empty());
            keeps_secret(&failure.error.redacted(&redactor), &[KEY, SECRET]);
        }
    }
}

fn fill(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let [byte, after @ ..] = rest {
        if let Some(after) = rest.strip_prefix(b"{key}") {
            out.extend_from_slice(KEY.as_bytes());
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"{secret}") {
            out.extend_from_slice(SECRET.as_bytes());
            rest = after;
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    out
}

/// Returns the data of a successful response by the contract, parsed independently: the whole body as one value.
fn expected(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body).ok()?;
    let enveloped = match value.get("ok") {
        Some(Value::Bool(true)) => value.get("data").is_some() || value.get("metadata").is_some(),
        // No data: the response is an error or the result of `cancel`.
        Some(Value::Bool(false))
            if ["data", "metadata", "error"].iter().any(|name| value.get(name).is_some()) =>
        {
            return Some(Value::Null);
        }
        _ => false,
    };
    Some(if enveloped { value["data"].clone() } else { value })
}

fn read_back(job: &VideoJob) {
    assert!(!job.job_id.as_str().is_empty());
    assert_eq!(
        job.is_success(),
        job.is_terminal() && matches!(job.state.as_str(), "succeeded" | "completed" | "done")
    );
    assert!(job.fields().values().all(|value| !value.is_null()));
    if job.fields().contains_key("_metadata") {
        return;
    }
    assert_eq!(&VideoJob::from_json(job.to_json()).expect("its own JSON is a job"), job);
    if let Some(error) = job.end_error() {
        keeps_secret(&error, &[KEY, SECRET]);
    }
}

fn keeps_secret(error: &InfraiError, secrets: &[&str]) {
    let shown = format!("{error} {error:?} {} {}", error.hint(), error.to_json());
    for secret in secrets {
        assert!(!shown.contains(secret), "an error contains a key: {shown}");
    }
}
