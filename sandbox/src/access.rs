//! Access control by route group.

use std::net::SocketAddr;

use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::{
    error::ApiError,
    host::{self, Host},
};

/// A group of routes with the same access rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteGroup {
    /// Routes that the real API has too.
    Api,
    /// The API's route that registers a webhook: the sandbox then sends requests to this machine.
    Webhooks,
    /// `/sandbox/…`: faults, requests, ledger and other controls of the sandbox.
    Admin,
    /// `/` for a browser: the dashboard's HTML, which holds no data of this sandbox.
    Index,
    /// `/sandbox/page/…`: the files and the state that the dashboard fetches.
    Dashboard,
}

impl RouteGroup {
    /// Returns the group that a request belongs to.
    pub(crate) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path();
        if path.starts_with("/sandbox/page/") {
            Self::Dashboard
        } else if path == "/sandbox" || path.starts_with("/sandbox/") {
            Self::Admin
        } else if path == "/" && (method == Method::GET || method == Method::HEAD) && prefers_html(headers) {
            Self::Index
        } else if path == "/v1/account/webhooks/register" {
            Self::Webhooks
        } else {
            Self::Api
        }
    }

    /// Returns true for routes that faults apply to. Admin and dashboard routes must work while faults are in force.
    pub(crate) fn allows_faults(self) -> bool {
        matches!(self, Self::Api | Self::Webhooks)
    }

    /// Returns true for requests of the dashboard, which no client makes.
    pub(crate) fn is_dashboard(self) -> bool {
        matches!(self, Self::Index | Self::Dashboard)
    }

    /// Refuses requests to the admin, dashboard and webhook routes from other machines, and to the first two from web pages
    /// of another origin.
    pub(crate) fn check(self, headers: &HeaderMap, peer: SocketAddr, host: &Host) -> Result<(), ApiError> {
        let from_here = peer.ip().to_canonical().is_loopback() && host.is_loopback();
        let open = match self {
            Self::Api => true,
            Self::Webhooks => peer.ip().to_canonical().is_loopback(),
            // A link may lead here from any page. The HTML holds no data, changes nothing, and may not be framed.
            Self::Index => from_here,
            Self::Admin | Self::Dashboard => from_here && !is_cross_origin(headers),
        };
        if open {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "ADMIN_LOOPBACK_ONLY",
            "/sandbox/…, the dashboard at / and the registration of webhooks serve this machine only; the first two under a loopback host, and no web page of another origin",
        ))
    }
}

/// Returns true for a request from a web page of another origin. Such a page cannot read the response, but the
/// request would take effect.
fn is_cross_origin(headers: &HeaderMap) -> bool {
    let elsewhere = |value: &http::HeaderValue| !matches!(value.as_bytes(), b"same-origin" | b"none");
    // Browsers without `Sec-Fetch-Site` still name the origin.
    let origin_elsewhere = |value: &http::HeaderValue| {
        let authority = value.to_str().ok().and_then(|origin| origin.split_once("://"));
        // Only pages of http and https: any program may register another scheme.
        !authority.is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https") && host::names_loopback(authority)
        })
    };
    headers.get_all("sec-fetch-site").iter().any(elsewhere)
        || headers.get_all(header::ORIGIN).iter().any(origin_elsewhere)
}

/// Returns true if `Accept` prefers HTML to JSON. Browsers do; API clients and `*/*` do not.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0, 0.0);
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut words = range.split(';').map(str::trim);
            let target = match words.next().map(str::to_ascii_lowercase).as_deref() {
                Some("text/html" | "application/xhtml+xml") => &mut html,
                Some("application/json") => &mut json,
                _ => continue,
            };
            let quality = words.find_map(|word| word.strip_prefix("q=").or(word.strip_prefix("Q=")));
            let quality = quality.map_or(Some(1.0), |quality| quality.parse::<f32>().ok());
            *target = quality.unwrap_or(0.0).max(*target);
        }
    }
    html > 0.0 && html >= json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        pairs.collect()
    }

    #[test]
    fn browsers_prefer_html_and_api_clients_do_not() {
        let html = |accept: &str| prefers_html(&headers(&[("accept", accept)]));
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "TEXT/HTML",
            "text/html; q=0.5, application/json; q=0.4",
        ] {
            assert!(html(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/*",
            "text/html;q=0",
            "text/html;q=x",
            "text/html;q=NaN",
            "application/json, text/html;q=0.9",
        ] {
            assert!(!html(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn only_this_machine_registers_a_webhook() {
        let uri = Uri::from_static("/v1/account/webhooks/register");
        let group = RouteGroup::of(&Method::POST, &uri, &HeaderMap::new());
        let host = Host::of(SocketAddr::from(([192, 0, 2, 9], 4010)));
        let checked = |peer| group.check(&HeaderMap::new(), SocketAddr::new(peer, 7), &host);
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(checked(here.parse().expect("an address")).is_ok(), "{here}");
        }
        let refused = checked("192.0.2.1".parse().expect("an address")).expect_err("another machine");
        assert_eq!((refused.status, refused.code.as_str()), (StatusCode::FORBIDDEN, "ADMIN_LOOPBACK_ONLY"));
        assert!(group.allows_faults());
    }

    #[test]
    fn a_page_of_another_origin_is_foreign() {
        let foreign = |pairs: &[(&'static str, &str)]| is_cross_origin(&headers(pairs));
        assert!(!foreign(&[]));
        assert!(!foreign(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:4010")]));
        assert!(!foreign(&[("sec-fetch-site", "none")]));
        assert!(!foreign(&[("origin", "http://localhost:3000")]));
        for site in ["cross-site", "same-site", "", "Same-Origin"] {
            assert!(foreign(&[("sec-fetch-site", site)]), "{site:?}");
        }
        for origin in ["null", "", "https://evil.example", "http://localhost.evil.example", "localhost"] {
            assert!(foreign(&[("origin", origin)]), "{origin:?}");
        }
    }
}
