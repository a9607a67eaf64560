//! Checks of the `Host` header: loopback, and allowed hosts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{Uri, uri::Authority};

use crate::error::ApiError;

/// A checked host and port, safe to use in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(String);

impl Host {
    /// Returns the host of an address.
    pub(crate) fn of(addr: SocketAddr) -> Self {
        Self(addr.to_string())
    }

    /// Returns an absolute URL on this host; `path` starts with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0)
    }

    /// Returns the port: 80 if none is named.
    pub(crate) fn port(&self) -> u16 {
        parse(&self.0).and_then(|authority| authority.port_u16()).unwrap_or(80)
    }

    /// Returns true for a loopback host.
    pub(crate) fn is_loopback(&self) -> bool {
        names_loopback(&self.0)
    }
}

/// The hosts allowed besides loopback.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostPolicy {
    allowed: Vec<Authority>,
}

impl HostPolicy {
    /// Parses names or addresses, with a port (only that port) or without (any port).
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        let allowed = names.iter().map(|name| parse(name).ok_or_else(|| name.clone()));
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()? })
    }

    /// Returns the host of a request, or the error that names the accepted ones.
    ///
    /// Without this check a web page could point its own name at 127.0.0.1 and read the sandbox's answers.
    pub(crate) fn check(&self, uri: &Uri, headers: &http::HeaderMap) -> Result<Host, ApiError> {
        let mut hosts = headers.get_all(http::header::HOST).iter();
        let given = match (uri.authority(), hosts.next(), hosts.next()) {
            (_, _, Some(_)) => {
                return Err(ApiError::invalid("invalid `Host`: expected one header, got several"));
            }
            (Some(authority), _, _) => authority.as_str().to_owned(),
            (None, Some(host), None) => host.to_str().unwrap_or_default().to_owned(),
            (None, None, None) => return Err(ApiError::invalid("missing `Host`: send one header")),
        };
        match parse(&given) {
            Some(host) if is_loopback(&host) || self.allows(&host) => Ok(Host(host.as_str().to_owned())),
            _ => Err(ApiError::new(
                http::StatusCode::MISDIRECTED_REQUEST,
                "HOST_NOT_ALLOWED",
                "this Host is not allowed: use a loopback host, or allow it with --allow-host",
            )),
        }
    }

    fn allows(&self, host: &Authority) -> bool {
        self.allowed.iter().any(|allowed| {
            allowed.host().eq_ignore_ascii_case(host.host())
                && (allowed.port_u16().is_none() || allowed.port_u16() == host.port_u16())
        })
    }
}

/// Returns true if a host, from a `Host` header or the authority of an `Origin`, is this machine's.
pub(crate) fn names_loopback(host: &str) -> bool {
    parse(host).is_some_and(|host| is_loopback(&host))
}

fn parse(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let port_is_sound = match authority.as_str().strip_prefix(host)? {
        "" => true,
        port => port.strip_prefix(':').is_some_and(is_port),
    };
    (!host.is_empty() && !authority.as_str().contains('@') && port_is_sound).then_some(authority)
}

fn is_port(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    }
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_addresses_pass_with_any_port() {
        for host in ["localhost", "LOCALHOST:1", "app.localhost:80", "127.0.0.1:8080", "127.9.9.9", "[::1]:7"]
        {
            assert!(names_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "a@localhost",
            "localhost:x",
        ] {
            assert!(!names_loopback(host), "{host}");
        }
        for host in ["127.0.0.1:", "127.0.0.1:99999", "[::2]", "10.0.0.1", "::1", "localhost/"] {
            assert!(!names_loopback(host), "{host}");
        }
        // Other spellings of loopback: no browser writes them, so they are refused rather than understood.
        for host in [
            "localhost.",
            "127.0.0.1.",
            "2130706433",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::1%25lo]",
            "%6cocalhost",
            "localhost%00.evil.example",
            "localhost,evil.example",
            "localhost evil.example",
            "localhost:80:80",
            "localhost:+80",
            "evil.example#localhost",
            "evil.example\\localhost",
        ] {
            assert!(!names_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_allowed_host_may_fix_its_port() {
        let policy = HostPolicy::new(&["dev.example".into(), "10.0.2.2:8080".into()]).expect("two hosts");
        let check = |host: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("host", host.parse().expect("a header value"));
            policy.check(&Uri::from_static("/"), &headers).is_ok()
        };
        assert!(check("dev.example") && check("DEV.example:99") && check("10.0.2.2:8080"));
        assert!(!check("10.0.2.2:8081") && !check("10.0.2.2") && !check("evil.example"));
        assert!(HostPolicy::new(&["http://x".into()]).is_err());
    }
}
