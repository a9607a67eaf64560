//! The device's secret, a random UUID made once and never anything read off the hardware, and the fingerprints made of it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ring::hmac;
use url::Url;

use crate::{
    auth::credentials::{
        access::{self, Denied},
        store::{DEVICE, Store},
        write::{create_new, ensure_folder, replace},
    },
    error::Result,
    options::Secret,
    text::Escaped,
    wire::path::{is_loopback, origin},
};

/// The secret of a process that cannot write one down.
static IN_MEMORY: OnceLock<String> = OnceLock::new();

/// The fingerprint that this origin is sent: an HMAC of the origin under the device's secret, as a `UUIDv8`.
///
/// A server that has one cannot use it elsewhere. A port of the loopback counts for nothing: a sandbox on another one
/// finds its account again.
pub(crate) fn fingerprint(secret: &Secret, url: &Url) -> Secret {
    let mut site = url.clone();
    if is_loopback(url) {
        // Only a URL without a host refuses.
        let _ = site.set_port(None);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
    let tag = hmac::sign(&key, origin(&site).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&tag.as_ref()[..16]);
    Secret(uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string())
}

/// The secret beside this credentials file, made if there is none. Who has it can activate the same accounts, so it is
/// kept like a key. Where it cannot be read or written, it lives in this process's memory only.
///
/// # Errors
/// `CREDENTIALS_UNSAFE` where another user could have put it there.
pub(super) fn secret(credentials: &Path) -> Result<Secret> {
    let path = path(credentials);
    let found = match read(&path) {
        Ok(Found::Id(id)) => return Ok(Secret(id)),
        Ok(found) => found,
        Err(Denied::Unsafe(error)) => return Err(error),
        Err(Denied::Io(error)) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be read: this process keeps its device's secret in memory");
            return in_memory();
        }
    };
    let fresh = fresh()?;
    let line = format!("{fresh}\n");
    let written = match found {
        Found::Other => {
            tracing::warn!(path = %Escaped(path.display()), "the device file holds no UUID and is a link or another user's, so it stays: this process keeps its device's secret in memory");
            return in_memory();
        }
        Found::Nonsense => replace(&path, line.as_bytes()),
        _ => ensure_folder(&path).and_then(|()| create_new(&path, line.as_bytes())),
    };
    match written {
        Ok(()) => Ok(Secret(fresh)),
        // Another process was faster: a device has one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path) {
            Ok(Found::Id(id)) => Ok(Secret(id)),
            Err(Denied::Unsafe(error)) => Err(error),
            _ => in_memory(),
        },
        Err(error) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be written: this process keeps its device's secret in memory");
            in_memory()
        }
    }
}

/// The secret in this store, made if there is none, and written in any case: an error says that the store takes
/// nothing. To be called while the stores are held; another process may write between, so that what is there in the end
/// is the device's.
pub(super) fn stored_in(store: &Store) -> Result<Secret> {
    let found = store.read(DEVICE)?.as_deref().and_then(parse);
    let id = found.map_or_else(fresh, Ok)?;
    store.write(DEVICE, &id)?;
    let kept = store.read(DEVICE)?.as_deref().and_then(parse);
    Ok(Secret(kept.unwrap_or(id)))
}

/// What the device file holds.
enum Found {
    Id(String),
    Nothing,
    /// No UUID, in a file that may be replaced.
    Nonsense,
    /// No UUID, in a file that may not.
    Other,
}

fn read(path: &Path) -> std::result::Result<Found, Denied> {
    let opened = match access::open(path, "device file") {
        // A link to a file that does not exist is not replaced either.
        Err(Denied::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(if path.is_symlink() { Found::Other } else { Found::Nothing });
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
        Some(id) => Found::Id(id),
        None if replaceable => {
            tracing::warn!(path = %Escaped(path.display()), "the device file holds no UUID; a new one replaces it");
            Found::Nonsense
        }
        None => Found::Other,
    })
}

/// A UUID in its usual form.
fn parse(text: &str) -> Option<String> {
    uuid::Uuid::parse_str(text.trim()).ok().map(|id| id.hyphenated().to_string())
}

pub(crate) fn in_memory() -> Result<Secret> {
    if let Some(id) = IN_MEMORY.get() {
        return Ok(Secret(id.clone()));
    }
    let fresh = fresh()?;
    Ok(Secret(IN_MEMORY.get_or_init(|| fresh).clone()))
}

fn path(credentials: &Path) -> PathBuf {
    credentials.with_file_name("device")
}

fn fresh() -> Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| {
        crate::InfraiError::internal(format!("the operating system gives no randomness: {error}"))
    })?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn many_at_once_without_a_lock_agree_on_one_secret() {
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
    fn where_nothing_can_be_written_a_process_has_one_secret() {
        let home = tempfile::tempdir().unwrap();
        // A file stands where the folder should be: not even root can write there.
        fs::write(home.path().join(".infrai"), "").unwrap();
        let credentials = home.path().join(".infrai").join("credentials");
        let id = secret(&credentials).unwrap();
        assert_eq!(secret(&credentials).unwrap(), id);
        assert_eq!(in_memory().unwrap(), id);
    }

    #[test]
    fn a_device_file_that_cannot_be_read_stays_and_one_without_a_uuid_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
        // Not even root can read a folder as a file.
        fs::create_dir(&device).unwrap();
        secret(&credentials).unwrap();
        fs::remove_dir(&device).expect("it is still a folder");
        fs::write(&device, b"\xff\n").unwrap();
        let id = secret(&credentials).unwrap();
        assert_eq!(fs::read_to_string(&device).unwrap().trim(), id.0);
    }

    fn sent(url: &str) -> String {
        let secret = Secret("6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55".into());
        fingerprint(&secret, &Url::parse(url).unwrap()).0
    }

    #[test]
    fn each_origin_gets_a_fingerprint_of_its_own() {
        // HMAC-SHA256 over the origin, its first 16 bytes as a UUID of version 8, by an implementation of its own.
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
    fn path_and_loopback_port_do_not_change_it() {
        assert_eq!(sent("https://api.infrai.cc:443/base/"), sent("https://api.infrai.cc"));
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            assert_eq!(sent(&format!("http://{host}:1")), sent(&format!("http://{host}:65535")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_never_replaced_nor_followed_to_replace() {
        for target in ["precious", "nowhere"] {
            let home = tempfile::tempdir().unwrap();
            let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
            let precious = home.path().join("precious");
            fs::write(&precious, "not a UUID").unwrap();
            std::os::unix::fs::symlink(target, &device).unwrap();
            assert_eq!(secret(&credentials).unwrap(), in_memory().unwrap());
            assert_eq!(fs::read_to_string(&precious).unwrap(), "not a UUID");
            assert!(device.is_symlink() && !home.path().join("nowhere").exists());
            // One that leads to a UUID is read.
            fs::remove_file(&device).unwrap();
            fs::write(&precious, "6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55").unwrap();
            std::os::unix::fs::symlink("precious", &device).unwrap();
            assert_eq!(secret(&credentials).unwrap().0, "6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55");
        }
    }
}
