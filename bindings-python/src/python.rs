//! Calls of Python code, on whichever thread: an interpreter that is exiting may end the thread in the middle of one.

use pyo3::{ffi, prelude::*, sync::PyOnceLock, types::PyTuple};

/// What a cell holds, made if there is nothing yet.
///
/// The cell's own ways to make it let other threads run Python meanwhile: one that forks then leaves its child with a cell
/// that is being filled by nobody, and whoever asks there waits for ever. Here several threads may make it, and the first
/// one's is kept; the cell is filled in one step, attached.
pub(crate) fn once<T>(
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
    cell.get(py).ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("a cell that was filled is empty"))
}

/// A Python string that is made once; as `PyO3`'s macro of this name, filled as `once` does.
macro_rules! intern {
    ($py:expr, $text:expr) => {{
        static TEXT: ::pyo3::sync::PyOnceLock<::pyo3::Py<::pyo3::types::PyString>> =
            ::pyo3::sync::PyOnceLock::new();
        let make = || Ok(::pyo3::types::PyString::intern($py, $text).unbind());
        match crate::python::once(&TEXT, $py, make) {
            Ok(text) => text.bind($py).clone(),
            Err(_) => ::pyo3::types::PyString::new($py, $text),
        }
    }};
}
pub(crate) use intern;

/// Keeps the thread where it is when its stack is unwound.
///
/// Up to Python 3.13, an interpreter that is exiting ends every other thread at its next step by unwinding its stack
/// (`pthread_exit`), without holding what attached threads hold. Through Rust's frames that aborts the process or corrupts
/// it; a thread that stays here until the process ends does no harm, and is what Python 3.14 does itself.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

type Call = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type Next = unsafe extern "C-unwind" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

/// `PyObject_Call` and `PyIter_Next`, as functions that may unwind.
///
/// `PyO3` declares that they never do. An optimiser that knows which function is called takes `Stay` away again; it must not
/// know.
#[allow(unsafe_code, reason = "PyO3 has no form of these that may unwind")]
fn unwinding() -> (Call, Next) {
    type Declared = unsafe extern "C" fn(
        *mut ffi::PyObject,
        *mut ffi::PyObject,
        *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    type DeclaredNext = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
    // SAFETY: each is the same function, whose caller lets an unwinding through to `Stay`.
    let functions = unsafe {
        (
            std::mem::transmute::<Declared, Call>(ffi::PyObject_Call),
            std::mem::transmute::<DeclaredNext, Next>(ffi::PyIter_Next),
        )
    };
    // SAFETY: a local that was just made.
    unsafe { std::ptr::read_volatile(&raw const functions) }
}

/// What a callable gives. Every call of Python code from Rust that may take its time goes through here.
#[allow(unsafe_code, reason = "PyO3 calls through a declaration that nothing may unwind through")]
pub(crate) fn call<'py, A>(function: &Bound<'py, PyAny>, given: A) -> PyResult<Bound<'py, PyAny>>
where
    A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
    PyErr: From<A::Error>,
{
    let py = function.py();
    let given = given.into_pyobject(py)?;
    let (call, _) = unwinding();
    let stay = Stay;
    // SAFETY: attached, with a tuple and no keywords; both objects are held by this frame.
    let result = unsafe { call(function.as_ptr(), given.as_ptr(), std::ptr::null_mut()) };
    std::mem::forget(stay);
    // SAFETY: what it gives is a new reference, or null with the exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// The next of an iterator, whose code it may be.
#[allow(unsafe_code, reason = "as in `call`")]
pub(crate) fn next<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    let (_, next) = unwinding();
    let stay = Stay;
    // SAFETY: attached, with an iterator that this frame holds.
    let item = unsafe { next(iterator.as_ptr()) };
    std::mem::forget(stay);
    // SAFETY: a new reference, or null at the end or with an exception set.
    match unsafe { Bound::from_owned_ptr_or_opt(py, item) } {
        Some(item) => Ok(Some(item)),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}

/// A member of a module, which is imported if it has not been.
pub(crate) fn member<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let import = py.import(intern!(py, "importlib"))?.getattr(intern!(py, "import_module"))?;
    call(&import, (module,))?.getattr(name)
}
