//! The native module `infrai._native`: the core's calls for the typed Python layer beside it.
//!
//! Three rules hold everywhere: an unattached thread touches no Python object; no Python code runs inside a runtime; a forked
//! child never drops a value that belongs to its parent.

#![allow(missing_docs, reason = "exported only to Python, where `infrai` documents it")]

mod blocking;
mod call;
mod callbacks;
mod client;
mod convert;
mod errors;
mod event_loop;
mod fork;
mod key_responder;
mod logging;
mod options;
mod py_util;
mod runtime;
mod stream;
mod webhooks;

use pyo3::prelude::*;

/// The native half of the package `infrai`.
#[pymodule(gil_used = false)]
mod _native {
    use super::{callbacks::CallbackQueue, convert, errors, logging, py_util};
    #[pymodule_export]
    use super::{
        client::Client,
        event_loop::EventLoopHandle,
        key_responder::KeyResponder,
        stream::Stream,
        webhooks::{SeenEvents, verify_webhook},
    };
    use infrai::VideoState;
    use pyo3::{exceptions::PyImportError, prelude::*, types::IntoPyDict as _};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Runs in every child of `os.fork()`. The child reads the level of its logger at its first call.
    #[pyfunction]
    fn after_fork_in_child() {
        logging::disable();
    }

    /// Returns whether a job in this state has ended.
    #[pyfunction]
    fn is_done(state: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(VideoState::from(convert::text("state", state)?.as_str()).is_terminal())
    }

    /// Returns whether a job in this state has a video.
    #[pyfunction]
    fn is_success(state: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(VideoState::from(convert::text("state", state)?.as_str()).is_success())
    }

    /// Returns a text as one line that is safe to print.
    #[pyfunction]
    fn escape_text(text: &str) -> std::borrow::Cow<'_, str> {
        infrai::escape_text(text)
    }

    /// Returns the message for an option that is not one of these.
    #[pyfunction]
    #[allow(clippy::needless_pass_by_value, reason = "PyO3 extracts no slice of texts")]
    fn unknown_option(name: &str, known: Vec<String>) -> String {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        infrai::options::unknown_option(name, &known).message().to_owned()
    }

    /// Returns the error of an argument that is refused before anything is sent.
    #[pyfunction]
    fn invalid_argument_error(py: Python<'_>, field: &str, got: &str, expected: &str) -> Py<PyAny> {
        errors::invalid_argument(py, field, got, expected).into_value(py).into_any()
    }

    /// Returns the id of the running interpreter. The main one's is 0.
    #[allow(unsafe_code, reason = "PyO3 has no safe form of it")]
    fn interpreter_id() -> i64 {
        // SAFETY: a module's initialisation runs attached, and an attached thread has an interpreter.
        unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) }
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        if interpreter_id() != 0 {
            return Err(PyImportError::new_err(
                "infrai runs in the main interpreter alone, not in a sub-interpreter: use threads or processes",
            ));
        }
        logging::install(CallbackQueue::push_record);
        let py = module.py();
        if let Ok(register) = py_util::import_attr(py, "os", "register_at_fork") {
            let hooks = [("after_in_child", module.getattr("after_fork_in_child")?)].into_py_dict(py)?;
            register.call((), Some(&hooks))?;
        }
        Ok(())
    }
}
