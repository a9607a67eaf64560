//! Fork safety: values of one process, which a forked child neither uses nor drops.

use std::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    process,
    sync::atomic::{AtomicPtr, Ordering},
};

/// Returns a number that differs between a process and the one it was forked from, without a system call.
pub(crate) fn fork_generation() -> u32 {
    #[cfg(unix)]
    if let Some(generation) = atfork::generation() {
        return generation;
    }
    process::id()
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "only the C library knows of every fork")]
mod atfork {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static GENERATION: AtomicU32 = AtomicU32::new(0);
    static ATFORK_INSTALLED: OnceLock<bool> = OnceLock::new();

    /// Runs in the child, where nothing else runs yet: only an atomic may be touched.
    extern "C" fn forked() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of forks behind this process, or `None` where the C library does not report them.
    pub(super) fn generation() -> Option<u32> {
        // SAFETY: the function is `extern "C"`, touches only an atomic, and Python never unloads a module.
        let install = || unsafe { libc::pthread_atfork(None, None, Some(forked)) } == 0;
        ATFORK_INSTALLED.get_or_init(install).then(|| GENERATION.load(Ordering::Relaxed))
    }
}

/// A value with connections, tasks or locks of one process.
///
/// A drop in a forked child would join threads that do not exist there and write to the parent's TLS streams.
pub(crate) struct ProcessLocal<T> {
    generation: u32,
    value: ManuallyDrop<T>,
}

impl<T> ProcessLocal<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { generation: fork_generation(), value: ManuallyDrop::new(value) }
    }

    /// Returns whether this process made the value.
    pub(crate) fn is_current_process(&self) -> bool {
        self.generation == fork_generation()
    }
}

impl<T> Deref for ProcessLocal<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for ProcessLocal<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[allow(unsafe_code, reason = "a conditional drop is the purpose of ManuallyDrop")]
impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        if self.is_current_process() {
            // SAFETY: this is the only place that drops it, and it runs once.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// A static with one value per process. A value is never dropped: a forked child leaves its parent's and makes its own.
pub(crate) struct ProcessStatic<T>(AtomicPtr<ProcessLocal<T>>);

#[allow(unsafe_code, reason = "values are leaked, so that a pointer outlives all its readers")]
impl<T: Send + Sync + 'static> ProcessStatic<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Returns this process's value, if there is one.
    pub(crate) fn get(&self) -> Option<&'static ProcessLocal<T>> {
        // SAFETY: the pointer is null or came from `Box::into_raw`, and nothing frees it.
        let value = unsafe { self.0.load(Ordering::Acquire).as_ref() };
        value.filter(|value| value.is_current_process())
    }

    /// Returns this process's value, made if there is none. Of several threads that make one, the first one's stays.
    ///
    /// No thread waits for another one, which a fork might leave behind.
    pub(crate) fn get_or_try_init<E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&'static ProcessLocal<T>, E> {
        let found = self.0.load(Ordering::Acquire);
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = Box::into_raw(Box::new(ProcessLocal::new(make()?)));
        let first = match self.0.compare_exchange(found, value, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => value,
            Err(first) => first,
        };
        // SAFETY: as in `get`; neither is null.
        Ok(unsafe { &*first })
    }
}
