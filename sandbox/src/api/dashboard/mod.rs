//! The dashboard: its files, and the security headers for them.

mod state;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use super::extract::PathParam;
use crate::{access::RouteGroup, error::ApiError};
pub(super) use state::{new_key, state};

/// The HTML, and the files that it names.
const FRONT: &str = include_str!("../../../page/index.html");
const FILES: &[(&str, &str, &str)] = &[
    ("page.css", CSS, include_str!("../../../page/page.css")),
    ("main.js", JS, include_str!("../../../page/main.js")),
    ("dom.js", JS, include_str!("../../../page/dom.js")),
    ("generate.js", JS, include_str!("../../../page/generate.js")),
    ("jobs.js", JS, include_str!("../../../page/jobs.js")),
    ("wallet.js", JS, include_str!("../../../page/wallet.js")),
    ("requests.js", JS, include_str!("../../../page/requests.js")),
    ("faults.js", JS, include_str!("../../../page/faults.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../../page/icon.svg")),
];
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Loads nothing from other servers, runs no inline script, turns no string into markup, and may not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
require-trusted-types-for 'script'; trusted-types 'none'";

/// Serves `/` as the dashboard to a browser. Any other path without a route, and `/` for other clients, is 404.
pub(super) async fn front(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let mut response = if RouteGroup::of(&method, &uri, &headers) == RouteGroup::Index {
        text(HTML, FRONT)
    } else {
        ApiError::not_found("no such route: /openapi.json lists all").into_response()
    };
    if uri.path() == "/" {
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    }
    response
}

/// `GET /sandbox/page/{file}`.
pub(super) async fn file(PathParam(name): PathParam) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, media_type, content) =
        file.ok_or_else(|| ApiError::not_found("the dashboard has no such file"))?;
    Ok(text(media_type, content))
}

fn text(media_type: &'static str, content: &'static str) -> Response {
    let mut response = Response::new(Body::from(content));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // The next version has other files at the same URLs.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guard(&mut response);
    response
}

/// Sets the security headers of everything that the dashboard loads.
fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts between `before` and the next quotation mark, everywhere in `text`.
    fn named<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()).collect()
    }

    #[test]
    fn every_file_that_is_named_is_served_and_none_is_elsewhere() {
        let known = |name: &str| FILES.iter().any(|(known, _, _)| *known == name);
        for attribute in ["href=\"", "src=\""] {
            for address in named(FRONT, attribute).into_iter().filter(|address| *address != "/openapi.json") {
                let name = address.strip_prefix("/sandbox/page/").unwrap_or_else(|| panic!("{address}"));
                assert!(known(name), "{name}");
            }
        }
        assert_eq!(named(FRONT, "src=\"").len(), 1, "one script, which imports the others");
        for (name, _, content) in FILES {
            for import in named(content, "from \"") {
                assert!(import.strip_prefix("./").is_some_and(known), "{name} imports {import}");
            }
            // The one address is the namespace of SVG, which nothing fetches.
            assert!(!content.replace("http://www.w3.org/2000/svg", "").contains("http"), "{name}");
        }
        assert!(!FRONT.contains("http"));
    }

    #[test]
    fn nothing_is_inline_and_no_text_becomes_markup() {
        assert!(!FRONT.contains("<style") && !FRONT.contains("style=") && !FRONT.contains("javascript:"));
        assert!(named(FRONT, " on").iter().all(|rest| !rest.split(' ').next().unwrap_or("").contains('=')));
        for (name, _, content) in FILES.iter().filter(|(_, media_type, _)| *media_type == JS) {
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                ".style",
                "DOMParser",
            ] {
                assert!(!content.contains(sink), "{name}: {sink}");
            }
        }
    }
}
