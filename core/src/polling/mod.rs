//! Polling: when to ask for a job's state, once for all waits of a client.
//!
//! Three layers, each testable alone. The [`Policy`] decides how long to leave one job alone. The [`Scheduler`] picks the
//! next of many jobs within a rate limit; it performs no I/O and reads no clock. The poller runs it while a wait goes on.

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

// For simulations, which drive the real thing: no part of what the crate promises.
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
