//! Key functions of an application, as the core's key provider.

use std::{error::Error as StdError, future::Future, sync::Arc};

use infrai::{ApiKey, ErrorKind, InfraiError, KeyProvider};
use tokio::sync::oneshot;

/// Failure of a key function.
#[derive(Debug)]
pub enum KeyError {
    /// It returned a value that is no string. `got` describes the value without showing it.
    WrongType {
        /// Such as `a value of type int`.
        got: String,
    },
    /// It threw this exception.
    Exception(Arc<dyn StdError + Send + Sync>),
    /// Its call ended before it ran.
    NotCalled,
}

impl From<KeyError> for InfraiError {
    fn from(error: KeyError) -> Self {
        let configuration =
            |message: String| Self::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", message);
        match error {
            KeyError::WrongType { got } => configuration(format!(
                "invalid `api_key`: expected a function without arguments that returns a string, it returned {got}"
            )),
            KeyError::Exception(exception) => {
                configuration(format!("the `api_key` function failed: {exception}"))
                    .with_shared_source(exception)
            }
            KeyError::NotCalled => {
                Self::internal("the `api_key` function was not called, because its call has ended")
            }
        }
    }
}

/// Returns a provider that asks a function of the application for each key, in the context of the call that needs it.
pub fn key_provider<F, Fut>(request: F) -> KeyProvider
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, KeyError>> + Send + 'static,
{
    KeyProvider::new(move || {
        let response = request();
        async move { ApiKey::new(response.await?) }
    })
}

/// Sends the key to the call that needs it. Dropping it without a key fails the call.
#[derive(Debug)]
pub struct KeyResponder(oneshot::Sender<Result<String, KeyError>>);

impl KeyResponder {
    /// Sends the function's result. No-op if the call has ended.
    pub fn send(self, key: Result<String, KeyError>) {
        let _ = self.0.send(key);
    }

    /// Returns whether the call has ended.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Returns a responder for the thread that runs the function, and the future of its result.
pub fn key_request() -> (KeyResponder, impl Future<Output = Result<String, KeyError>> + Send + 'static) {
    let (sender, response) = oneshot::channel();
    (KeyResponder(sender), async move { response.await.unwrap_or(Err(KeyError::NotCalled)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ForeignException, exception_number};

    #[tokio::test]
    async fn a_key_reaches_the_call_that_needs_it() {
        let (responder, response) = key_request();
        responder.send(Ok("ifr_pk_proj_x".into()));
        assert_eq!(response.await.unwrap(), "ifr_pk_proj_x");
    }

    #[tokio::test]
    async fn a_dropped_responder_fails_the_call() {
        let (responder, response) = key_request();
        drop(responder);
        let error = InfraiError::from(response.await.unwrap_err());
        assert_eq!((error.code(), error.message().contains("was not called")), ("INTERNAL", true));
    }

    #[test]
    fn an_ended_call_closes_its_responder() {
        let (responder, response) = key_request();
        drop(response);
        assert!(responder.is_closed());
    }

    #[test]
    fn an_exception_stays_the_error_cause() {
        let exception = Arc::new(ForeignException::new(3_u32, "boom"));
        let error = InfraiError::from(KeyError::Exception(exception));
        assert_eq!((error.code(), exception_number(&error)), ("CONFIGURATION_INVALID", Some(3)));
        assert_eq!(error.message(), "the `api_key` function failed: boom");
    }
}
