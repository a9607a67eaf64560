//! Storage: one file per table or two. Each function runs in one transaction, on a thread of the database.

pub(crate) mod accounts;
pub(crate) mod idempotency;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod topups;
pub(crate) mod webhooks;
