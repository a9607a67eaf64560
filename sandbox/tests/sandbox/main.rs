//! Promises of the sandbox, over real HTTP.

mod accounts;
mod client;
mod dashboard;
mod data_dir;
mod discovery;
mod faults;
mod files;
mod idempotency;
mod jobs;
mod ledger;
mod limits;
mod middleware;
mod openapi;
mod restart;
mod target;
mod topups;
mod validation;
mod webhooks;
