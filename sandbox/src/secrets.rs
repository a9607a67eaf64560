//! Random identifiers, hashes of keys, and the signatures of file URLs.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What every project key starts with.
pub(crate) const KEY_PREFIX: &str = "ifr_pk_proj_";

fn fill(bytes: &mut [u8]) {
    // Nothing secret can be made without it; the panic becomes a 500 envelope.
    getrandom::fill(bytes).expect("the operating system's random generator answers");
}

/// `length` random letters and digits, evenly distributed, from the operating system's generator.
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

/// A fresh 32-byte key for signing.
pub(crate) fn signing_key() -> [u8; 32] {
    let mut key = [0; 32];
    fill(&mut key);
    key
}

/// A fresh project key.
pub(crate) fn project_key() -> String {
    format!("{KEY_PREFIX}{}", random_string(32))
}

/// A time-ordered id (`UUIDv7`), as the envelope's `request_id` wants it.
pub(crate) fn request_id() -> String {
    let mut random = [0; 10];
    fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(unix_millis().unsigned_abs(), &random)
        .into_uuid()
        .hyphenated()
        .to_string()
}

/// The SHA-256 of a token, the only form in which keys and fingerprints are stored.
///
/// A plain hash is right here: a key carries 190 random bits, so there is no dictionary that a slow,
/// salted password hash would have to defend against, and the hash must be found by an index.
pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn mac(key: &[u8; 32], file_id: &str, expires: i64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(format!("{file_id}-{expires}").as_bytes());
    mac
}

/// The token of a file URL: which job's files, until when (Unix milliseconds), and the proof of both.
pub(crate) fn sign_file(key: &[u8; 32], file_id: &str, expires: i64) -> String {
    let signature = mac(key, file_id, expires).finalize().into_bytes();
    format!("{file_id}-{expires}-{}", hex(&signature[..16]))
}

/// Reads a token made by [`sign_file`]: the file id and the expiry, or nothing if it was tampered with.
pub(crate) fn verify_file<'a>(key: &[u8; 32], token: &'a str) -> Option<(&'a str, i64)> {
    let mut parts = token.split('-');
    let (file_id, expires, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.len() != 32 {
        return None;
    }
    let mut given = [0_u8; 16];
    for (index, byte) in given.iter_mut().enumerate() {
        *byte = u8::from_str_radix(signature.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    let expires = expires.parse().ok()?;
    // Compared in constant time by the library.
    mac(key, file_id, expires).verify_truncated_left(&given).ok()?;
    Some((file_id, expires))
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Civil date from a day count, after Howard Hinnant's public-domain algorithm.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000
    )
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
    fn dates_are_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_826_271_005), "2000-02-29T12:11:11.005Z");
        assert_eq!(rfc3339(1_798_761_599_999), "2026-12-31T23:59:59.999Z");
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
            // Upper-case hexadecimal is the same proof.
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
