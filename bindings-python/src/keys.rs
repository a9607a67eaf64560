//! Key functions: asked by the core on any thread, answered by Python on a thread of its own choosing.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{ApiKey, InfraiError, KeyProvider};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    channel, deliver,
    guard::guarded,
    mailbox::{Callback, KeyQuestion, Letter, Mailbox},
};

/// A provider that leaves its question with the event loop whose call it is, or else in the client's mailbox.
pub(crate) fn provider(function: &Callback, mailbox: &Arc<Mailbox>) -> KeyProvider {
    let (function, mailbox) = (Arc::clone(function), Arc::clone(mailbox));
    KeyProvider::new(move || {
        let (answer, answered) = oneshot::channel();
        let question = KeyQuestion { function: Arc::clone(&function), answer };
        match channel::caller() {
            Some(caller) => caller.post_question(question),
            None => mailbox.post(Letter::Key(question)),
        }
        async move {
            answered.await.unwrap_or_else(|_| {
                Err(InfraiError::internal("the api_key function was not asked, because its event loop ended"))
            })
        }
    })
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
            // Whoever asked may be gone by now.
            let _ = answer.send(deliver::key(given));
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
