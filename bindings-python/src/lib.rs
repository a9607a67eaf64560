//! The native module `infrai._native`: the core's calls for the typed Python layer beside it.
//!
//! Three rules hold everywhere: no Python object is touched by a thread that is not attached; no Python code runs inside
//! a runtime; what belongs to a process is forgotten, never dropped, in a child of `fork()`.

#![allow(missing_docs, reason = "exported to Python alone, where `infrai` documents it")]

mod answer;
mod blocking;
mod callbacks;
mod carry;
mod channel;
mod client;
mod convert;
mod engine;
mod errors;
mod guard;
mod handing;
mod keys;
mod logging;
mod owned;
mod process;
mod python;
mod settings;
mod stream;
mod video;
mod wake;

use pyo3::prelude::*;

/// The native half of the package `infrai`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::{channel::Channel, client::Client, keys::KeyReply, stream::Stream};
    use super::{convert, engine, errors, logging};
    use infrai::VideoState;
    use pyo3::{exceptions::PyImportError, prelude::*};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Forgets what the parent made. Runs in every child of `os.fork()`.
    #[pyfunction]
    fn after_fork_in_child() {
        engine::forget();
        logging::silence();
    }

    /// Whether a job in this state has ended.
    #[pyfunction]
    fn is_done(state: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(VideoState::from(convert::text("state", state)?.as_str()).is_terminal())
    }

    /// Whether a job in this state has a video.
    #[pyfunction]
    fn is_success(state: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(VideoState::from(convert::text("state", state)?.as_str()).is_success())
    }

    /// The error for an argument that is refused before anything is sent.
    #[pyfunction]
    fn refusal(py: Python<'_>, field: &str, got: &str, expected: &str) -> Py<PyAny> {
        errors::refuse(py, field, got, expected).into_value(py).into_any()
    }

    /// The number of the interpreter that is running; the main one's is 0.
    #[allow(unsafe_code, reason = "PyO3 has no safe form of it")]
    fn interpreter() -> i64 {
        // SAFETY: a module's initialisation runs attached, and an attached thread has an interpreter.
        unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) }
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        if interpreter() != 0 {
            return Err(PyImportError::new_err(
                "infrai runs in the main interpreter alone, not in a sub-interpreter: use threads or processes",
            ));
        }
        // A second load in one process keeps the first one's subscriber.
        let _ = tracing::subscriber::set_global_default(logging::Bridge);
        let py = module.py();
        let os = py.import(crate::python::intern!(py, "os"))?;
        if let Ok(register) = os.getattr(crate::python::intern!(py, "register_at_fork")) {
            let hooks = pyo3::types::PyDict::new(py);
            hooks.set_item("after_in_child", module.getattr("after_fork_in_child")?)?;
            register.call((), Some(&hooks))?;
        }
        Ok(())
    }
}
