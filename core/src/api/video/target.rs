//! Target file of a download: checks before any request, the temporary file beside it, and its replacement.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf, is_separator},
};

use tempfile::{NamedTempFile, PersistError};

use crate::{
    auth::credentials::resolve_links,
    error::{ErrorKind, InfraiError, Result, shorten},
    limits,
};

/// Suffix of the temporary files.
const SUFFIX: &str = ".part";
/// Number of random characters in the name of a temporary file.
const RANDOM: usize = 6;

/// A target that can be written.
#[derive(Debug)]
pub(super) struct Target<'a> {
    path: &'a Path,
    /// The path with its links followed, as opening it would.
    file: PathBuf,
    /// Metadata of the file to replace.
    replaced: Option<fs::Metadata>,
}

impl<'a> Target<'a> {
    /// Checks that a video can be saved to this path.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the path names no regular file, `FILE_EXISTS` and `FILE_ERROR`.
    pub(super) fn check(path: &'a Path, overwrite: bool) -> Result<Self> {
        let refuse = |got: String| Err(InfraiError::invalid_argument("path", got, "the name of a file"));
        let name = path.as_os_str().as_encoded_bytes();
        let is_folder = name.last().is_some_and(|byte| is_separator(char::from(*byte)));
        if path.file_name().is_none() || is_folder || name.ends_with(b"/.") || name.contains(&0) {
            return refuse(format!("{:?}", path.display()));
        }
        let is_link = match fs::symlink_metadata(path) {
            Ok(metadata) => Some(metadata.is_symlink()),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(file_error(path, "created", error)),
        };
        let replaced = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return refuse(format!("the folder {}", path.display())),
            Ok(metadata) if !metadata.is_file() => {
                return refuse(format!("{}, which is a FIFO, a socket or a device", path.display()));
            }
            Ok(_) if !overwrite => return Err(file_exists(path)),
            Ok(metadata) => {
                // Opening without truncation changes nothing.
                OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(|error| file_error(path, "overwritten", error))?;
                Some(metadata)
            }
            Err(error) if is_missing(&error) && is_link.is_some() && !overwrite => {
                return Err(file_exists(path));
            }
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(file_error(path, "created", error)),
        };
        let file = if is_link == Some(true) { resolve_links(path) } else { path.to_owned() };
        let target = Self { path, file, replaced };
        if target.folder().is_dir() {
            return Ok(target);
        }
        let message = format!("the folder {} does not exist", target.folder().display());
        Err(InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
            .with_hint("Create the folder first."))
    }

    fn folder(&self) -> &Path {
        self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Returns the beginning of the names of the target's temporary files. A random part follows.
    fn prefix(&self) -> String {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        format!(".{}.", shorten(&name, 50))
    }

    /// Creates the temporary file, locked for as long as it is open.
    pub(super) fn create_temporary(&self) -> Result<NamedTempFile> {
        let prefix = self.prefix();
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX).rand_bytes(RANDOM);
        // The finished file gets the usual mode: 0666 minus the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        loop {
            let temporary = builder
                .tempfile_in(self.folder())
                .map_err(|error| file_error(self.path, "created", error))?;
            // A file system without locks keeps temporary files of killed processes.
            let _ = temporary.as_file().try_lock();
            // Another download may have removed it before it was locked.
            if temporary.path().exists() {
                return Ok(temporary);
            }
        }
    }

    /// Removes the temporary files of this target whose process was killed. A running download holds a lock on its file.
    pub(super) fn remove_abandoned(&self) {
        let prefix = self.prefix();
        let Ok(entries) = fs::read_dir(self.folder()) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let random = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(SUFFIX));
            let is_temporary = random.is_some_and(|random| {
                random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            if is_temporary
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && let Ok(file) = fs::File::open(entry.path())
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Moves the complete temporary file to the target. The mode and the owner of a replaced file stay.
    pub(super) fn save(&self, temporary: NamedTempFile, overwrite: bool) -> Result<()> {
        self.save_by(temporary, |temporary| {
            if overwrite { temporary.persist(&self.file) } else { temporary.persist_noclobber(&self.file) }
        })
    }

    fn save_by(
        &self,
        temporary: NamedTempFile,
        rename: impl FnOnce(NamedTempFile) -> Result<fs::File, PersistError>,
    ) -> Result<()> {
        if let Some(replaced) = &self.replaced {
            #[cfg(unix)]
            {
                use std::os::unix::fs::{MetadataExt as _, fchown};
                // Only root may give a file away.
                let _ = fchown(temporary.as_file(), Some(replaced.uid()), Some(replaced.gid()));
            }
            // A file system without modes refuses to set one.
            let _ = temporary.as_file().set_permissions(replaced.permissions());
        }
        let saved = match rename(temporary) {
            Ok(_) => Ok(()),
            // A file that is mounted by itself, as into a container, cannot be replaced.
            Err(PersistError { error, file })
                if self.replaced.is_some()
                    && matches!(
                        error.kind(),
                        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices
                    ) =>
            {
                self.write_in_place(&file)
            }
            Err(error) => Err(error.error),
        };
        saved.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => file_exists(self.path),
            _ => file_error(self.path, "saved", error),
        })
    }

    fn write_in_place(&self, temporary: &NamedTempFile) -> io::Result<()> {
        let mut from = temporary.reopen()?;
        let mut to = OpenOptions::new().write(true).truncate(true).open(&self.file)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()
    }
}

/// Returns whether nothing has the name. A file in the place of a folder counts as missing.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn file_exists(path: &Path) -> InfraiError {
    let message = format!("{} already exists", path.display());
    InfraiError::new(ErrorKind::InvalidRequest, "FILE_EXISTS", message)
        .with_hint("Choose another file name, or set `overwrite` to replace the file.")
}

pub(super) fn file_error(path: &Path, action: &str, error: io::Error) -> InfraiError {
    let message = format!("{} cannot be {action}: {error}", path.display());
    let hint = limits::remedy(&error.to_string()).unwrap_or(match error.kind() {
        io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => "Choose another file name.",
        _ => "Check the folder's permissions and the disk's free space.",
    });
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message).with_hint(hint).with_source(error)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::Write as _,
        os::unix::{
            fs::{PermissionsExt as _, symlink},
            net::UnixListener,
        },
    };

    use super::*;

    fn code(path: &Path, overwrite: bool) -> String {
        Target::check(path, overwrite).unwrap_err().code().to_owned()
    }

    fn save(path: &Path, text: &str) {
        let target = Target::check(path, true).unwrap();
        let mut temporary = target.create_temporary().unwrap();
        temporary.write_all(text.as_bytes()).unwrap();
        target.save(temporary, true).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn names_that_cannot_be_created_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::write(path("file"), "").unwrap();
        fs::create_dir(path("folder")).unwrap();
        for (name, expected) in [
            ("", "INVALID_ARGUMENT"),
            ("folder", "INVALID_ARGUMENT"),
            ("new/", "INVALID_ARGUMENT"),
            ("new/.", "INVALID_ARGUMENT"),
            ("folder/..", "INVALID_ARGUMENT"),
            ("a\0b", "INVALID_ARGUMENT"),
            ("missing/v.mp4", "FILE_ERROR"),
            ("file/v.mp4", "FILE_ERROR"),
            (&"é".repeat(200), "FILE_ERROR"),
        ] {
            for overwrite in [false, true] {
                assert_eq!(code(&path(name), overwrite), expected, "{name:?}");
            }
        }
        assert_eq!(code(Path::new(""), true), "INVALID_ARGUMENT");
        assert_eq!(code(&path("file"), false), "FILE_EXISTS");
        assert_eq!(names(home.path()), ["file", "folder"]);
        // The longest name that can be created, with the temporary file's.
        let longest = "🎬".repeat(63);
        save(&path(&longest), "video");
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        let made = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("fifo", path("link")).unwrap();
        for name in ["fifo", "socket", "link"] {
            for overwrite in [false, true] {
                let error = Target::check(&path(name), overwrite).unwrap_err();
                assert!(error.message().contains("a FIFO, a socket or a device"), "{error}");
            }
        }
    }

    #[test]
    fn mode_and_link_of_a_replaced_file_stay() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/file"), "old").unwrap();
        fs::set_permissions(path("folder/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("folder/file", path("link")).unwrap();
        symlink("folder/new", path("dangling")).unwrap();
        assert_eq!(code(&path("dangling"), false), "FILE_EXISTS");
        for (link, file) in [("link", "folder/file"), ("dangling", "folder/new")] {
            save(&path(link), "new");
            assert_eq!(fs::read_to_string(path(file)).unwrap(), "new");
            assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink());
        }
        assert_eq!(fs::metadata(path("folder/file")).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(&path("folder")), ["file", "new"]);
        symlink("loop", path("loop")).unwrap();
        assert_eq!(code(&path("loop"), true), "FILE_ERROR");
    }

    #[test]
    fn file_that_cannot_be_renamed_is_written_in_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mounted");
        fs::write(&path, "the old and longer text").unwrap();
        let reader = fs::File::open(&path).unwrap();
        let target = Target::check(&path, true).unwrap();
        let mut temporary = target.create_temporary().unwrap();
        temporary.write_all(b"new").unwrap();
        let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
        target.save_by(temporary, |file| Err(PersistError { error: busy(), file })).unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "new", "the same file");
        assert_eq!(names(home.path()), ["mounted"]);
        // Another error is no reason to write in place.
        let temporary = target.create_temporary().unwrap();
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = target.save_by(temporary, |file| Err(PersistError { error: full(), file })).unwrap_err();
        assert_eq!((error.code(), fs::read_to_string(&path).unwrap().as_str()), ("FILE_ERROR", "new"));
    }

    #[test]
    fn abandoned_temporary_files_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("v.mp4");
        for name in [".v.mp4.aB3xyZ.part", ".v.mp4.notes.part", ".w.mp4.aB3xyZ.part", "v.mp4.part"] {
            fs::write(home.path().join(name), "half").unwrap();
        }
        fs::create_dir(home.path().join(".v.mp4.folder.part")).unwrap();
        let target = Target::check(&path, false).unwrap();
        let running = target.create_temporary().unwrap();
        target.remove_abandoned();
        assert!(running.path().exists());
        drop(running);
        let left = [".v.mp4.folder.part", ".v.mp4.notes.part", ".w.mp4.aB3xyZ.part", "v.mp4.part"];
        assert_eq!(names(home.path()), left);
    }
}
