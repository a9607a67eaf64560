//! The sandbox: inside this process for one call, or as a server.

mod embedded;
mod folder;
mod serve;

pub(crate) use self::{embedded::Embedded, serve::serve};

/// The profile of the sandbox's credentials file.
pub(crate) const PROFILE: &str = "default";
