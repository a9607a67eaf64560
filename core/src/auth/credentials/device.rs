//! Device secret and fingerprints: a random UUID, generated once and independent of the hardware, and its derivatives.

use std::{
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ring::hmac;
use url::Url;

use crate::{
    auth::credentials::{
        access,
        errors::AccessError,
        store::{DEVICE, Store},
        write::{create_new, ensure_folder, replace},
    },
    error::Result,
    options::Secret,
    runtime,
    text::Escaped,
    wire::path::{is_loopback, origin},
};

/// Secret of a process that cannot store one.
static IN_MEMORY: OnceLock<String> = OnceLock::new();

/// Returns the device's fingerprint for an origin: an HMAC of the origin under the device secret, as a `UUIDv8`.
///
/// A server cannot use its fingerprint at another origin. The port of a loopback address is left out, so that a sandbox
/// on another port recognises the device.
pub(crate) fn fingerprint(secret: &Secret, url: &Url) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
    let tag = hmac::sign(&key, site(url).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&tag.as_ref()[..16]);
    Secret(uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string())
}

/// Returns the origin that recognises a device: without its port if it is a loopback address.
pub(super) fn site(url: &Url) -> String {
    let mut site = url.clone();
    if is_loopback(url) {
        // Fails only for a URL without a host.
        let _ = site.set_port(None);
    }
    origin(&site)
}

/// Returns the secret stored beside this credentials file, and generates it if there is none. Its holder can activate
/// the same accounts, so the file is protected like a key. If it cannot be read or written, the secret lives in this
/// process's memory only.
///
/// # Errors
/// `CREDENTIALS_UNSAFE` if another user could have created the file.
pub(super) fn secret(credentials: &Path) -> Result<Secret> {
    let path = path(credentials);
    let file = match read(&path) {
        Ok(DeviceFile::Valid(id)) => return Ok(Secret(id)),
        Ok(file) => file,
        Err(AccessError::Unsafe(error)) => return Err(error),
        Err(AccessError::Io(error)) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be read: this process keeps the device secret in memory");
            return in_memory();
        }
    };
    let id = generate()?;
    let line = format!("{id}\n");
    let written = match file {
        DeviceFile::Protected => {
            tracing::warn!(path = %Escaped(path.display()), "the device file holds no UUID and is not replaced, because it is a link or belongs to another user: this process keeps the device secret in memory");
            return in_memory();
        }
        DeviceFile::Malformed => replace(&path, line.as_bytes()),
        _ => ensure_folder(&path).and_then(|()| create_new(&path, line.as_bytes())),
    };
    match written {
        Ok(()) => Ok(Secret(id)),
        // Another process created the file first, and a device has one secret.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path) {
            Ok(DeviceFile::Valid(id)) => Ok(Secret(id)),
            Err(AccessError::Unsafe(error)) => Err(error),
            _ => in_memory(),
        },
        Err(error) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be written: this process keeps the device secret in memory");
            in_memory()
        }
    }
}

/// Returns the secret in this store, and generates it if there is none. Writes it in any case, so that an error shows
/// that the store cannot be written. The caller holds the store lock. Another process may write at the same time, so the
/// entry is read back, and its final content is the device's secret.
pub(super) fn stored_in(store: &Store) -> Result<Secret> {
    let found = store.read(DEVICE)?.as_deref().and_then(parse);
    let id = found.map_or_else(generate, Ok)?;
    store.write(DEVICE, &id)?;
    let stored = store.read(DEVICE)?.as_deref().and_then(parse);
    Ok(Secret(stored.unwrap_or(id)))
}

/// Content of the device file.
enum DeviceFile {
    Valid(String),
    Missing,
    /// No UUID, in a file that may be replaced.
    Malformed,
    /// No UUID, in a file that may not be replaced.
    Protected,
}

fn read(path: &Path) -> std::result::Result<DeviceFile, AccessError> {
    let opened = match access::open(path, "device file") {
        // A link to a file that does not exist is not replaced either.
        Err(AccessError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(if path.is_symlink() { DeviceFile::Protected } else { DeviceFile::Missing });
        }
        opened => opened?,
    };
    let replaceable = opened.replaceable;
    let id = match opened.text() {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        Err(error) => return Err(error.into()),
    };
    Ok(match id {
        Some(id) => DeviceFile::Valid(id),
        None if replaceable => {
            tracing::warn!(path = %Escaped(path.display()), "the device file holds no UUID; a new one replaces it");
            DeviceFile::Malformed
        }
        None => DeviceFile::Protected,
    })
}

/// Parses a UUID and returns it in its hyphenated form.
fn parse(text: &str) -> Option<String> {
    uuid::Uuid::parse_str(text.trim()).ok().map(|id| id.hyphenated().to_string())
}

/// Returns the secret that this process keeps in memory, and generates it at the first use.
pub(crate) fn in_memory() -> Result<Secret> {
    if let Some(id) = IN_MEMORY.get() {
        return Ok(Secret(id.clone()));
    }
    let id = generate()?;
    Ok(Secret(IN_MEMORY.get_or_init(|| id).clone()))
}

fn path(credentials: &Path) -> PathBuf {
    credentials.with_file_name("device")
}

fn generate() -> Result<String> {
    let mut random = [0_u8; 16];
    runtime::fill_random(&mut random)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn concurrent_first_uses_agree_on_one_secret() {
        for _ in 0..20 {
            let home = tempfile::tempdir().unwrap();
            let credentials = home.path().join(".infrai").join("credentials");
            let ids: std::collections::HashSet<String> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..16).map(|_| scope.spawn(|| secret(&credentials).unwrap().0)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(ids.len(), 1);
        }
    }

    #[test]
    fn process_that_cannot_write_keeps_one_secret() {
        let home = tempfile::tempdir().unwrap();
        // Not even root can write below a regular file.
        fs::write(home.path().join(".infrai"), "").unwrap();
        let credentials = home.path().join(".infrai").join("credentials");
        let id = secret(&credentials).unwrap();
        assert_eq!(secret(&credentials).unwrap(), id);
        assert_eq!(in_memory().unwrap(), id);
    }

    #[test]
    fn device_file_that_cannot_be_read_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
        // Not even root can read a folder as a file.
        fs::create_dir(&device).unwrap();
        secret(&credentials).unwrap();
        fs::remove_dir(&device).expect("the folder is still there");
    }

    #[test]
    fn device_file_without_a_uuid_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
        fs::write(&device, b"\xff\n").unwrap();
        let id = secret(&credentials).unwrap();
        assert_eq!(fs::read_to_string(&device).unwrap().trim(), id.0);
    }

    fn sent(url: &str) -> String {
        let secret = Secret("6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55".into());
        fingerprint(&secret, &Url::parse(url).unwrap()).0
    }

    #[test]
    fn each_origin_gets_its_own_fingerprint() {
        // HMAC-SHA256 over the origin, the first 16 bytes as a UUID of version 8, by an independent implementation.
        assert_eq!(sent("https://api.infrai.cc"), "95e9cd19-40cd-8b1c-8cec-700e638d1487");
        assert_eq!(sent("http://127.0.0.1:8787"), "456d406f-dbf6-8473-84da-1922b9bcca20");
        let others = [
            "https://api.infrai.cc",
            "http://api.infrai.cc",
            "https://api.infrai.cc:8443",
            "https://staging.infrai.cc",
            "http://127.0.0.1",
            "http://localhost",
            "http://[::1]",
        ];
        let ids: std::collections::HashSet<_> = others.map(sent).into();
        assert_eq!(ids.len(), others.len());
    }

    #[test]
    fn fingerprint_ignores_path_and_loopback_port() {
        assert_eq!(sent("https://api.infrai.cc:443/base/"), sent("https://api.infrai.cc"));
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            assert_eq!(sent(&format!("http://{host}:1")), sent(&format!("http://{host}:65535")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn link_to_no_uuid_and_its_target_are_kept() {
        for target in ["precious", "nowhere"] {
            let home = tempfile::tempdir().unwrap();
            let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
            let precious = home.path().join("precious");
            fs::write(&precious, "not a UUID").unwrap();
            std::os::unix::fs::symlink(target, &device).unwrap();
            assert_eq!(secret(&credentials).unwrap(), in_memory().unwrap());
            assert_eq!(fs::read_to_string(&precious).unwrap(), "not a UUID");
            assert!(device.is_symlink() && !home.path().join("nowhere").exists());
            // A link to a file with a UUID is read.
            fs::remove_file(&device).unwrap();
            fs::write(&precious, "6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55").unwrap();
            std::os::unix::fs::symlink("precious", &device).unwrap();
            assert_eq!(secret(&credentials).unwrap().0, "6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55");
        }
    }
}
