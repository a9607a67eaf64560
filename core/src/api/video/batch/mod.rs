//! Batches: many jobs with bounded concurrency, resumable from a checkpoint file, within a cost limit.

mod budget;
mod checkpoint;
mod item;
mod journal;
mod keys;
mod ledger;
mod plan;
mod record;
mod stream;
mod worker;

pub use self::{
    item::{BatchEvent, BatchUpdate, GenerateManyItem, SavedVideo, WantedEvents},
    plan::{PlannedAction, PlannedItem},
    stream::{BatchAbort, GenerateMany},
};
