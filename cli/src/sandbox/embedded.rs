//! `--sandbox`: a sandbox for one call. The next call finds its account and jobs.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    path::{Path, PathBuf},
    time::Duration,
};

use infrai::Result;
use infrai_sandbox::{Sandbox, StartError};

use super::data_dir::{DataDir, start_error};

/// Time for the sandbox to stop at the end of a call. Killed, it loses nothing either.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A sandbox in this process, or in another one that serves the same folder.
#[derive(Debug)]
pub(crate) struct EmbeddedSandbox {
    folder: DataDir,
    url: String,
    /// `None` if another process serves.
    own: Option<Sandbox>,
    has_account: bool,
}

impl EmbeddedSandbox {
    /// Starts a sandbox on the data folder, or finds the server that has it.
    pub(crate) async fn open(data_dir: Option<&Path>) -> Result<Self> {
        let folder = DataDir::find(data_dir)?;
        let (url, own) = match Sandbox::builder().data_dir(folder.path()).start().await {
            Ok(sandbox) => {
                folder.remove_address();
                (sandbox.url(), Some(sandbox))
            }
            Err(error @ StartError::DataDirInUse(_)) => match folder.read_address() {
                Some(url) if is_running(&url) => (url, None),
                _ => return Err(start_error(error)),
            },
            Err(error) => return Err(start_error(error)),
        };
        let profile = folder.ensure_profile(&url).await?;
        let has_account = profile.is_some_and(|profile| profile.api_key.is_some());
        Ok(Self { folder, url, own, has_account })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.folder.credentials()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Returns true if an earlier call stored a key.
    pub(crate) fn has_account(&self) -> bool {
        self.has_account
    }

    /// Returns true if the sandbox ends with this process. Its jobs then pause until the next call.
    pub(crate) fn is_temporary(&self) -> bool {
        self.own.is_some()
    }

    /// Stops the sandbox. A job that is being rendered starts over next time.
    pub(crate) async fn close(self) {
        if let Some(sandbox) = self.own {
            let _ = tokio::time::timeout(STOP_TIMEOUT, sandbox.stop()).await;
        }
    }

    /// Returns the hint for a stored key that the sandbox's state does not know.
    pub(crate) fn unknown_key_hint(&self) -> String {
        format!(
            "The sandbox's state does not know its key: remove {} to start afresh.",
            self.data_dir().display()
        )
    }
}

/// Returns true if a server listens at `url`.
fn is_running(url: &str) -> bool {
    let Some(address) = url.strip_prefix("http://") else { return false };
    let Ok(mut addresses) = address.to_socket_addrs() else { return false };
    addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}
