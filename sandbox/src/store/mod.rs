//! What is kept, a table or two a file: functions over one transaction, called on the database's threads.

pub(crate) mod accounts;
pub(crate) mod idempotency;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod topups;
