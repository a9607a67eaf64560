//! Calls of Python code that survive the exit of the interpreter, and cells that survive a fork.

use pyo3::{ffi, prelude::*, sync::PyOnceLock, types::PyTuple};

/// Returns the value of a cell, made if there is none yet.
///
/// The cell's own methods let other threads run Python while they make the value. A fork then leaves the child with a cell
/// that no thread fills, and its readers wait for ever. Here several threads may make a value, and the first one's stays.
/// The cell is filled in one step, attached.
pub(crate) fn get_or_try_init<T>(
    cell: &'static PyOnceLock<T>,
    py: Python<'_>,
    make: impl FnOnce() -> PyResult<T>,
) -> PyResult<&'static T> {
    if let Some(value) = cell.get(py) {
        return Ok(value);
    }
    let value = make()?;
    // Another thread may have been first.
    let _ = cell.set(py, value);
    cell.get(py).ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("a filled cell is empty"))
}

/// Returns a Python string that is made once, as `PyO3`'s macro of this name, but with [`get_or_try_init`].
macro_rules! intern {
    ($py:expr, $text:expr) => {{
        static TEXT: ::pyo3::sync::PyOnceLock<::pyo3::Py<::pyo3::types::PyString>> =
            ::pyo3::sync::PyOnceLock::new();
        let make = || Ok(::pyo3::types::PyString::intern($py, $text).unbind());
        match crate::py_util::get_or_try_init(&TEXT, $py, make) {
            Ok(text) => text.bind($py).clone(),
            Err(_) => ::pyo3::types::PyString::new($py, $text),
        }
    }};
}
pub(crate) use intern;

/// Parks the thread when its stack is unwound.
///
/// Up to Python 3.13, an exiting interpreter ends every other thread at its next step by unwinding its stack
/// (`pthread_exit`). Through Rust's frames that aborts the process or corrupts it. A thread that is parked until the
/// process ends does no harm, and Python 3.14 does the same.
struct ParkOnUnwind;

impl Drop for ParkOnUnwind {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

type CallFn = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type NextFn = unsafe extern "C-unwind" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

/// `PyObject_Call` and `PyIter_Next`, as functions that may unwind.
///
/// `PyO3` declares that they never do. An optimiser that knew the called function would remove `ParkOnUnwind`.
#[allow(unsafe_code, reason = "PyO3 has no form of these that may unwind")]
fn c_unwind_fns() -> (CallFn, NextFn) {
    type DeclaredCallFn = unsafe extern "C" fn(
        *mut ffi::PyObject,
        *mut ffi::PyObject,
        *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    type DeclaredNextFn = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
    // SAFETY: each is the same function, whose caller lets an unwinding through to `ParkOnUnwind`.
    let functions = unsafe {
        (
            std::mem::transmute::<DeclaredCallFn, CallFn>(ffi::PyObject_Call),
            std::mem::transmute::<DeclaredNextFn, NextFn>(ffi::PyIter_Next),
        )
    };
    // SAFETY: a local that was just made.
    unsafe { std::ptr::read_volatile(&raw const functions) }
}

/// Calls a callable. Every call of Python code from Rust that may take its time goes through here.
#[allow(unsafe_code, reason = "PyO3 calls through a declaration that nothing may unwind through")]
pub(crate) fn call<'py, A>(function: &Bound<'py, PyAny>, args: A) -> PyResult<Bound<'py, PyAny>>
where
    A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
    PyErr: From<A::Error>,
{
    let py = function.py();
    let args = args.into_pyobject(py)?;
    let (call, _) = c_unwind_fns();
    let park = ParkOnUnwind;
    // SAFETY: attached, with a tuple and no keywords; both objects are held by this frame.
    let result = unsafe { call(function.as_ptr(), args.as_ptr(), std::ptr::null_mut()) };
    std::mem::forget(park);
    // SAFETY: the result is a new reference, or null with the exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Returns the next item of an iterator, which may be Python code.
#[allow(unsafe_code, reason = "as in `call`")]
pub(crate) fn next<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    let (_, next) = c_unwind_fns();
    let park = ParkOnUnwind;
    // SAFETY: attached, with an iterator that this frame holds.
    let item = unsafe { next(iterator.as_ptr()) };
    std::mem::forget(park);
    // SAFETY: a new reference, or null at the end or with an exception set.
    match unsafe { Bound::from_owned_ptr_or_opt(py, item) } {
        Some(item) => Ok(Some(item)),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}

/// Returns an attribute of a module, which is imported if it has not been.
pub(crate) fn import_attr<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let import = py.import(intern!(py, "importlib"))?.getattr(intern!(py, "import_module"))?;
    call(&import, (module,))?.getattr(name)
}

/// Returns an attribute of a module that is looked up once.
pub(crate) fn cached_attr<'py>(
    cell: &'static PyOnceLock<Py<PyAny>>,
    py: Python<'py>,
    module: &str,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    Ok(get_or_try_init(cell, py, || import_attr(py, module, name).map(Bound::unbind))?.bind(py))
}
