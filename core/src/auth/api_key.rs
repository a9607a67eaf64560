//! Project key that never prints its text, and key functions.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::HeaderValue;

use crate::error::{ErrorKind, InfraiError, Result};

const PREFIX: &str = "ifr_pk_proj_";

/// A project key. `Debug` and `Display` show `ifr_pk_proj_…abcd` at most. [`expose`](Self::expose) returns the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(Arc<str>);

impl ApiKey {
    /// Wraps a key without changing it.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` if the key is empty or has characters that are not valid in an HTTP header (control
    /// characters, spaces, non-ASCII characters). The message does not repeat the key.
    pub fn new(key: impl AsRef<str>) -> Result<Self> {
        let key = key.as_ref();
        if key.is_empty() {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                "invalid `api_key`: expected a project key, got an empty string",
            ));
        }
        let quoted = |quote: char| key.starts_with(quote) || key.ends_with(quote);
        if ['"', '\'', '`'].into_iter().any(quoted) {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                "invalid `api_key`: expected a project key, got one in quotes",
            )
            .with_hint("Remove the quotes around the key."));
        }
        if let Some(at) = key.bytes().position(|b| !(0x21..=0x7e).contains(&b)) {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!(
                    "invalid `api_key`: expected visible ASCII characters, got another one at position {} (a control character, a space or a non-ASCII character)",
                    at + 1
                ),
            )
            .with_hint("Copy the key again, without quotes, spaces or line breaks."));
        }
        Ok(Self(key.into()))
    }

    /// Returns the key's text, for callers that must pass it on. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the key's text for redaction.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// Returns the value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> Result<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .map_err(|_| InfraiError::internal("a checked key is not a valid header value"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Returns the redacted form: `ifr_pk_proj_…abcd`, or less for a short key or another prefix.
    pub fn redacted(&self) -> String {
        match self.0.strip_prefix(PREFIX) {
            Some(rest) if rest.len() >= 24 => format!("{PREFIX}…{}", &rest[rest.len() - 4..]),
            Some(_) => format!("{PREFIX}…"),
            None => "…".to_owned(),
        }
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(ApiKey, String, {
    lower: |key| key.expose().to_owned(),
    try_lift: |key| Ok(ApiKey::new(key)?),
});

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.redacted())
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

type KeyFuture = Pin<Box<dyn Future<Output = Result<ApiKey>> + Send>>;

/// A key function. The client calls it once per call, and once more after a 401.
#[derive(Clone)]
pub struct KeyProvider(Arc<dyn Fn() -> KeyFuture + Send + Sync>);

impl KeyProvider {
    /// Wraps an async function.
    pub fn new<F, Fut>(provide: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ApiKey>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(provide())))
    }

    pub(crate) async fn get(&self) -> Result<ApiKey> {
        (self.0)().await
    }
}

impl fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyProvider(…)")
    }
}

/// Returns the error for a call without a key.
pub(crate) fn missing() -> InfraiError {
    InfraiError::new(ErrorKind::Authentication, "API_KEY_MISSING", "no project key was found").with_hint(
        "Set INFRAI_API_KEY, pass `api_key` to the client, or call `client.activate()` once to get an anonymous account with a trial credit.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_long_key_shows_its_last_four_characters() {
        let long = ApiKey::new("ifr_pk_proj_0123456789abcdefghijWXYZ").unwrap();
        assert_eq!(long.to_string(), "ifr_pk_proj_…WXYZ");
        assert_eq!(format!("{long:?}"), "ApiKey(ifr_pk_proj_…WXYZ)");
        assert_eq!(ApiKey::new("ifr_pk_proj_short").unwrap().to_string(), "ifr_pk_proj_…");
        assert_eq!(ApiKey::new("some-other-secret-of-any-length-at-all").unwrap().to_string(), "…");
    }

    #[test]
    fn error_for_a_malformed_key_does_not_repeat_it() {
        let error = ApiKey::new("ifr_pk_proj_secretsecretsecretsecret\n").unwrap_err();
        assert_eq!(error.code(), "CONFIGURATION_INVALID");
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("secret"));
    }

    #[test]
    fn quoted_key_is_refused() {
        for quoted in ["\"ifr_pk_proj_secret\"", "'ifr_pk_proj_secret'", "\"ifr_pk_proj_secret", "`secret`"] {
            let error = ApiKey::new(quoted).unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_INVALID");
            assert!(error.message().contains("quotes"), "{error}");
            assert!(!format!("{error} {error:?} {}", error.hint()).contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn key_shows_at_most_four_characters(secret in "[a-z]([!-~]{0,78}[a-z])?", prefixed in any::<bool>()) {
            let key = ApiKey::new(if prefixed { format!("{PREFIX}{secret}") } else { secret.clone() }).unwrap();
            let shown = key.redacted();
            let rest = shown.strip_prefix(PREFIX).unwrap_or(&shown).strip_prefix('…').expect("a mark");
            prop_assert!(rest.is_empty() || (rest.len() == 4 && secret.len() >= 24 && secret.ends_with(rest)));
            let debug = format!("{key:?}");
            prop_assert!(debug.contains(&shown));
        }
    }
}
