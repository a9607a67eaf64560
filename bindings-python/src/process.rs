//! Which process this is: told apart from the one that it was forked from, without a system call each time it is asked.

use std::process;

/// A number that is another in a process than in the one it was forked from, for as long as both live.
pub(crate) fn number() -> u32 {
    #[cfg(unix)]
    if let Some(forks) = forks::number() {
        return forks;
    }
    process::id()
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "the C library alone knows of every fork, whoever's code makes it")]
mod forks {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static FORKS: AtomicU32 = AtomicU32::new(0);
    static COUNTED: OnceLock<bool> = OnceLock::new();

    /// In the child alone, where nothing else runs yet: an atomic is all that may be touched.
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    /// How many forks lie behind this process; `None` where they cannot be counted.
    pub(super) fn number() -> Option<u32> {
        // SAFETY: the function is `extern "C"`, touches an atomic alone, and a module of Python's is never unloaded.
        let counted = COUNTED.get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(forked)) } == 0);
        counted.then(|| FORKS.load(Ordering::Relaxed))
    }
}
