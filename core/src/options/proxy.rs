//! URL of a proxy.

use std::fmt;

use http::Uri;
use url::Url;

use crate::error::{InfraiError, Result};

/// The URL of an http or https proxy, user and password included.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyUrl(Url);

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ProxyUrl {
    /// Parses the URL of a proxy. The default scheme is http.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` if the text is not the URL of an http or https proxy. The message does not contain the
    /// text, which may have a password.
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        // The URL standard parses `http//host` and `domain\user` as a host with a path, and drops line breaks. U+FFFD
        // stands for bytes that are not text.
        let misparsed = |c: char| c.is_control() || matches!(c, '\\' | '\u{fffd}');
        // A password with an unescaped `/`, `?` or `#` would be parsed as a part of the path.
        let cut = rest.split_once(['/', '?', '#']).is_some_and(|(_, path)| path.contains('@'));
        let bare_path = !text.contains("://") && rest.trim_end_matches('/').contains('/');
        let got = if rest.starts_with('/') || bare_path || cut || rest.contains(misparsed) {
            "text that is not a URL".to_owned()
        } else {
            match Url::parse(&format!("{scheme}://{rest}")) {
                // The URL standard parses a quote before the scheme or after the port as a part of the host.
                Ok(url) if url.host_str().is_none_or(|host| host.contains(['"', '\''])) => {
                    "text that is not a URL".to_owned()
                }
                // reqwest would connect directly where the stricter syntax of HTTP refuses the host.
                Ok(url) if Uri::try_from(url.as_str()).map_or(true, |uri| uri.host().is_none()) => {
                    "text that is not a URL".to_owned()
                }
                Ok(url) if matches!(url.scheme(), "http" | "https") => return Ok(Self(url)),
                Ok(url) => format!("a URL with the scheme {}", url.scheme()),
                Err(error) => format!("text that is not a URL ({error})"),
            }
        };
        let expected = "the http(s) URL of a proxy, such as http://user:password@host:3128";
        Err(InfraiError::invalid_option(setting, got, expected))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexpanded_template_is_refused() {
        for text in
            ["${PROXY}", "http://{proxy}:3128", "http://`hostname`:3128", "http://user:${PASSWORD}@${HOST}"]
        {
            let error = ProxyUrl::parse("proxy", text).unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_INVALID", "{text}");
            assert!(!error.message().contains("PASSWORD"), "{error}");
        }
    }

    #[test]
    fn a_proxy_password_may_have_quotes_and_spaces() {
        let proxy = ProxyUrl::parse("proxy", "http://user:it's \"x\"@proxy.example:3128").unwrap();
        assert_eq!((proxy.0.host_str(), proxy.0.port()), (Some("proxy.example"), Some(3128)));
        assert_eq!(proxy.0.password(), Some("it's%20%22x%22"));
    }
}
