//! Items and events of a batch.

use std::path::PathBuf;

use crate::{error::Result, job::VideoJob};

/// Item of [`GenerateMany`](super::GenerateMany) that has ended: its index and key, and its job or its error.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GenerateManyItem {
    /// Index of the request.
    pub index: usize,
    /// Key of the item: the idempotency key of its first try. The key of retry `n` is `<key>-r<n>`.
    pub key: String,
    /// The job with its video, or the error.
    pub result: Result<VideoJob>,
    /// File of the video, if the batch has an [`output_dir`](super::GenerateMany::output_dir) and the item succeeded.
    pub file: Option<SavedVideo>,
}

/// File of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct SavedVideo {
    /// Path of the file.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether this run downloaded it. `false` for a complete file of an earlier run.
    pub downloaded: bool,
}

/// A job of a batch and its item.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchUpdate {
    /// Index of the request.
    pub index: usize,
    /// Key of the item.
    pub key: String,
    /// The job in its last known state.
    pub job: VideoJob,
}

/// Events that the reader of a batch wants beside its items.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WantedEvents {
    /// Accepted jobs.
    pub submits: bool,
    /// States of the jobs.
    pub updates: bool,
}

/// Event of a batch, for bindings that run the callbacks in their own language.
#[doc(hidden)]
#[derive(Debug)]
pub enum BatchEvent {
    /// The API accepted a job.
    Submitted(BatchUpdate),
    /// A job's first state or a change.
    Updated(BatchUpdate),
    /// An item ended.
    Item(GenerateManyItem),
}
