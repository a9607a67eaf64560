//! The native module `infrai._native`: the core's calls for the typed Python layer beside it.
//!
//! Three rules hold everywhere: no Python object is touched by a thread that is not attached; no Python code runs inside
//! a runtime; what belongs to a process is forgotten, never dropped, in a child of `fork()`.

#![allow(missing_docs, reason = "exported to Python alone, where `infrai` documents it")]

mod answer;
mod blocking;
mod channel;
mod client;
mod convert;
mod deliver;
mod engine;
mod errors;
mod guard;
mod keys;
mod logging;
mod mailbox;
mod owned;
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
    use super::{convert, engine, logging};
    use infrai::VideoState;
    use pyo3::{intern, prelude::*};

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

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // A second load in one process keeps the first one's subscriber.
        let _ = tracing::subscriber::set_global_default(logging::Bridge);
        let py = module.py();
        let os = py.import(intern!(py, "os"))?;
        if let Ok(register) = os.getattr(intern!(py, "register_at_fork")) {
            let hooks = pyo3::types::PyDict::new(py);
            hooks.set_item("after_in_child", module.getattr("after_fork_in_child")?)?;
            register.call((), Some(&hooks))?;
        }
        Ok(())
    }
}
