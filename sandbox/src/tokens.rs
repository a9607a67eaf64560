//! Random identifiers, hashes of keys, and the signatures of file URLs.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::time;

/// Prefix of every project key.
pub(crate) const KEY_PREFIX: &str = "ifr_pk_proj_";

/// Number of random characters in a token, alone or as the first part of a file's.
pub(crate) const TOKEN_LENGTH: usize = 32;

fn fill(bytes: &mut [u8]) {
    // No secret can be generated without it; the panic becomes a 500 envelope.
    getrandom::fill(bytes).expect("the operating system's random generator answers");
}

/// Returns `length` random letters and digits, evenly distributed, from the operating system's generator.
pub(crate) fn random_string(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while out.len() < length {
        fill(&mut bytes);
        for byte in bytes {
            // 248 is the largest multiple of 62 in a byte: anything above would favour early letters.
            if byte < 248 && out.len() < length {
                out.push(char::from(ALPHABET[usize::from(byte % 62)]));
            }
        }
    }
    out
}

/// Generates a 32-byte signing key.
pub(crate) fn signing_key() -> [u8; 32] {
    let mut key = [0; 32];
    fill(&mut key);
    key
}

/// Generates a project key.
pub(crate) fn project_key() -> String {
    format!("{KEY_PREFIX}{}", random_string(32))
}

/// Generates a time-ordered id (`UUIDv7`) for the envelope's `request_id`.
pub(crate) fn request_id() -> String {
    let mut random = [0; 10];
    fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(time::unix_millis().unsigned_abs(), &random)
        .into_uuid()
        .hyphenated()
        .to_string()
}

/// Returns the SHA-256 of a token, the only form in which keys and fingerprints are stored.
///
/// A plain hash suffices: a key carries 190 random bits, so there is no dictionary that a slow, salted password hash
/// would have to defend against, and an index must find the hash.
pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Formats bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn mac(key: &[u8; 32], message: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(message.as_bytes());
    mac
}

/// Returns the first half of a signature, for use in a token.
fn sign(key: &[u8; 32], message: &str) -> String {
    hex(&mac(key, message).finalize().into_bytes()[..16])
}

/// Returns `Some` if `signature` is the one that [`sign`] makes of `message`. The comparison takes constant time.
fn verify(key: &[u8; 32], message: &str, signature: &str) -> Option<()> {
    if signature.len() != 32 || !signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut given = [0_u8; 16];
    for (index, byte) in given.iter_mut().enumerate() {
        *byte = u8::from_str_radix(signature.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    mac(key, message).verify_truncated_left(&given).ok()
}

/// Message of the dashboard's token. A file's message contains a dash, so the two cannot coincide.
const PAGE: &str = "page";

/// Returns the token that opens jobs and wallets to the dashboard. It stays the same for the life of the data folder.
pub(crate) fn page_token(key: &[u8; 32]) -> String {
    sign(key, PAGE)
}

/// Returns true for the token made by [`page_token`].
pub(crate) fn verify_page(key: &[u8; 32], token: &str) -> bool {
    verify(key, PAGE, token).is_some()
}

/// Returns the token of a file URL: file id, expiry (Unix milliseconds), and the signature of both.
pub(crate) fn sign_file(key: &[u8; 32], file_id: &str, expires: i64) -> String {
    let message = format!("{file_id}-{expires}");
    let signature = sign(key, &message);
    format!("{message}-{signature}")
}

/// Verifies a token made by [`sign_file`]. Returns the file id and the expiry, or `None` if the token was changed.
pub(crate) fn verify_file<'a>(key: &[u8; 32], token: &'a str) -> Option<(&'a str, i64)> {
    let mut parts = token.split('-');
    let (file_id, expires, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let expires = expires.parse().ok()?;
    verify(key, &format!("{file_id}-{expires}"), signature)?;
    Some((file_id, expires))
}

/// Cuts down everything that looks like a project key to its prefix and, for a long one, its last four characters.
pub(crate) fn redact_keys(text: &str) -> Cow<'_, str> {
    if !text.contains(KEY_PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split(KEY_PREFIX);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let secret = piece.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let shown = if secret >= 24 { secret - 4 } else { secret };
        out.extend([KEY_PREFIX, "…", &piece[shown..]]);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_the_prefix_and_32_random_letters_or_digits() {
        let key = project_key();
        let tail = key.strip_prefix(KEY_PREFIX).expect("the prefix");
        assert_eq!(tail.len(), 32);
        assert!(tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(key, project_key());
    }

    #[test]
    fn a_file_token_proves_its_expiry() {
        let key = signing_key();
        let token = sign_file(&key, "abc", 1234);
        assert_eq!(verify_file(&key, &token), Some(("abc", 1234)));
        assert_eq!(verify_file(&key, &token.replace("1234", "9999")), None);
        assert_eq!(verify_file(&signing_key(), &token), None);
        for bad in ["", "abc", "abc-1234", "abc-1234-", &format!("{token}-x"), "a-1-éééééééééééééééé"]
        {
            assert_eq!(verify_file(&key, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_page_token_is_no_file_token_and_has_one_spelling() {
        let key = signing_key();
        let token = page_token(&key);
        assert_eq!(token.len(), 32, "128 bits");
        assert!(verify_page(&key, &token));
        assert!(!verify_page(&signing_key(), &token));
        let signature = sign_file(&key, "page", 1).split('-').next_back().map(str::to_owned);
        let (shifted, loud) = (format!("+{}", &token[1..]), format!("A{}", &token[1..]));
        let file = signature.expect("a signature");
        for bad in ["", "page", &token[1..], &format!("{token}0"), &file, &shifted, &loud] {
            assert!(!verify_page(&key, bad), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_cut_down_wherever_they_stand() {
        let key = project_key();
        let shown = format!("{KEY_PREFIX}…{}", &key[key.len() - 4..]);
        let text = format!("a {key}, {key}{key} and {KEY_PREFIX}short é");
        let redacted = redact_keys(&text);
        assert!(!redacted.contains(&key[..key.len() - 4]), "{redacted}");
        assert!(redacted.starts_with(&format!("a {shown}, ")), "{redacted}");
        assert!(redacted.ends_with(&format!("and {KEY_PREFIX}… é")), "{redacted}");
        assert_eq!(redact_keys("none"), "none");
    }

    #[test]
    fn request_ids_are_version_7() {
        let id: uuid::Uuid = request_id().parse().expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
    }

    proptest! {
        #[test]
        fn a_signed_token_is_read_back_and_a_changed_one_is_not(
            file_id in "[A-Za-z0-9]{1,32}", expires in 0..i64::MAX, at in any::<prop::sample::Index>(), byte in "[!-~]",
        ) {
            let key = [7; 32];
            let token = sign_file(&key, &file_id, expires);
            prop_assert_eq!(verify_file(&key, &token), Some((file_id.as_str(), expires)));
            let at = at.index(token.len());
            let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
            // Upper-case hexadecimal is the same signature.
            let same = verify_file(&key, &changed).is_none_or(|read| read == (file_id.as_str(), expires));
            prop_assert!(same, "{}", changed);
            prop_assert!(verify_file(&[8; 32], &token).is_none());
        }

        #[test]
        fn no_token_is_a_panic(token in "\\PC{0,20}-?[0-9+]{0,20}-?(\\PC|[0-9a-f+]){0,34}") {
            prop_assert!(verify_file(&[7; 32], &token).is_none());
        }
    }
}
