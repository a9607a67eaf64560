//! How a file that holds a secret is written: whole or not at all, readable by its user alone, and through links.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Links that are followed: as many as systems themselves follow.
const LINKS: usize = 40;
/// How much longer a change makes a file, at most: two tables.
const GROWTH: u64 = 8192;

/// The file that a path means: a link is followed, also to a file that does not exist yet.
pub(super) fn target(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        if let Ok(whole) = fs::canonicalize(&at) {
            return whole;
        }
        let Ok(next) = fs::read_link(&at) else {
            // As it will be called once it exists, so that it has one lock before and after.
            let folder = fs::canonicalize(folder_of(&at));
            return match (folder, at.file_name()) {
                (Ok(folder), Some(name)) => folder.join(name),
                _ => at,
            };
        };
        at = folder_of(&at).join(next);
    }
    path.to_owned()
}

/// The links that lead from a path to its file, in their order.
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has owners"))]
pub(super) fn links(path: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    let mut at = path.to_owned();
    while links.len() < LINKS
        && let Ok(next) = fs::read_link(&at)
    {
        let next = folder_of(&at).join(next);
        links.push(std::mem::replace(&mut at, next));
    }
    links
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file's folder, 0700, and those above it, where there are none.
pub(super) fn ensure_folder(file: &Path) -> io::Result<()> {
    let folder = folder_of(file);
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !is_there(folder)).collect();
    for folder in missing.into_iter().rev() {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(folder) {
            // A umask may have taken away what its own user needs.
            Ok(()) => set_mode(folder, 0o700)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_there(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.symlink_metadata().is_ok()
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "it is as on Unix")]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Makes what has just been created private, whatever the umask was.
pub(super) fn make_private(file: &fs::File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let _ = file;
    Ok(())
}

/// How the unfinished copies of a file are called: `.credentials.infrai-` and something random.
fn copy_prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or(OsStr::new("file")));
    prefix.push(".infrai-");
    prefix
}

/// An unfinished copy beside a file, on the disk.
fn copy_of(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut copy = tempfile::Builder::new().prefix(&copy_prefix(target)).tempfile_in(folder_of(target))?;
    make_private(copy.as_file())?;
    copy.write_all(bytes)?;
    copy.as_file().sync_all()?;
    Ok(copy)
}

/// Writes a finished copy beside the file, which then takes the file's name. What a link points to is replaced, and the
/// link stays.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&target(path), bytes)
}

/// As [`write_atomic`], but a link is replaced itself.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    copy_of(path, bytes)?.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// As [`replace`], but only where there is no file yet: of many who try at once, one succeeds.
pub(super) fn create_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    copy_of(path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    fs::File::open(folder_of(file))?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "it is as on Unix")]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes as much as the file could come to hold, and removes it again: a full disk is found before anything is asked for
/// that would have to be kept.
pub(super) fn check_writable(path: &Path) -> io::Result<()> {
    let target = target(path);
    let length = fs::metadata(&target).map_or(0, |metadata| metadata.len());
    let room = vec![0; usize::try_from(2 * length + GROWTH).unwrap_or(usize::MAX)];
    copy_of(&target, &room).map(drop)
}

/// Removes the copies that processes left unfinished when they were killed. To be called while the file's lock is held:
/// then nobody is writing one.
pub(super) fn remove_temp_files(path: &Path) {
    let target = target(path);
    let prefix = copy_prefix(&target);
    let Ok(entries) = fs::read_dir(folder_of(&target)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            // What cannot be removed is as private as the file itself.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_to_a_file_that_does_not_exist_yet_is_followed_and_stays() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("vault")).unwrap();
        let link = home.path().join("credentials");
        symlink("second", &link).unwrap();
        symlink("vault/secret", home.path().join("second")).unwrap();
        let meant = target(&link);
        write_atomic(&link, b"one").unwrap();
        assert_eq!(fs::read(home.path().join("vault/secret")).unwrap(), b"one");
        assert!(link.is_symlink() && home.path().join("second").is_symlink());
        assert_eq!(target(&link), meant, "one name, and so one lock, before and after");
        write_atomic(&link, b"two").unwrap();
        assert_eq!(fs::read(meant).unwrap(), b"two");
        let nowhere = home.path().join("nowhere");
        symlink(home.path().join("gone/secret"), &nowhere).unwrap();
        assert_eq!(write_atomic(&nowhere, b"three").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(nowhere.is_symlink());
    }

    #[test]
    fn a_link_to_itself_ends() {
        let home = tempfile::tempdir().unwrap();
        let link = home.path().join("credentials");
        symlink("credentials", &link).unwrap();
        assert_eq!(target(&link), link);
    }

    #[test]
    fn unfinished_copies_of_this_file_go_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        let stays = [".other.infrai-a", ".device.infrai-b", "credentials.lock", ".credentials"];
        for name in stays.iter().chain(&[".credentials.infrai-c", ".credentials.infrai-d"]) {
            fs::write(home.path().join(name), "").unwrap();
        }
        remove_temp_files(&file);
        let mut left: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        let mut expected = stays.map(OsString::from);
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn folders_that_are_made_are_private_and_others_stay_as_they_are() {
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let shared = home.path().join("shared");
        fs::create_dir(&shared).unwrap();
        set_mode(&shared, 0o755).unwrap();
        ensure_folder(&shared.join("a/b/credentials")).unwrap();
        assert_eq!(
            (mode(&shared), mode(&shared.join("a")), mode(&shared.join("a/b"))),
            (0o755, 0o700, 0o700)
        );
        ensure_folder(&shared.join("credentials")).unwrap();
        assert_eq!(mode(&shared), 0o755);
        // Something else in a folder's place is an error of what is done next.
        fs::write(shared.join("file"), "").unwrap();
        assert!(ensure_folder(&shared.join("file/deeper/credentials")).is_err());
    }

    #[test]
    fn room_is_looked_for_and_given_back() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        fs::write(&file, "as it was").unwrap();
        check_writable(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
