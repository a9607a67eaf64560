//! The project key: a string that cannot be printed, and where it comes from.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::HeaderValue;

use crate::error::{ErrorKind, InfraiError, Result};

const PREFIX: &str = "ifr_pk_proj_";

/// A project key. `Debug` and `Display` show `ifr_pk_proj_…abcd` at most; [`expose`](Self::expose) gives the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(Arc<str>);

impl ApiKey {
    /// Takes a key as it is.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` when it is empty, or has characters that no HTTP header can carry
    /// (control characters, spaces, anything outside ASCII). The message does not repeat the key.
    pub fn new(key: impl AsRef<str>) -> Result<Self> {
        let key = key.as_ref();
        if key.is_empty() {
            return Err(InfraiError::configuration("CONFIGURATION_INVALID", "api_key is empty"));
        }
        if let Some(at) = key.bytes().position(|b| !(0x21..=0x7e).contains(&b)) {
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!(
                    "api_key has a character at position {} that no HTTP header can carry (a control character, a space or a non-ASCII letter)",
                    at + 1
                ),
            )
            .with_hint("Copy the key again, without quotes, spaces or line ends."));
        }
        Ok(Self(key.into()))
    }

    /// The key itself, for those who have to hand it on. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The key for those who keep it out of what is shown.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// The header that carries it.
    pub(crate) fn authorization(&self) -> Result<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .map_err(|_| InfraiError::internal("a key that was checked is no header value"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The form that may be shown: `ifr_pk_proj_…abcd`, or `…` alone when too little would stay hidden.
    pub fn redacted(&self) -> String {
        match self.0.strip_prefix(PREFIX) {
            Some(rest) if rest.len() >= 24 => format!("{PREFIX}…{}", &rest[rest.len() - 4..]),
            Some(_) => format!("{PREFIX}…"),
            None => "…".to_owned(),
        }
    }
}

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

/// A function that gives the key: asked once a call, and once more after a 401.
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

/// The error of a call that found no key anywhere.
pub(crate) fn missing() -> InfraiError {
    InfraiError::new(ErrorKind::Authentication, "API_KEY_MISSING", "no project key was found").with_hint(
        "Set INFRAI_API_KEY, pass api_key to the client, or run `infrai activate` once for an anonymous account with a trial credit.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_shows_its_last_four_characters_only_when_enough_stays_hidden() {
        let long = ApiKey::new("ifr_pk_proj_0123456789abcdefghijWXYZ").unwrap();
        assert_eq!(long.to_string(), "ifr_pk_proj_…WXYZ");
        assert_eq!(format!("{long:?}"), "ApiKey(ifr_pk_proj_…WXYZ)");
        assert_eq!(ApiKey::new("ifr_pk_proj_short").unwrap().to_string(), "ifr_pk_proj_…");
        assert_eq!(ApiKey::new("some-other-secret-of-any-length-at-all").unwrap().to_string(), "…");
    }

    #[test]
    fn a_key_with_a_line_end_is_refused_without_being_repeated() {
        let error = ApiKey::new("ifr_pk_proj_secretsecretsecretsecret\n").unwrap_err();
        assert_eq!(error.code(), "CONFIGURATION_INVALID");
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("secret"));
    }

    proptest! {
        #[test]
        fn a_key_shows_four_of_its_characters_at_most(secret in "[!-~]{1,80}", prefixed in any::<bool>()) {
            let key = ApiKey::new(if prefixed { format!("{PREFIX}{secret}") } else { secret.clone() }).unwrap();
            let shown = key.redacted();
            let rest = shown.strip_prefix(PREFIX).unwrap_or(&shown).strip_prefix('…').expect("a mark");
            prop_assert!(rest.is_empty() || (rest.len() == 4 && secret.len() >= 24 && secret.ends_with(rest)));
            let debug = format!("{key:?}");
            prop_assert!(debug.contains(&shown));
        }
    }
}
