//! Keys of items: derived from the content of the request, so that a list may grow and change its order.

use std::{collections::HashMap, fmt::Write as _};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::{
    error::{InfraiError, Result},
    http::call::new_idempotency_key,
    options::GenerateRequest,
    wire::json::canonical,
};

/// Number of bytes of the hash in a key.
const HASH_BYTES: usize = 12;
/// The most bytes of a key in a file name.
const MAX_NAME: usize = 200;

/// Hash of a request's canonical body.
pub(super) type Fingerprint = [u8; HASH_BYTES];

/// Returns the fingerprint of a request's body.
pub(super) fn fingerprint(request: &Value) -> Fingerprint {
    hash(&canonical(request))
}

/// Returns the key of each request: its own, else one derived from the prefix and the content, else a new one.
///
/// A derived key is `<prefix>-<hash of the canonical request>-<number of equal requests before>`.
///
/// # Errors
/// `INVALID_ARGUMENT` if two different requests have one key of their own.
pub(super) fn item_keys(requests: &[GenerateRequest], prefix: Option<&str>) -> Result<Vec<String>> {
    let mut equal_before = HashMap::new();
    let mut own = HashMap::new();
    let key = |request: &GenerateRequest| {
        if let Some(key) = &request.idempotency_key {
            let found = fingerprint(&request.to_json());
            if *own.entry(key.clone()).or_insert(found) != found {
                let expected = "a key of its own for each different request";
                return Err(InfraiError::invalid_argument(
                    "idempotency_key",
                    format!("{key:?} twice"),
                    expected,
                ));
            }
            return Ok(key.clone());
        }
        let Some(prefix) = prefix else { return new_idempotency_key() };
        let hash = hex(fingerprint(&request.to_json()));
        let count: &mut u32 = equal_before.entry(hash.clone()).or_default();
        let key = format!("{prefix}-{hash}-{count}");
        *count += 1;
        Ok(key)
    };
    requests.iter().map(key).collect()
}

/// Returns the key of a retry after a failed job. The job of a key that failed stays failed.
pub(super) fn retry_key(key: &str, retries: u32) -> String {
    if retries == 0 { key.to_owned() } else { format!("{key}-r{retries}") }
}

/// Returns the file name of an item's video. Different keys have different names, where a name's case counts.
pub(super) fn file_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 4);
    for (at, byte) in key.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && at > 0) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.len() > MAX_NAME {
        name = hex(hash(key.as_bytes()));
    }
    name + ".mp4"
}

/// Returns the class of requests that have the same price: all options but the prompt and the reference image's URL.
pub(super) fn price_class(request: &Value) -> String {
    let mut class = request.clone();
    if let Some(map) = class.as_object_mut() {
        map.remove("prompt");
        if let Some(url) = map.get_mut("reference_image_url") {
            *url = Value::Bool(true);
        }
    }
    class.to_string()
}

fn hash(bytes: &[u8]) -> Fingerprint {
    let mut short = Fingerprint::default();
    short.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..HASH_BYTES]);
    short
}

fn hex(hash: Fingerprint) -> String {
    hash.iter().fold(String::with_capacity(2 * HASH_BYTES), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(prompts: &[&str]) -> Vec<String> {
        let requests: Vec<_> = prompts.iter().map(|prompt| GenerateRequest::new(*prompt)).collect();
        item_keys(&requests, Some("p")).unwrap()
    }

    #[test]
    fn keys_follow_the_content_and_not_the_index() {
        let (before, after) = (keys(&["a", "b", "a"]), keys(&["new", "b", "a", "a"]));
        assert_eq!((&after[1], &after[2], &after[3]), (&before[1], &before[0], &before[2]));
        assert!(before[0].ends_with("-0") && before[2].ends_with("-1"), "{before:?}");
        assert_eq!(before[0].len(), "p--0".len() + 24);
    }

    #[test]
    fn default_and_explicit_options_are_one_item() {
        let requests = [GenerateRequest::new("a"), GenerateRequest::new("a").resolution("720p")];
        let keys = item_keys(&requests, Some("p")).unwrap();
        assert_eq!(keys[0].rsplit_once('-').unwrap().0, keys[1].rsplit_once('-').unwrap().0);
        // The key is a promise across versions and languages.
        assert_eq!(keys[0], "p-52f5d11620af36ca6ac60dd3-0");
    }

    #[test]
    fn a_key_stands_for_one_request() {
        let own = |prompt: &str| GenerateRequest::new(prompt).idempotency_key("k");
        assert_eq!(item_keys(&[own("a"), own("a")], None).unwrap(), ["k", "k"]);
        let error = item_keys(&[own("a"), own("b")], None).unwrap_err();
        assert!(error.message().starts_with("invalid `idempotency_key`: "), "{error}");
    }

    #[test]
    fn file_names_are_safe_and_different() {
        assert_eq!(file_name("kites-1-00ff-0"), "kites-1-00ff-0.mp4");
        assert_eq!(file_name("a/b%c"), "a%2Fb%25c.mp4");
        assert_eq!(file_name("../x"), "%2E.%2Fx.mp4");
        assert_eq!(file_name(&"x".repeat(250)).len(), 28);
    }
}
