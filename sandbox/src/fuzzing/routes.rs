//! The routes: any request gets a response of the contract's shape, no 5xx without a fault, and no other account's
//! data.
//!
//! An input is one or more requests in HTTP/1.1 syntax, separated by zero bytes. A `~` before the method marks a
//! request from another machine. `{key}`, `{job}`, `{topup}`, `{checkout}` and `{file}` stand for values of the
//! input's account.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::Value;
use url::Url;

use super::fixture::{Fixture, Names, Reply, fixture};

pub fn routes(data: &[u8]) {
    statuses(data);
}

/// Runs an input and returns the status of each response; 0 for a dropped connection.
pub(super) fn statuses(data: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    let mut fixture = fixture();
    let names = fixture.begin();
    for text in data.split(|byte| *byte == 0).take(8) {
        let text = fill(text, &names, &fixture.file);
        let (text, local) = match text.strip_prefix(b"~") {
            Some(text) => (text, false),
            None => (&text[..], true),
        };
        let Some(request) = read(text) else { continue };
        let about = format!("{request:?}");
        let asked = Asked::of(&request, local);
        let peer = SocketAddr::from((if local { [127, 0, 0, 1] } else { [192, 0, 2, 1] }, 7));
        let answer = fixture.call(peer, request);
        statuses.push(answer.as_ref().map_or(0, |answer| answer.status));
        if let Some(answer) = answer {
            check(&asked, &answer, &about);
        }
    }
    fixture.end();
    balanced(&fixture, &names.key);
    statuses
}

/// The properties of a request that the checks need.
struct Asked {
    path: String,
    /// True if the only host that it names is this machine.
    here: bool,
    /// True if it comes from this machine, and from no page of another.
    own: bool,
}

impl Asked {
    fn of(request: &Request<Bytes>, local: bool) -> Self {
        let text = |name: &str| {
            request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let host = request.uri().authority().map(ToString::to_string).or_else(|| text("host"));
        Self {
            path: request.uri().path().to_owned(),
            here: host.is_some_and(|host| is_here(&format!("http://{host}/"))),
            own: local && text("origin").is_none_or(|origin| origin.starts_with("http") && is_here(&origin)),
        }
    }
}

/// Returns true if a URL's host is this machine, by the URL library's own types.
fn is_here(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name.rsplit('.').next() == Some("localhost"),
        None => false,
    }
}

fn fill(text: &[u8], names: &Names, file: &str) -> Vec<u8> {
    let words: [(&[u8], &str); 5] = [
        (b"{key}", &names.key),
        (b"{job}", &names.job),
        (b"{topup}", &names.topup),
        (b"{checkout}", &names.checkout),
        (b"{file}", file),
    ];
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        match words.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, stands_for)) => {
                out.extend_from_slice(stands_for.as_bytes());
                rest = &rest[word.len()..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

/// Parses a request as hyper would; `None` for one that hyper refuses.
fn read(text: &[u8]) -> Option<Request<Bytes>> {
    let (first, mut rest) = line(text);
    let mut words = first.splitn(2, |byte| *byte == b' ');
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::from_bytes(words.next()?).ok()?;
    *request.uri_mut() = Uri::try_from(words.next()?).ok()?;
    loop {
        let (header, after) = line(rest);
        rest = after;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&header[..colon]).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(header[colon + 1..].trim_ascii()).ok()?);
    }
    *request.body_mut() = Bytes::copy_from_slice(rest);
    Some(request)
}

fn line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => (text[..at].strip_suffix(b"\r").unwrap_or(&text[..at]), &text[at + 1..]),
        None => (text, &[]),
    }
}

fn check(asked: &Asked, answer: &Reply, about: &str) {
    let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().expect("text"));
    assert_eq!(header("x-request-id").map(|id| uuid::Uuid::parse_str(id).is_ok()), Some(true), "{about}");
    if answer.status < 400 {
        assert!(asked.here, "an answer under another machine's name: {about}");
        assert!(!asked.path.starts_with("/sandbox") || asked.own, "an answer to another's page: {about}");
    }
    // A fault cut the body.
    let Some(body) = &answer.body else { return };
    if header("content-type") != Some("application/json")
        || asked.path == "/openapi.json" && answer.status == 200
    {
        let raw = ["/files/", "/topup/", "/checkout/", "/openapi.json"];
        assert!(
            answer.status < 400 && raw.iter().any(|path| asked.path.starts_with(path)),
            "{} {about}",
            answer.status
        );
        return;
    }
    let envelope: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {about}"));
    let ok = envelope["ok"].as_bool().unwrap_or_else(|| panic!("no envelope: {envelope} {about}"));
    assert_eq!(envelope["error"].is_null(), ok, "{envelope} {about}");
    assert!(
        envelope["metadata"]["request_id"].is_string() && envelope["metadata"]["cost_usd"].is_number(),
        "{envelope}"
    );
    let injected = envelope["error"]["fault"].is_string();
    assert!(injected || ok == (answer.status < 300), "{} {envelope} {about}", answer.status);
    assert!(injected || answer.status < 500, "{} {envelope} {about}", answer.status);
    if !ok {
        let text = |name: &str| envelope["error"][name].as_str().is_some_and(|text| !text.is_empty());
        assert!(text("code") && text("message"), "{envelope} {about}");
    }
}

/// Checks that the wallet holds the sum of its ledger, and is not overdrawn.
fn balanced(fixture: &Fixture, key: &str) {
    let request = Request::get("/sandbox/ledger")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {key}"));
    let request = request.body(Bytes::new()).expect("a request");
    let answer = fixture.call(SocketAddr::from(([127, 0, 0, 1], 7)), request).expect("no fault meets it");
    let envelope: Value = serde_json::from_slice(&answer.body.expect("a body")).expect("JSON");
    let ledger = &envelope["data"];
    assert_eq!(ledger["sum_micros"], ledger["balance_micros"], "{envelope}");
    assert!(ledger["balance_micros"].as_i64().is_some_and(|balance| balance >= 0), "{envelope}");
}
