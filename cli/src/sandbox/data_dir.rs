//! The sandbox's data folder: its location, and the command's files in it.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use infrai::{ErrorKind, InfraiError, Profile, Result};
use infrai_sandbox::StartError;

use super::PROFILE;
use crate::terminal::progress;

/// Environment variable with the folder.
const VARIABLE: &str = "INFRAI_SANDBOX_DIR";

/// A data folder of the sandbox.
#[derive(Debug, Clone)]
pub(super) struct DataDir(PathBuf);

impl DataDir {
    /// Returns the named folder, else the environment's, else the platform's.
    pub(super) fn find(named: Option<&Path>) -> Result<Self> {
        let folder = match named.filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => path.to_owned(),
            None => match absolute_variable(VARIABLE) {
                Some(path) => path,
                None => platform().ok_or_else(|| {
                    unavailable("this user has no home folder for the sandbox's state")
                        .with_hint("Name a folder with --data-dir or INFRAI_SANDBOX_DIR.")
                })?,
            },
        };
        std::path::absolute(&folder)
            .map(Self)
            .map_err(|error| unavailable(format!("{} is no folder: {error}", folder.display())))
    }

    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the sandbox's credentials file. The user's is another one.
    pub(super) fn credentials(&self) -> PathBuf {
        self.0.join("credentials")
    }

    /// Returns the path of the file with the server's address.
    fn address(&self) -> PathBuf {
        self.0.join("url")
    }

    /// Writes the server's address for other processes.
    pub(super) fn write_address(&self, url: &str) -> Result<()> {
        self.remove_address();
        let mut options = fs::OpenOptions::new();
        // Always a new file: never writes through a link.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(self.address()).and_then(|mut file| file.write_all(url.as_bytes()));
        written.map_err(|error| {
            unavailable(format!("{} cannot be written: {error}", self.address().display())).with_source(error)
        })
    }

    /// Removes the address. The process that holds the folder may do so: any address is an earlier process's.
    pub(super) fn remove_address(&self) {
        if let Err(error) = fs::remove_file(self.address())
            && error.kind() != io::ErrorKind::NotFound
        {
            let path = self.address();
            progress::print_line(&format!("warning: {} cannot be removed: {error}", path.display()));
        }
    }

    /// Returns the address that another process wrote.
    pub(super) fn read_address(&self) -> Option<String> {
        fs::read_to_string(self.address()).ok().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())
    }

    /// Sets the address of the stored profile, so that its key is sent to the folder's current server: each start has
    /// another port.
    pub(super) async fn ensure_profile(&self, url: &str) -> Result<Option<Profile>> {
        let Some(mut profile) = Profile::read(self.credentials(), PROFILE)? else { return Ok(None) };
        if profile.api_key.is_some() && profile.base_url.as_deref() != Some(url) {
            profile.base_url = Some(url.to_owned());
            profile.store(self.credentials(), PROFILE).await?;
        }
        Ok(Some(profile))
    }
}

fn absolute_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Returns the platform's folder for the data of programs.
fn platform() -> Option<PathBuf> {
    let home = || env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let base = if cfg!(windows) {
        absolute_variable("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        home()?.join("Library").join("Application Support")
    } else {
        // The XDG rules ignore a relative path.
        let named = absolute_variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
        named.or_else(|| home().map(|home| home.join(".local").join("share")))?
    };
    Some(base.join("infrai").join("sandbox"))
}

/// Creates the error for a sandbox that cannot be used.
pub(super) fn unavailable(message: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::Configuration, "SANDBOX_UNAVAILABLE", message)
}

/// Converts the error of a start, with a remedy.
pub(super) fn start_error(error: StartError) -> InfraiError {
    let hint = match &error {
        StartError::DataDirInUse(_) => {
            "Wait for that process to end, name another folder with --data-dir, or let calls share one server: `infrai sandbox`."
        }
        StartError::DataDir { .. } | StartError::Io(_) => {
            "Check the folder's permissions and the disk's free space, or name another with --data-dir."
        }
        StartError::NotASandbox { .. } => {
            "Name an empty folder with --data-dir, or one that does not exist yet: the sandbox makes it."
        }
        StartError::Untrusted { .. } => {
            "Remove it, give it to this user alone, or name another folder with --data-dir."
        }
        StartError::NewerData { .. } => "Update this command, or name another folder with --data-dir.",
        StartError::Database(_) => {
            "Name another folder with --data-dir, or move this one away to start afresh."
        }
        StartError::Bind { .. } => "Choose another --addr or --port; port 0 lets the system choose.",
        StartError::InvalidHost(_) => "Give a name or an address, with or without a port.",
        _ => "Name another folder with --data-dir.",
    };
    unavailable(error.to_string()).with_hint(hint).with_source(error)
}
