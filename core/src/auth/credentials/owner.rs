//! Ownership and permissions of credential files, of the links to them and of their folders.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{
    auth::credentials::{
        errors::{AccessError, credentials_error},
        write,
    },
    text::Escaped,
};

const ROOT: u32 = 0;
const READABLE: u32 = 0o044;
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Owner and mode of a file or folder.
#[derive(Debug, Clone, Copy)]
struct Entry {
    owner: u32,
    mode: u32,
}

impl Entry {
    fn of(metadata: &Metadata) -> Self {
        Self { owner: metadata.uid(), mode: metadata.mode() & 0o7777 }
    }

    fn is_writable_by_others(self) -> bool {
        self.mode & WRITABLE != 0
    }
}

/// Result of judging a file's owner.
#[derive(Debug, PartialEq, Eq)]
enum Trust {
    /// The file belongs to this user or to root.
    Own,
    /// The file belongs to another user and this user is root: containers mount files of the host's user.
    Foreign,
    Refused,
}

/// Returns whether a user trusts this owner: the user itself and root.
fn is_own(user: u32, owner: u32) -> bool {
    owner == user || owner == ROOT
}

/// Judges whether a user may rely on a file in this folder.
fn trust(user: u32, file: Entry, folder: Entry) -> Trust {
    if is_own(user, file.owner) {
        Trust::Own
    } else if user == ROOT && !file.is_writable_by_others() && !folder.is_writable_by_others() {
        Trust::Foreign
    } else {
        Trust::Refused
    }
}

/// Returns the access that a mode gives to other users, as a phrase for warnings.
fn exposure(mode: u32) -> Option<&'static str> {
    match (mode & READABLE != 0, mode & WRITABLE != 0) {
        (false, false) => None,
        (true, false) => Some("can read"),
        (false, true) => Some("can write"),
        (true, true) => Some("can read and write"),
    }
}

/// Returns a description of a folder's problem, if there is one. Users who can change a folder can replace its files.
fn folder_problem(user: u32, folder: Entry) -> Option<String> {
    if folder.owner != user && folder.owner != ROOT {
        Some(format!("belongs to another user (uid {})", folder.owner))
    } else if folder.is_writable_by_others() && folder.mode & STICKY == 0 {
        Some("can be changed by others on this machine; run: chmod go-w".to_owned())
    } else {
        None
    }
}

/// Returns the effective user of this process.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn folder_of(path: &Path) -> io::Result<Entry> {
    fs::metadata(write::folder_of(path)).map(|metadata| Entry::of(&metadata))
}

/// Refuses a file that another user could have created, and warns of one that other users can read or write. Returns
/// whether it is this user's.
pub(super) fn check(user: u32, path: &Path, metadata: &Metadata, what: &str) -> Result<bool, AccessError> {
    let file = Entry::of(metadata);
    match trust(user, file, folder_of(path)?) {
        Trust::Own => {}
        Trust::Foreign => {
            warn_once(path, None, &format!("the {what} belongs to another user (uid {})", file.owner));
        }
        Trust::Refused => return Err(refused(path, "belongs", file.owner)),
    }
    if let Some(exposure) = exposure(file.mode) {
        let warning = format!("others on this machine {exposure} the {what}; run: chmod 600");
        warn_once(path, Some(file.mode), &warning);
    }
    Ok(file.owner == user)
}

/// Refuses a link that another user made, at any place in a chain of links: its owner chooses the file that root would
/// write. Returns whether the path is a link.
pub(super) fn check_links(user: u32, path: &Path) -> Result<bool, AccessError> {
    for link in write::links(path) {
        let owner = fs::symlink_metadata(&link)?.uid();
        if !is_own(user, owner) {
            return Err(refused(&link, "is a link that belongs", owner));
        }
    }
    Ok(path.is_symlink())
}

fn refused(path: &Path, belongs: &str, owner: u32) -> AccessError {
    AccessError::Unsafe(credentials_error(
        "CREDENTIALS_UNSAFE",
        format!("{} {belongs} to another user (uid {owner})", path.display()),
        "Check who put it there. Then change its owner to this user with chown, remove it, or set INFRAI_CREDENTIALS_FILE to a file in a folder that belongs to this user.",
    ))
}

/// Warns of the link's folder and the file's folder, if other users could replace the file there.
pub(super) fn warn_of_folders(user: u32, path: &Path, target: &Path) {
    let (one, other) = (write::folder_of(path), write::folder_of(target));
    for folder in [one, other].into_iter().take(if one == other { 1 } else { 2 }) {
        let Ok(metadata) = fs::metadata(folder) else { continue };
        if let Some(problem) = folder_problem(user, Entry::of(&metadata)) {
            warn_once(folder, None, &format!("the credentials' folder {problem}"));
        }
    }
}

/// The warnings that this process has logged. An activation reads its files several times.
static WARNED: Mutex<Option<HashSet<(PathBuf, String)>>> = Mutex::new(None);
/// The most warnings remembered.
const MAX_WARNINGS: usize = 1000;

/// Logs a warning about a file or folder, unless this process has logged it already.
fn warn_once(path: &Path, mode: Option<u32>, warning: &str) {
    if is_first(path, warning) {
        let mode = mode.map(|mode| format!("{mode:o}"));
        tracing::warn!(path = %Escaped(path.display()), mode, "{warning}");
    }
}

/// Returns whether this process has not logged this warning yet, and remembers it.
fn is_first(path: &Path, warning: &str) -> bool {
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let warned = warned.get_or_insert_default();
    if warned.len() >= MAX_WARNINGS {
        warned.clear();
    }
    warned.insert((path.to_owned(), warning.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1111;
    const OTHER: u32 = 2222;

    #[test]
    fn only_files_of_user_and_root_are_trusted() {
        let at = |owner, mode| Entry { owner, mode };
        let private = at(ME, 0o700);
        for (user, file, folder, expected) in [
            (ME, at(ME, 0o600), private, Trust::Own),
            (ME, at(0, 0o644), private, Trust::Own),
            (ME, at(ME, 0o666), at(OTHER, 0o777), Trust::Own),
            (ME, at(OTHER, 0o600), private, Trust::Refused),
            (ME, at(OTHER, 0o600), at(0, 0o1777), Trust::Refused),
            (0, at(0, 0o600), at(OTHER, 0o777), Trust::Own),
            (0, at(ME, 0o600), at(ME, 0o700), Trust::Foreign),
            (0, at(ME, 0o644), at(0, 0o755), Trust::Foreign),
            (0, at(ME, 0o620), at(ME, 0o700), Trust::Refused),
            (0, at(ME, 0o602), at(ME, 0o700), Trust::Refused),
            (0, at(ME, 0o600), at(0, 0o777), Trust::Refused),
            (0, at(ME, 0o600), at(0, 0o1777), Trust::Refused),
        ] {
            assert_eq!(trust(user, file, folder), expected, "{user}: {file:?} in {folder:?}");
        }
    }

    #[test]
    fn exposure_names_what_others_can_do() {
        for (mode, expected) in [
            (0o600, None),
            (0o711, None),
            (0o644, Some("can read")),
            (0o640, Some("can read")),
            (0o622, Some("can write")),
            (0o602, Some("can write")),
            (0o666, Some("can read and write")),
        ] {
            assert_eq!(exposure(mode), expected, "{mode:o}");
        }
    }

    #[test]
    fn folder_that_others_can_change_is_a_problem() {
        for (owner, mode, problem) in [
            (ME, 0o700, None),
            (0, 0o755, None),
            (0, 0o1777, None),
            (ME, 0o770, Some("chmod go-w")),
            (0, 0o777, Some("chmod go-w")),
            (OTHER, 0o700, Some("uid 2222")),
        ] {
            let found = folder_problem(ME, Entry { owner, mode }).unwrap_or_default();
            assert_eq!(found.is_empty(), problem.is_none(), "{owner} {mode:o}: {found}");
            assert!(found.contains(problem.unwrap_or_default()), "{found}");
        }
    }

    #[test]
    fn warning_is_logged_once() {
        let file = Path::new("/a/file/of/this/test");
        assert!(is_first(file, "one") && !is_first(file, "one") && is_first(file, "other"));
    }
}
