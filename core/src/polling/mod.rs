//! When to ask again, once for all who wait.
//!
//! Three layers, each testable alone: the policy says how long to leave one job alone, by its forecast and its shape's
//! history; the scheduler says which of many jobs to ask about next within a budget of requests (a state machine that is told the
//! time and holds no I/O); the hub runs it while somebody waits.

mod budget;
mod clock;
mod forecast;
mod history;
mod hub;
#[cfg(test)]
mod hub_tests;
mod mailbox;
#[cfg(test)]
mod many_tests;
mod policy;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
mod shapes;
mod subscription;
#[cfg(test)]
mod tests;

// For simulations, which drive the real thing: no part of what the crate promises.
#[doc(hidden)]
pub use self::{
    budget::Budget,
    clock::{Clock, SystemClock},
    forecast::Forecast,
    history::History,
    policy::{Known, Policy},
    scheduler::{Answer, Next, Scheduler, Token},
};
pub(crate) use self::{
    hub::{Event, Hub},
    subscription::{Subscription, handle},
};

/// How waits poll. Every number but `jitter` and `concurrency` is from 0.001 to 1,000,000.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PollingOptions {
    /// The seconds of lateness that one request is worth: the one knob. Less asks more often. Default: 0.05.
    pub price: f64,
    /// The shortest pause between two looks at a job, in seconds. Default: 0.25.
    pub min: f64,
    /// The longest pause between two looks at a job, in seconds. Default: 30.
    pub max: f64,
    /// How long a job usually takes, in seconds, as long as nothing is known. Default: 30.
    pub typical: f64,
    /// The share by which a pause is made longer or shorter at random. Default: 0.1.
    pub jitter: f64,
    /// The most requests a second, over all waits of the client. Default: 20.
    pub rate: f64,
    /// The most requests under way at once, over all waits of the client. Default: 32.
    pub concurrency: usize,
}

impl Default for PollingOptions {
    fn default() -> Self {
        Self { price: 0.05, min: 0.25, max: 30.0, typical: 30.0, jitter: 0.1, rate: 20.0, concurrency: 32 }
    }
}

impl PollingOptions {
    /// The field that cannot work, what it got and what it takes.
    pub(crate) fn check(&self) -> Result<(), (&'static str, f64, &'static str)> {
        // Bounds far outside of what anybody means, within which no arithmetic overflows and no timer is set in vain.
        let within = |field, value: f64| {
            if (0.001..=1e6).contains(&value) {
                Ok(())
            } else {
                Err((field, value, "a number from 0.001 to 1000000"))
            }
        };
        within("price", self.price)?;
        within("min", self.min)?;
        within("max", self.max)?;
        within("typical", self.typical)?;
        within("rate", self.rate)?;
        if self.max < self.min {
            return Err(("max", self.max, "no less than polling.min"));
        }
        if !(0.0..1.0).contains(&self.jitter) {
            return Err(("jitter", self.jitter, "a share from 0 to less than 1"));
        }
        if self.concurrency == 0 {
            return Err(("concurrency", 0.0, "at least 1"));
        }
        Ok(())
    }
}
