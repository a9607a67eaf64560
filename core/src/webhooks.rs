//! Verification of webhook deliveries, and a memory of the events that a receiver has handled.
//!
//! The API signs the raw body of a delivery with HMAC-SHA256 and the secret of the webhook's registration. The header
//! [`SIGNATURE_HEADER`] carries the signature in hexadecimal. It covers no time, so a recorded delivery stays valid: a receiver
//! recognizes a replay by the event's id. [`SeenEvents`] does so within a process.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ring::{digest, hmac};
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use crate::{
    error::{ErrorKind, InfraiError, Result},
    job::VideoJob,
    wire::parts::parse_value,
};

/// Header with the signature of a delivery.
pub const SIGNATURE_HEADER: &str = "X-Infrai-Signature";

/// Default of [`SeenEvents`]: the number of ids that it remembers.
pub const DEFAULT_CAPACITY: usize = 10_000;

/// Default of [`SeenEvents`]: the time for which it remembers an id.
pub const DEFAULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Prefix that a signature may have.
const PREFIX: &str = "sha256=";

/// An event of a webhook. The API does not document the fields of events: a field that is absent or has another type is
/// `None`, and [`raw`](Self::raw) has all of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct WebhookEvent {
    /// Id of the event, the same in each of its deliveries. An integer becomes text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the event.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Time of the event in the API's spelling. A number becomes text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Content of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The video job, if `data` or its field `job` is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<VideoJob>,
    /// All fields of the body.
    pub raw: Map<String, Value>,
}

impl WebhookEvent {
    fn new(raw: Map<String, Value>) -> Self {
        let text = |name: &str| match raw.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => number_text(number),
            _ => None,
        };
        let data = raw.get("data").filter(|data| !data.is_null());
        Self {
            id: text("id"),
            event_type: raw.get("type").and_then(Value::as_str).map(str::to_owned),
            created: text("created"),
            job: data.and_then(|data| read_job(data).or_else(|| read_job(data.get("job")?))),
            data: data.cloned(),
            raw,
        }
    }
}

/// Returns a number as text, in ECMAScript's form. `None` for a whole number beyond the integers that are parsed exactly: two of
/// them would have one text.
fn number_text(number: &Number) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return Some(number.to_string()) };
    let lossy = float.fract() == 0.0 && float.abs() > EXACT;
    (!lossy).then(|| ryu_js::Buffer::new().format(float).to_owned())
}

/// Returns a job, if the value is an object with an id and a state.
fn read_job(value: &Value) -> Option<VideoJob> {
    value.is_object().then(|| VideoJob::from_json(value.clone()).ok()).flatten()
}

/// Verifies the signature of a delivery and returns its event. Compares in constant time.
///
/// - `body`: the body as it was received, byte for byte. A parsed and rewritten body has another signature.
/// - `header`: the value of [`SIGNATURE_HEADER`], or `None` if the request has none. 64 hexadecimal digits in any case, with
///   or without `sha256=` before them.
/// - `secret`: the secret of the webhook's registration.
///
/// ```
/// # fn main() -> infrai::Result<()> {
/// let body = br#"{"id":"evt_1","type":"video.succeeded"}"#;
/// let header = "3777b757fc6fabd64bea859900447cbf3ccda0d476ee9c35c4272cf74b9fecae";
/// let event = infrai::webhooks::verify(body, header, "whsec_example")?;
/// assert_eq!(event.id.as_deref(), Some("evt_1"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `WEBHOOK_VERIFICATION_FAILED` if the secret is empty, the signature is missing, malformed or of another body or secret, or
/// the body is no JSON object. Its details name the `reason`. The error contains neither the secret nor a signature.
pub fn verify<'a>(
    body: &[u8],
    header: impl Into<Option<&'a str>>,
    secret: impl AsRef<[u8]>,
) -> Result<WebhookEvent> {
    let secret = secret.as_ref();
    if secret.trim_ascii().is_empty() {
        return Err(refused("secret_empty"));
    }
    let header = header.into().map(str::trim_ascii).filter(|header| !header.is_empty());
    let signature = header.ok_or_else(|| refused("signature_missing"))?;
    let tag = decode(signature).ok_or_else(|| refused("signature_malformed"))?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), body, &tag)
        .map_err(|_| refused("signature_mismatch"))?;
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    parse_value(text).map(WebhookEvent::new).map_err(|_| refused("body_invalid"))
}

/// Returns the bytes of a signature in hexadecimal.
fn decode(signature: &str) -> Option<[u8; digest::SHA256_OUTPUT_LEN]> {
    let digits = match signature.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &signature.as_bytes()[PREFIX.len()..],
        _ => signature.as_bytes(),
    };
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Returns the error of a refused delivery. It quotes nothing of the request.
fn refused(reason: &str) -> InfraiError {
    let (message, hint) = match reason {
        "secret_empty" => (
            "the secret of the webhook is empty",
            "Pass the secret that the webhook was registered with, for example from an environment variable. Check that the variable is set.",
        ),
        "signature_missing" => (
            "the request has no signature",
            "Pass the value of the header X-Infrai-Signature. Answer a request without one with 400: it does not come from Infrai.",
        ),
        "signature_malformed" => (
            "the signature is not 64 hexadecimal digits, with or without \"sha256=\" before them",
            "Pass the whole value of the header X-Infrai-Signature, unchanged. Answer such a request with 400.",
        ),
        "signature_mismatch" => (
            "the signature does not belong to this body and secret",
            "Pass the raw body as it was received, not a parsed and rewritten one, and the secret of this webhook's registration. If both are right, the request does not come from Infrai: answer it with 400.",
        ),
        _ => (
            "the signature is right, but the body is not a JSON object",
            "Report the delivery to Infrai, and answer it with 400.",
        ),
    };
    InfraiError::new(ErrorKind::WebhookVerification, "WEBHOOK_VERIFICATION_FAILED", message)
        .with_hint(hint)
        .with_details(json!({ "reason": reason }))
}

/// A memory of event ids, bounded in size and time, so that a receiver handles each event once.
///
/// The API delivers an event at least once, and an attacker may repeat a recorded delivery. The memory belongs to the process:
/// several processes, or a restart, need a shared store, such as a unique column of a database.
///
/// ```
/// use infrai::webhooks::SeenEvents;
///
/// let seen = SeenEvents::default();
/// assert!(seen.add("evt_1")); // new: handle it
/// assert!(!seen.add("evt_1")); // a replay: answer 200 and do nothing
/// seen.remove("evt_1"); // the handling failed: the next delivery counts as new
/// assert!(seen.add("evt_1"));
/// ```
#[derive(Debug)]
pub struct SeenEvents {
    capacity: usize,
    ttl: Duration,
    memory: Mutex<Memory>,
}

/// Hash of an id, so that long ids take no more memory.
type IdHash = [u8; digest::SHA256_OUTPUT_LEN];

#[derive(Debug, Default)]
struct Memory {
    added: HashMap<IdHash, Instant>,
    /// The same ids, the oldest first.
    order: VecDeque<IdHash>,
}

impl Default for SeenEvents {
    /// Creates a memory of 10 000 ids for 24 hours.
    fn default() -> Self {
        Self { capacity: DEFAULT_CAPACITY, ttl: DEFAULT_TTL, memory: Mutex::default() }
    }
}

impl SeenEvents {
    /// Creates a memory of at most `capacity` ids, each for `ttl`. A full memory forgets its oldest id. One id takes about
    /// 120 bytes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the capacity or the time is zero.
    pub fn new(capacity: usize, ttl: Duration) -> Result<Self> {
        if capacity == 0 {
            return Err(InfraiError::invalid_argument("capacity", capacity, "at least 1"));
        }
        if ttl.is_zero() {
            return Err(InfraiError::invalid_argument("ttl", 0, "a positive number"));
        }
        Ok(Self { capacity, ttl, memory: Mutex::default() })
    }

    /// Creates a memory from the numbers of another language. `None` is the default.
    #[doc(hidden)]
    pub fn from_numbers(capacity: Option<f64>, ttl: Option<f64>) -> Result<Self> {
        let capacity = match capacity {
            None => DEFAULT_CAPACITY,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and in range"
            )]
            Some(number) if number.fract() == 0.0 && (1.0..=1e9).contains(&number) => number as usize,
            Some(number) => {
                let expected = "a whole number from 1 to 1000000000";
                return Err(InfraiError::invalid_argument("capacity", number, expected));
            }
        };
        let ttl = match ttl {
            None => DEFAULT_TTL,
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|ttl| !ttl.is_zero())
                .ok_or_else(|| InfraiError::invalid_argument("ttl", seconds, "a positive number"))?,
        };
        Self::new(capacity, ttl)
    }

    /// Adds an id and returns whether it is new. Of several threads that add the same id, one gets `true`.
    pub fn add(&self, id: impl AsRef<str>) -> bool {
        self.add_at(id.as_ref(), Instant::now())
    }

    /// Forgets an id, so that the next delivery of its event counts as new. For an event whose handling failed.
    pub fn remove(&self, id: impl AsRef<str>) {
        let hash = hash(id.as_ref());
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.added.remove(&hash).is_some() {
            memory.order.retain(|other| *other != hash);
        }
    }

    fn add_at(&self, id: &str, now: Instant) -> bool {
        let hash = hash(id);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = memory.order.front().copied() {
            let age = memory.added.get(&oldest).map(|added| now.saturating_duration_since(*added));
            if age.is_some_and(|age| age < self.ttl) {
                break;
            }
            memory.order.pop_front();
            memory.added.remove(&oldest);
        }
        if memory.added.contains_key(&hash) {
            return false;
        }
        if memory.order.len() >= self.capacity
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.added.remove(&oldest);
        }
        memory.added.insert(hash, now);
        memory.order.push_back(hash);
        true
    }
}

fn hash(id: &str) -> IdHash {
    let mut hash = [0; digest::SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest::digest(&digest::SHA256, id.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "whsec_0123456789";

    fn sign(body: &[u8], secret: &str) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
        tag.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn reason(result: Result<WebhookEvent>) -> String {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::WebhookVerification, "WEBHOOK_VERIFICATION_FAILED")
        );
        error.details().unwrap()["reason"].as_str().unwrap().to_owned()
    }

    #[test]
    fn known_signature_is_accepted() {
        // The second test case of RFC 4231.
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let error = verify(b"what do ya want for nothing?", tag, "Jefe");
        assert_eq!(reason(error), "body_invalid");
    }

    #[test]
    fn event_has_its_typed_fields_and_all_others() {
        let body =
            br#"{"id":7,"type":"video.done","created":1.5,"data":{"id":"vid_1","status":"done"},"x":[1]}"#;
        let event = verify(body, &*sign(body, SECRET), SECRET).unwrap();
        assert_eq!((event.id.as_deref(), event.created.as_deref()), (Some("7"), Some("1.5")));
        assert_eq!(event.event_type.as_deref(), Some("video.done"));
        assert_eq!(event.job.unwrap().job_id.as_str(), "vid_1");
        assert_eq!(event.raw["x"], json!([1]));
    }

    #[test]
    fn job_is_found_in_data_or_its_field_job_alone() {
        for (data, found) in [
            (json!({"job_id": "vid_1", "state": "queued"}), true),
            (json!({"job": {"job_id": "vid_1", "state": "queued"}}), true),
            (json!({"job_id": "vid_1"}), false),
            (json!({"job_id": "vid_1", "state": 5}), false),
            (json!("vid_1"), false),
            (json!(null), false),
        ] {
            let body = json!({"data": data}).to_string();
            let event = verify(body.as_bytes(), &*sign(body.as_bytes(), SECRET), SECRET).unwrap();
            assert_eq!(event.job.is_some(), found, "{body}");
        }
    }

    #[test]
    fn error_contains_neither_secret_nor_signature() {
        let body = b"{}";
        let signature = sign(body, SECRET);
        let other = sign(body, "other");
        for (body, header, secret) in [
            (&b"{}"[..], &*other, SECRET),
            (b"[]", &*signature, SECRET),
            (b"{}", &*format!("x{signature}"), SECRET),
        ] {
            let error = verify(body, header, secret).unwrap_err();
            let text = format!("{error} {error:?} {} {}", error.hint(), error.to_json());
            for secret in [SECRET, &signature, &other] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn only_the_signature_of_body_and_secret_is_accepted(
            body in proptest::collection::vec(any::<u8>(), 0..64), secret in "[!-~]{1,40}", flip in 0..256_usize,
        ) {
            let signature = sign(&body, &secret);
            prop_assert!(verify(&body, &*signature, &secret).is_ok()
                || reason(verify(&body, &*signature, &secret)) == "body_invalid");
            let mut bytes = decode(&signature).unwrap();
            bytes[flip / 8] ^= 1 << (flip % 8);
            let wrong = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}"));
            prop_assert_eq!(reason(verify(&body, &*wrong, &secret)), "signature_mismatch");
        }

        #[test]
        fn any_other_header_is_malformed(header in ".{1,80}") {
            prop_assume!(decode(header.trim_ascii()).is_none() && !header.trim_ascii().is_empty());
            prop_assert_eq!(reason(verify(b"{}", &*header, SECRET)), "signature_malformed");
        }
    }

    #[test]
    fn full_memory_forgets_its_oldest_id() {
        let seen = SeenEvents::new(2, Duration::from_secs(60)).unwrap();
        let added = ["a", "b", "a", "c", "b", "a"].map(|id| seen.add(id));
        assert_eq!(added, [true, true, false, true, false, true]);
    }

    #[test]
    fn id_is_forgotten_after_its_time() {
        let seen = SeenEvents::new(2, Duration::from_secs(60)).unwrap();
        let start = Instant::now();
        let added = [0, 59, 60, 61].map(|after| seen.add_at("a", start + Duration::from_secs(after)));
        assert_eq!(added, [true, false, true, false]);
    }

    #[test]
    fn removed_id_is_new_again_and_leaves_nothing() {
        let seen = SeenEvents::new(3, Duration::from_secs(60)).unwrap();
        for _ in 0..10 {
            assert!(seen.add("a"));
            seen.remove("a");
        }
        seen.remove("of nobody");
        assert!(seen.memory.lock().unwrap().order.is_empty());
    }

    #[test]
    fn bounds_of_a_memory_are_checked() {
        for (capacity, ttl, field) in [
            (Some(0.0), None, "capacity"),
            (Some(1.5), None, "capacity"),
            (Some(f64::NAN), None, "capacity"),
            (None, Some(0.0), "ttl"),
            (None, Some(-1.0), "ttl"),
            (None, Some(f64::INFINITY), "ttl"),
        ] {
            let error = SeenEvents::from_numbers(capacity, ttl).unwrap_err();
            assert_eq!(error.details().unwrap()["field"], field);
        }
        assert!(SeenEvents::from_numbers(Some(1.0), Some(0.5)).is_ok());
    }
}
