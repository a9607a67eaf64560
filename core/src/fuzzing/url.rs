//! Fuzz target for request URLs: an id is one segment, and a request goes to its base URL's host and below its path.
//!
//! An input has one line each for a base URL, a path with its query, an id, and a value for the query.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    auth::config::AuthConfig,
    fuzzing::lines,
    wire::path::{check, join, segment},
};

pub fn url(data: &[u8]) {
    let Some([base, path, id, value]) = lines(data) else { return };
    let base = match AuthConfig::default().check_base_url("base_url", base) {
        Ok(base) => base,
        Err(error) => {
            assert!(
                error.message().starts_with("invalid `base_url`: ") || error.code() == "INSECURE_HTTP",
                "{error}"
            );
            Url::parse("https://gate.example/below/").expect("a URL")
        }
    };
    assert!(base.scheme() == "https" || local(&base), "{base} is neither safe nor local");
    one_segment(&base, id);
    let Ok((plain, query)) = check(path) else { return };
    let pairs = [("name".to_owned(), value.to_owned())];
    let pairs = if value.is_empty() { &pairs[..0] } else { &pairs[..] };
    let Ok(url) = join(&base, plain, query, pairs) else { return };
    let text = url.to_string();
    let parsed = Url::parse(&text).expect("a request's address is a URL");
    assert_eq!(parsed.origin(), base.origin());
    // A parser that follows the standard reads the same URL.
    assert_eq!(parsed.as_str(), text);
    assert!(
        parsed.path().starts_with(&format!("{}/", base.path().trim_end_matches('/'))),
        "{parsed} is not below {base}"
    );
    assert_eq!(decoded(parsed.path()), decoded(&format!("{}{plain}", base.path().trim_end_matches('/'))));
    if let [(name, value)] = pairs {
        let last = parsed.query_pairs().last().expect("a pair");
        assert_eq!((last.0.as_ref(), last.1.as_ref()), (name.as_str(), value.as_str()));
    }
    assert!(parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none());
}

fn one_segment(base: &Url, id: &str) {
    let Ok(encoded) = segment("id", id) else {
        return assert!(["", ".", ".."].contains(&id), "{id:?} is an id");
    };
    let url = match join(base, &format!("/v1/video/jobs/{encoded}/cancel"), None, &[]) {
        Ok(url) => url,
        // The only possible reason is that the URL is too long.
        Err(_) => return assert!(base.as_str().len() + encoded.len() > 65_000),
    };
    let parsed = Url::parse(url.as_str()).expect("a request's address is a URL");
    assert_eq!(parsed.origin(), base.origin());
    let path = parsed.path().strip_prefix(base.path().trim_end_matches('/')).expect("below the base URL");
    let segments: Vec<&str> = path.split('/').collect();
    assert!(matches!(segments[..], ["", "v1", "video", "jobs", _, "cancel"]), "{path}");
    assert_eq!(decoded(segments[4]), id.as_bytes());
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

/// Returns whether the host is this machine, by the URL library's types.
fn local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(url::Host::Domain(name)) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        None => false,
    }
}
