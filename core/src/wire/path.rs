//! Where a request goes: ids as one path segment, and paths that cannot leave the base URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::error::{InfraiError, Result};

/// All but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An id as one path segment. Empty ids and dot segments are refused: no encoding of them survives URL parsing.
pub(crate) fn segment(field: &str, id: &str) -> Result<String> {
    if matches!(id, "" | "." | "..") {
        return Err(InfraiError::invalid_argument(
            field,
            format!("{id:?}"),
            "an id, neither empty nor \".\" nor \"..\"",
        ));
    }
    Ok(utf8_percent_encode(id, SEGMENT).to_string())
}

/// Checks a path that a caller wrote, split from its query if it has one.
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

/// The path appended to the base URL's own, on the base URL's own origin.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url> {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    if url.origin() != base.origin() {
        return Err(InfraiError::internal(format!("the path {path:?} left the base URL's origin")));
    }
    Ok(url)
}

/// The longest URL, in bytes, that an HTTP request can be made of here.
const LONGEST: usize = 65_534;

/// Refuses a URL that nothing could be sent to.
pub(crate) fn sendable(url: Url) -> Result<Url> {
    let length = url.as_str().len();
    if length <= LONGEST {
        return Ok(url);
    }
    Err(InfraiError::invalid_argument(
        "path",
        format!("{length} bytes"),
        "at most 65,534 bytes of URL, an id and a query in it included",
    ))
}

/// Whether the host is this machine's loopback, by name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// The origin as people write it: `https://api.infrai.cc`.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        assert_eq!(segment("id", "vid_1-2.~").unwrap(), "vid_1-2.~");
        assert_eq!(segment("id", "a/b%2f c?d#ü").unwrap(), "a%2Fb%252f%20c%3Fd%23%C3%BC");
        for id in ["", ".", ".."] {
            assert_eq!(segment("id", id).unwrap_err().code(), "INVALID_ARGUMENT");
        }
        let url =
            join(&Url::parse("http://h/p/").unwrap(), &format!("/v1/{}/x", segment("id", "%2e%2e").unwrap()))
                .unwrap();
        assert_eq!(url.as_str(), "http://h/p/v1/%252e%252e/x");
    }

    #[test]
    fn a_path_stays_below_the_base_url() {
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
    fn the_base_urls_own_path_is_kept() {
        let base = Url::parse("https://gate.example/infrai/").unwrap();
        assert_eq!(join(&base, "/v1/x").unwrap().as_str(), "https://gate.example/infrai/v1/x");
    }

    #[test]
    fn loopback_is_known_by_name_and_address() {
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
