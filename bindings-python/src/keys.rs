//! Key functions: requested by the core on any thread, called by Python in the context of the call that needs the key.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{ApiKey, ErrorKind, InfraiError, KeyProvider};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    callbacks::{Callback, CallbackEvent, CallbackQueue, KeyRequest},
    errors::PyCause,
    guard::guarded,
};

/// Returns a provider that has the function called by the call that needs a key.
pub(crate) fn provider(function: &Callback) -> KeyProvider {
    let function = Arc::clone(function);
    KeyProvider::new(move || {
        let (answer, answered) = oneshot::channel();
        if let Some(queue) = CallbackQueue::current() {
            queue.push(CallbackEvent::Key(KeyRequest { function: Arc::clone(&function), answer }));
        }
        async move {
            answered.await.unwrap_or_else(|_| {
                Err(InfraiError::internal("the api_key function was not called, because its call has ended"))
            })
        }
    })
}

/// Returns the key that a function gave, or why there is none.
pub(crate) fn api_key(given: PyResult<Bound<'_, PyAny>>) -> Result<ApiKey, InfraiError> {
    let given = given.map_err(|raised| {
        InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", "the api_key function raised")
            .with_source(PyCause(raised))
    })?;
    if let Ok(text) = given.extract::<String>() {
        return ApiKey::new(text);
    }
    let got = given.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    Err(InfraiError::new(
        ErrorKind::Configuration,
        "CONFIGURATION_INVALID",
        format!("the api_key function takes no argument and gives a str; it gave a value of type {got}"),
    ))
}

/// The answer to a key function that an event loop awaits.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct KeyReply(Mutex<Option<oneshot::Sender<Result<ApiKey, InfraiError>>>>);

impl KeyReply {
    pub(crate) fn new(answer: oneshot::Sender<Result<ApiKey, InfraiError>>) -> Self {
        Self(Mutex::new(Some(answer)))
    }

    fn send(&self, given: PyResult<Bound<'_, PyAny>>) {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            // The receiver may be gone by now.
            let _ = answer.send(api_key(given));
        }
    }
}

#[pymethods]
impl KeyReply {
    /// What the function gave.
    fn give(&self, py: Python<'_>, key: Bound<'_, PyAny>) -> PyResult<()> {
        guarded(py, || {
            self.send(Ok(key));
            Ok(())
        })
    }

    /// What the function raised.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> PyResult<()> {
        guarded(py, || {
            self.send(Err(PyErr::from_value(error)));
            Ok(())
        })
    }
}
