//! Polling of jobs, shared by all waits of a client.
//!
//! Three layers, each testable alone. The [`Policy`] computes the pause between two polls of a job. The [`Scheduler`]
//! picks the next of many jobs within a rate limit. It performs no I/O and reads no clock. The poller runs it as long as a
//! job has a subscriber.

mod channel;
pub(crate) mod clock;
mod forecast;
mod history;
mod job_class;
mod policy;
pub(crate) mod poller;
mod rate_limiter;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
pub(crate) mod source;
mod state;
pub(crate) mod subscription;

// For simulations. Not a stable interface of the crate.
#[doc(hidden)]
pub use self::{
    clock::{Clock, SystemClock},
    forecast::ProgressForecast,
    history::History,
    policy::{JobEstimate, Policy},
    rate_limiter::RateLimiter,
    scheduler::{Action, JobKey, PollResult, Scheduler},
};
pub use crate::options::PollingOptions;
