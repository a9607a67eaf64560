//! What belongs to one process: in a child of `fork()` it is forgotten, never dropped.

use std::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
};

use crate::process;

/// A value that holds connections, tasks or locks of this process.
///
/// Dropping it in a child would join threads that do not exist there, and write into the parent's TLS streams.
#[derive(Debug)]
pub(crate) struct Owned<T> {
    process: u32,
    value: ManuallyDrop<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: process::number(), value: ManuallyDrop::new(value) }
    }

    /// Whether the process that made it is this one.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process::number()
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[allow(unsafe_code, reason = "a conditional drop is ManuallyDrop's purpose")]
impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: this is the only place that drops it, and it runs once.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}
