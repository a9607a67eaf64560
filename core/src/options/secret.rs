//! Options with secrets, which `Debug` does not show.

use std::fmt;

use serde::Deserialize;
use url::Url;

/// A secret string, such as an unchecked key. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// An unchecked base URL. The first call rejects a URL with a password, and `Debug` does not show one.
#[derive(Clone, Deserialize)]
pub(crate) struct BaseUrl(pub(crate) String);

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            // A password or a query may be a secret.
            Ok(url) if url.username().is_empty() && url.password().is_none() && url.query().is_none() => {
                write!(f, "{:?}", self.0)
            }
            _ => f.write_str("…"),
        }
    }
}
