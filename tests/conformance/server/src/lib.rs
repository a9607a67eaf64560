//! Plays the conformance scenarios over HTTP and judges what it receives.

pub mod control;
pub mod expand;
pub mod http;
pub mod judge;
pub mod load;
pub mod matcher;
pub mod reply;
pub mod scenario;
pub mod stage;
