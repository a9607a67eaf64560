//! Safe opening of credential files: regular files that no other user could have created.

use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::auth::credentials::{errors::AccessError, owner, write};

/// An opened file that passed all checks.
#[derive(Debug)]
pub(super) struct OpenedFile {
    file: File,
    /// Whether the file belongs to this user and no link led to it. Such a file may be replaced even when its content
    /// is not understood.
    pub(super) replaceable: bool,
}

impl OpenedFile {
    pub(super) fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn text(mut self) -> io::Result<String> {
        let mut text = String::new();
        self.file.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Opens a file for reading. Follows links that belong to this user or to root. `what` names the file in warnings.
pub(super) fn open(path: &Path, what: &str) -> Result<OpenedFile, AccessError> {
    open_as(owner::user(), path, what)
}

fn open_as(user: u32, path: &Path, what: &str) -> Result<OpenedFile, AccessError> {
    let linked = owner::check_links(user, path)?;
    let target = if linked { write::target(path) } else { path.to_owned() };
    owner::warn_of_folders(user, path, &target);
    let (file, own) = open_regular(user, &target, OpenOptions::new().read(true), what)?;
    Ok(OpenedFile { file, replaceable: own && !linked })
}

/// Resolves a path to its file. Follows links that belong to this user or to root.
pub(super) fn target(path: &Path) -> Result<PathBuf, AccessError> {
    owner::check_links(owner::user(), path)?;
    Ok(write::target(path))
}

/// Opens an existing file for reading and writing. Refuses links.
pub(super) fn open_writable(path: &Path, what: &str) -> Result<File, AccessError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    open_regular(owner::user(), path, &mut options, what).map(|(file, _)| file)
}

/// Opens a regular file and returns whether it belongs to this user. Checks the type before opening: opening a FIFO
/// would wait for its other end, and opening a device may have effects.
fn open_regular(
    user: u32,
    path: &Path,
    options: &mut OpenOptions,
    what: &str,
) -> Result<(File, bool), AccessError> {
    let check = |metadata: &Metadata| {
        regular(metadata.file_type())?;
        owner::check(user, path, metadata, what)
    };
    check(&fs::symlink_metadata(path)?)?;
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Another file may have taken its place since the check.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let own = check(&file.metadata()?)?;
    Ok((file, own))
}

fn regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let kind = if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else {
        special(kind)
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a regular file")))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_kind: FileType) -> &'static str {
    "a device"
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink},
        net::UnixListener,
    };

    use super::*;

    const OTHER: u32 = 2222;

    /// Returns a user who does not own these files. Root gives the files away first, because every user trusts root's.
    fn stranger_to(paths: &[&Path]) -> u32 {
        let me = owner::user();
        if me == 0 {
            for path in paths {
                lchown(path, Some(OTHER), Some(OTHER)).unwrap();
            }
        }
        me + 1111
    }

    fn refusal(outcome: Result<OpenedFile, AccessError>) -> String {
        match outcome {
            Err(AccessError::Unsafe(error)) => {
                assert_eq!(error.code(), "CREDENTIALS_UNSAFE");
                assert!(error.hint().contains("INFRAI_CREDENTIALS_FILE"), "{}", error.hint());
                error.message().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn foreign_file_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        fs::write(&file, "").unwrap();
        let user = stranger_to(&[&file]);
        let message = refusal(open_as(user, &file, "credentials file"));
        let owner = fs::metadata(&file).unwrap().uid();
        assert_eq!(message, format!("{} belongs to another user (uid {owner})", file.display()));
    }

    #[test]
    fn foreign_link_is_refused_wherever_it_leads() {
        let home = tempfile::tempdir().unwrap();
        let (mine, link, first) =
            (home.path().join("mine"), home.path().join("link"), home.path().join("first"));
        for target in [mine.as_path(), Path::new("/etc/passwd"), Path::new("nowhere")] {
            symlink(target, &link).unwrap();
            symlink("link", &first).unwrap();
            let user = stranger_to(&[&link, &first]);
            // For root too: the link's owner chooses its target.
            for (user, path) in [(user, &link), (user, &first), (0, &link), (0, &first)] {
                let message = refusal(open_as(user, path, "credentials file"));
                assert!(message.contains("is a link that belongs to another user"), "{user}: {message}");
            }
            fs::remove_file(&link).unwrap();
            fs::remove_file(&first).unwrap();
        }
    }

    #[test]
    fn own_links_are_followed_and_not_replaceable() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        fs::write(&file, "text").unwrap();
        symlink("file", &link).unwrap();
        assert!(open(&file, "file").unwrap().replaceable);
        let opened = open(&link, "file").unwrap();
        assert!(!opened.replaceable);
        assert_eq!(opened.text().unwrap(), "text");
    }

    #[test]
    fn only_regular_files_are_opened() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::create_dir(path("a folder")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("a FIFO")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path("a socket")).unwrap();
        symlink("/dev/zero", path("a device")).unwrap();
        for kind in ["a folder", "a FIFO", "a socket", "a device"] {
            let Err(AccessError::Io(error)) = open(&path(kind), "file") else { panic!("{kind} was opened") };
            assert_eq!(error.to_string(), format!("it is {kind}, not a regular file"));
        }
        symlink("file", path("a link")).unwrap();
        fs::write(path("file"), "").unwrap();
        let Err(AccessError::Io(error)) = open_writable(&path("a link"), "file") else {
            panic!("it was opened")
        };
        assert_eq!(error.to_string(), "it is a link, not a regular file");
    }

    #[test]
    fn root_uses_a_file_only_its_owner_can_write() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        fs::write(&file, "text").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        stranger_to(&[&file]);
        set(&file, 0o600);
        assert_eq!(open_as(0, &file, "file").unwrap().text().unwrap(), "text");
        assert!(!open_as(0, &file, "file").unwrap().replaceable);
        set(&file, 0o620);
        refusal(open_as(0, &file, "file"));
        set(&file, 0o600);
        set(home.path(), 0o1777);
        refusal(open_as(0, &file, "file"));
    }
}
