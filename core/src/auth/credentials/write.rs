//! Atomic writes of private files, with links followed.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, PersistError};

/// The most links followed, as many as Linux follows.
const MAX_LINKS: usize = 40;
/// The most bytes that one change adds to a file: two tables.
const MAX_GROWTH: u64 = 8192;

/// Resolves a path to its file. Follows links, including those to a file that does not exist yet.
pub(crate) fn target(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(canonical) = fs::canonicalize(&at) {
            return canonical;
        }
        let Ok(next) = fs::read_link(&at) else {
            // The canonical name that the file will have, so that it has the same lock before and after its creation.
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

/// Returns the links between a path and its file, in order.
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has owners"))]
pub(super) fn links(path: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    let mut at = path.to_owned();
    while links.len() < MAX_LINKS
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

/// Creates a file's folder and its missing parents, with mode 0700.
pub(super) fn ensure_folder(file: &Path) -> io::Result<()> {
    let folder = folder_of(file);
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !exists(folder)).collect();
    for folder in missing.into_iter().rev() {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(folder) {
            // The umask may have removed permissions that the user needs.
            Ok(()) => set_mode(folder, 0o700)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn exists(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.symlink_metadata().is_ok()
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the signature of Unix")]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Sets a new file's mode to 0600, regardless of the umask.
pub(super) fn make_private(file: &fs::File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let _ = file;
    Ok(())
}

/// Returns the beginning of the names of a file's temporary copies: `.credentials.infrai-`. A random part follows.
fn temp_prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or(OsStr::new("file")));
    prefix.push(".infrai-");
    prefix
}

/// Writes and syncs a temporary file beside the target.
fn write_temp(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(&temp_prefix(target)).tempfile_in(folder_of(target))?;
    make_private(file.as_file())?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Replaces a file by renaming a temporary file. Follows links: the target is replaced and the link stays.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&target(path), bytes)
}

/// Like [`write_atomic`], but replaces a link itself.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, bytes, |file| file.persist(path))
}

fn replace_by(
    path: &Path,
    bytes: &[u8],
    rename: impl FnOnce(NamedTempFile) -> Result<fs::File, PersistError>,
) -> io::Result<()> {
    match rename(write_temp(path, bytes)?) {
        Ok(_) => sync_folder(path),
        // A file that is mounted by itself, as into a container, cannot be replaced.
        Err(PersistError { error, .. })
            if matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices) =>
        {
            write_in_place(path, bytes)
        }
        Err(error) => Err(error.error),
    }
}

fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let open = || fs::OpenOptions::new().write(true).open(path);
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            set_mode(path, 0o600)?;
            open()?
        }
        opened => opened?,
    };
    // The text is cut last, so that an interrupted write loses none of a longer old text's beginning.
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

/// Like [`replace`], but fails if the file exists. Of several concurrent callers, one succeeds.
pub(super) fn create_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_temp(path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    fs::File::open(folder_of(file))?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the signature of Unix")]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes and removes a temporary file as large as the file could become. Finds a full disk before the caller requests
/// a key that it must store.
pub(super) fn check_writable(path: &Path) -> io::Result<()> {
    let target = target(path);
    // A file that is mounted read-only, though its folder is writable.
    if let Err(error) = fs::OpenOptions::new().write(true).open(&target)
        && error.kind() == io::ErrorKind::ReadOnlyFilesystem
    {
        return Err(error);
    }
    let length = fs::metadata(&target).map_or(0, |metadata| metadata.len());
    let zeros = vec![0; usize::try_from(2 * length + MAX_GROWTH).unwrap_or(usize::MAX)];
    write_temp(&target, &zeros).map(drop)
}

/// Removes the temporary files of processes that were killed while writing. The caller holds the file's lock, so that no
/// process is writing one.
pub(super) fn remove_temp_files(path: &Path) {
    let target = target(path);
    let prefix = temp_prefix(&target);
    let Ok(entries) = fs::read_dir(folder_of(&target)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            // A file that cannot be removed is as private as the target.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn link_to_a_missing_file_is_followed_and_stays() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("vault")).unwrap();
        let link = home.path().join("credentials");
        symlink("second", &link).unwrap();
        symlink("vault/secret", home.path().join("second")).unwrap();
        let resolved = target(&link);
        write_atomic(&link, b"one").unwrap();
        assert_eq!(fs::read(home.path().join("vault/secret")).unwrap(), b"one");
        assert!(link.is_symlink() && home.path().join("second").is_symlink());
        assert_eq!(target(&link), resolved, "one name, and so one lock, before and after");
        write_atomic(&link, b"two").unwrap();
        assert_eq!(fs::read(resolved).unwrap(), b"two");
        let nowhere = home.path().join("nowhere");
        symlink(home.path().join("gone/secret"), &nowhere).unwrap();
        assert_eq!(write_atomic(&nowhere, b"three").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(nowhere.is_symlink());
    }

    #[test]
    fn link_to_itself_resolves_to_itself() {
        let home = tempfile::tempdir().unwrap();
        let link = home.path().join("credentials");
        symlink("credentials", &link).unwrap();
        assert_eq!(target(&link), link);
    }

    #[test]
    fn only_temporary_copies_of_this_file_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        let others = [".other.infrai-a", ".device.infrai-b", "credentials.lock", ".credentials"];
        for name in others.iter().chain(&[".credentials.infrai-c", ".credentials.infrai-d"]) {
            fs::write(home.path().join(name), "").unwrap();
        }
        remove_temp_files(&file);
        let mut remaining: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        remaining.sort();
        let mut expected = others.map(OsString::from);
        expected.sort();
        assert_eq!(remaining, expected);
    }

    #[test]
    fn only_new_folders_are_made_private() {
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
        // A regular file in the place of a folder is an error.
        fs::write(shared.join("file"), "").unwrap();
        assert!(ensure_folder(&shared.join("file/deeper/credentials")).is_err());
    }

    #[test]
    fn mounted_file_is_written_in_place() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        for old in ["a longer text than the new one", ""] {
            fs::write(&file, old).unwrap();
            set_mode(&file, 0o400).unwrap();
            let opened = fs::File::open(&file).unwrap();
            let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
            replace_by(&file, b"new text", |file| Err(PersistError { error: busy(), file })).unwrap();
            assert_eq!(io::read_to_string(opened).unwrap(), "new text", "the same file");
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        }
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        replace_by(&file, b"lost", |file| Err(PersistError { error: full(), file })).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new text");
    }

    #[test]
    fn check_for_space_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        fs::write(&file, "unchanged").unwrap();
        check_writable(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "unchanged");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
