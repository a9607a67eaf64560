//! The sandbox, inside this process for one call or as a server.

mod data_dir;
mod embedded;
mod serve;

pub(crate) use self::{embedded::EmbeddedSandbox, serve::serve};

/// Profile in the sandbox's credentials file.
pub(crate) const PROFILE: &str = "default";
