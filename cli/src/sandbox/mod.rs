//! The sandbox: inside this process for one call, or as a server.

mod data_dir;
mod embedded;
mod serve;

pub(crate) use self::{embedded::EmbeddedSandbox, serve::serve};

/// The profile of the sandbox's credentials file.
pub(crate) const PROFILE: &str = "default";
