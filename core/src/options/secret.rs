//! Settings that must not be shown.

use std::fmt;

use serde::Deserialize;
use url::Url;

/// A string that must not be shown: a key that is not checked yet, or a proxy's URL with its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A base URL that is not checked yet. The first call refuses a password in it, and `Debug` does not show one.
#[derive(Clone, Deserialize)]
pub(crate) struct BaseUrl(pub(crate) String);

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) if url.username().is_empty() && url.password().is_none() => write!(f, "{:?}", self.0),
            _ => f.write_str("…"),
        }
    }
}
