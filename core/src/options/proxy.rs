//! URL of a proxy.

use url::Url;

use super::secret::Secret;
use crate::error::{InfraiError, Result};

/// Checks a proxy's URL, which may hold a password and is not shown. With one of an unknown scheme, requests would go
/// out without a proxy.
pub(crate) fn proxy_url(text: &str) -> Result<Option<Secret>> {
    if text.is_empty() {
        return Ok(None);
    }
    let absolute = text.contains("://") || text.trim_start().starts_with('/');
    let parsed = if absolute { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let got = match &parsed {
        // As it was parsed: characters of a password or a name that no request can carry are encoded in it.
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            return Ok(Some(Secret(url.to_string())));
        }
        Ok(url) => format!("one that begins with {}:", url.scheme()),
        Err(error) => format!("one that is no URL ({error})"),
    };
    let expected = "the http(s) URL of a proxy, such as http://user:password@host:3128";
    Err(InfraiError::invalid_option("proxy", got, expected))
}
