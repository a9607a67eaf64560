//! What the sandbox promises, over real HTTP.

mod accounts;
mod client;
mod edge;
mod faults;
mod files;
mod folder;
mod idempotency;
mod jobs;
mod limits;
mod openapi;
mod page;
mod restart;
mod target;
mod topups;
mod validation;
mod wallet;
