//! Request URLs: ids as single path segments, and paths that stay below the base URL.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::error::{InfraiError, Result};

/// All characters except RFC 3986's unreserved ones.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes an id as one path segment. Refuses empty ids and dot segments, because no encoding of them survives URL
/// parsing.
pub(crate) fn segment<'a>(field: &str, id: &'a str) -> Result<Cow<'a, str>> {
    if matches!(id, "" | "." | "..") {
        return Err(InfraiError::invalid_argument(
            field,
            format!("{id:?}"),
            "an id, neither empty nor \".\" nor \"..\"",
        ));
    }
    Ok(utf8_percent_encode(id, SEGMENT).into())
}

/// Checks a caller's path and splits it from its query.
pub(crate) fn check(path: &str) -> Result<(&str, Option<&str>)> {
    let refuse = |expected: &str| Err(InfraiError::invalid_argument("path", format!("{path:?}"), expected));
    if !path.starts_with('/') || path.starts_with("//") {
        return refuse("a path below the base URL that starts with exactly one \"/\"");
    }
    if path.chars().any(|c| c == '\\' || c.is_control()) {
        return refuse("a path without backslashes and control characters");
    }
    if path.contains('#') {
        return refuse("a path without \"#\"");
    }
    let (plain, query) = match path.split_once('?') {
        Some((plain, query)) => (plain, Some(query)),
        None => (path, None),
    };
    let dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if plain.split('/').any(dots) {
        return refuse("a path without \".\" and \"..\" segments, plain or encoded");
    }
    Ok((plain, query))
}

/// Appends a path and a query to the base URL. Percent-encodes characters that are not valid in a URL. Relies on
/// [`segment`] and [`check`] to keep the path below the base URL.
pub(crate) fn join(
    base: &Url,
    path: &str,
    raw_query: Option<&str>,
    pairs: &[(String, String)],
) -> Result<Url> {
    // Parsing the whole URL for each call would cost more than everything else here.
    let mut url = base.clone();
    url.set_path(&[base.path().trim_end_matches('/'), path].concat());
    url.set_query(raw_query);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    let length = url.as_str().len();
    if length > MAX_URL_BYTES {
        return Err(InfraiError::invalid_argument(
            "path",
            format!("{length} bytes"),
            "at most 65,534 bytes of URL, an id and a query in it included",
        ));
    }
    Ok(url)
}

/// The longest URL that a request can carry.
const MAX_URL_BYTES: usize = 65_534;

/// Returns whether HTTP can carry this URL, by its host and its length.
pub(crate) fn is_requestable(url: &Url) -> bool {
    url.as_str().len() <= MAX_URL_BYTES && Uri::try_from(url.as_str()).is_ok()
}

/// Returns whether the host is the loopback interface, by name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Like [`is_loopback`], for a host as it appears in a URL: an IPv6 address has brackets.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        });
    }
    let name = host.trim_end_matches('.').as_bytes();
    let ends =
        |end: &[u8]| name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end);
    name.eq_ignore_ascii_case(b"localhost") || ends(b".localhost")
}

/// Returns the origin as text: `https://api.infrai.cc`.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn joined(base: &str, path: &str, raw_query: Option<&str>, pairs: &[(String, String)]) -> String {
        join(&Url::parse(base).unwrap(), path, raw_query, pairs).unwrap().to_string()
    }

    #[test]
    fn any_id_becomes_one_segment() {
        assert_eq!(segment("id", "vid_1-2.~").unwrap(), "vid_1-2.~");
        assert_eq!(segment("id", "a/b%2f c?d#ü").unwrap(), "a%2Fb%252f%20c%3Fd%23%C3%BC");
        for id in ["", ".", ".."] {
            assert_eq!(segment("id", id).unwrap_err().code(), "INVALID_ARGUMENT");
        }
        let path = format!("/v1/{}/x", segment("id", "%2e%2e").unwrap());
        assert_eq!(joined("http://h/p/", &path, None, &[]), "http://h/p/v1/%252e%252e/x");
    }

    #[test]
    fn path_that_leaves_the_base_url_is_refused() {
        let refused = [
            "v1",
            "//evil/x",
            "/a/../b",
            "/a/%2E./b",
            "/a/%2e%2E",
            "/./a",
            "/a\\b",
            "/a\nb",
            "/a#b",
            "http://x/",
            "",
        ];
        for path in refused {
            assert_eq!(check(path).unwrap_err().code(), "INVALID_ARGUMENT", "{path:?}");
        }
        assert_eq!(check("/v1/a.b/..c?x=../y").unwrap(), ("/v1/a.b/..c", Some("x=../y")));
    }

    #[test]
    fn path_of_the_base_url_is_kept() {
        for base in ["https://gate.example/infrai/", "https://gate.example/infrai"] {
            assert_eq!(joined(base, "/v1/x", None, &[]), "https://gate.example/infrai/v1/x");
        }
        assert_eq!(joined("http://[::1]:8080", "/v1/x", None, &[]), "http://[::1]:8080/v1/x");
    }

    #[test]
    fn query_combines_the_paths_and_the_callers_pairs() {
        let pairs = [("a".to_owned(), "x y&z".to_owned()), ("ü".to_owned(), String::new())];
        assert_eq!(joined("http://h", "/x", None, &pairs), "http://h/x?a=x+y%26z&%C3%BC=");
        assert_eq!(joined("http://h", "/x", Some("b=1'%20"), &pairs[..1]), "http://h/x?b=1%27%20&a=x+y%26z");
        assert_eq!(joined("http://h", "/x", Some(""), &pairs[..1]), "http://h/x?a=x+y%26z");
        let long = "x".repeat(70_000);
        let error = join(&Url::parse("http://h").unwrap(), &format!("/{long}"), None, &[]).unwrap_err();
        assert_eq!(
            (error.code(), error.details().unwrap()["got"].as_str()),
            ("INVALID_ARGUMENT", Some("70009 bytes"))
        );
    }

    proptest! {
        #[test]
        fn request_url_follows_the_url_standard(
            path in "/[^\\p{Cc}\\\\#?]{0,20}", query in option::of("[^\\p{Cc}#]{0,20}")
        ) {
            prop_assume!(check(&path).is_ok());
            let mut url = Url::parse("http://h/p").unwrap();
            url.set_path(&format!("/p{path}"));
            url.set_query(query.as_deref());
            prop_assert_eq!(joined("http://h/p/", &path, query.as_deref(), &[]), url.as_str());
        }
    }

    proptest! {
        #[test]
        fn segment_decodes_to_the_same_id(id in any::<String>()) {
            match segment("id", &id) {
                Ok(encoded) => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
                    prop_assert!(encoded.bytes().all(plain), "{}", encoded);
                    let back = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap();
                    prop_assert_eq!(back.as_ref(), id.as_str());
                }
                Err(_) => prop_assert!(["", ".", ".."].contains(&id.as_str())),
            }
        }
    }

    #[test]
    fn loopback_is_recognised_by_name_and_address() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(&Url::parse(&format!("http://{host}:1/")).unwrap()), "{host}");
        }
        for host in ["localhost.evil.example", "10.0.2.2", "127.0.0.1.nip.example", "[::2]"] {
            assert!(!is_loopback(&Url::parse(&format!("http://{host}/")).unwrap()), "{host}");
        }
    }
}
