//! Tests of the whole client on a scripted transport and a paused clock.

mod batches;
mod calls;
mod contexts;
mod logs;
mod many_jobs;
mod poller;
mod routes;
mod secrets;
mod setters;
mod waits;
