//! Private files and folders: mode 0600 and 0700, no links followed, no other user's files.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

/// The expected kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
}

/// The verdict on an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// This user or root owns it.
    Own,
    /// The user with this id owns it, only that user can write it, and this process runs as root.
    Foreign(u32),
    /// The reason why it is refused, to follow the path in a sentence.
    Refused(String),
}

/// Judges the metadata of an entry. Links are not followed.
pub(crate) fn judge(metadata: &Metadata, kind: Kind) -> Trust {
    let fits = match kind {
        Kind::File => metadata.is_file(),
        Kind::Folder => metadata.is_dir(),
    };
    if fits {
        return owner(metadata);
    }
    let expected = match kind {
        Kind::File => "a file",
        Kind::Folder => "a folder",
    };
    let found = match metadata.file_type() {
        found if found.is_symlink() => "a link",
        found if found.is_dir() => "a folder",
        found if found.is_file() => "a file",
        _ => "a pipe, socket or device",
    };
    Trust::Refused(format!("should be {expected} and is {found}"))
}

#[cfg(unix)]
fn owner(metadata: &Metadata) -> Trust {
    use std::os::unix::fs::MetadataExt as _;
    owner_of(metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())
}

/// On Windows, files have the permissions of their folder.
#[cfg(not(unix))]
fn owner(_metadata: &Metadata) -> Trust {
    Trust::Own
}

/// Accepts other users' files for root if only their owner can write them: a container's root works on files that a
/// user of the host owns.
#[cfg(unix)]
fn owner_of(owner: u32, mode: u32, user: u32) -> Trust {
    if owner == user || owner == 0 {
        Trust::Own
    } else if user != 0 {
        Trust::Refused(format!("belongs to another user (uid {owner})"))
    } else if mode & OTHERS_WRITE != 0 {
        let mode = mode & 0o7777;
        Trust::Refused(format!(
            "belongs to another user (uid {owner}) and others can write it (mode {mode:04o})"
        ))
    } else {
        Trust::Foreign(owner)
    }
}

#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;

/// Returns true if users other than its owner can write it.
#[cfg(unix)]
pub(crate) fn others_can_write(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & OTHERS_WRITE != 0
}

#[cfg(not(unix))]
pub(crate) fn others_can_write(_metadata: &Metadata) -> bool {
    false
}

/// Creates a folder for this user alone, or checks the existing one.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    match builder().create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(&fs::symlink_metadata(path)?, Kind::Folder)
        }
        result => result,
    }
}

/// Returns a builder of folders for this user alone.
pub(crate) fn builder() -> DirBuilder {
    #[allow(unused_mut, reason = "it is as on Unix")]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Returns options that create files for this user alone, do not follow a link, and do not wait for a pipe.
pub(crate) fn options() -> OpenOptions {
    #[allow(unused_mut, reason = "it is as on Unix")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    options
}

/// Opens a file for writing without truncating it, or creates it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = options().write(true).create(true).truncate(false).open(path)?;
    check(&file.metadata()?, Kind::File)?;
    Ok(file)
}

/// Fails for an entry that this process must not use.
pub(crate) fn check(metadata: &Metadata, kind: Kind) -> io::Result<()> {
    match judge(metadata, kind) {
        Trust::Own | Trust::Foreign(_) => Ok(()),
        Trust::Refused(reason) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it {reason}"))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_this_user_root_or_refused() {
        assert_eq!(owner_of(1000, 0o777, 1000), Trust::Own);
        assert_eq!(owner_of(0, 0o777, 1000), Trust::Own);
        assert_eq!(owner_of(0, 0o777, 0), Trust::Own);
        assert!(matches!(owner_of(2000, 0o700, 1000), Trust::Refused(reason) if reason.contains("uid 2000")));
    }

    #[test]
    fn root_takes_what_its_owner_alone_can_write() {
        assert_eq!(owner_of(1000, 0o100_644, 0), Trust::Foreign(1000));
        for mode in [0o666, 0o664, 0o646, 0o777] {
            let trust = owner_of(1000, 0o100_000 | mode, 0);
            assert!(
                matches!(&trust, Trust::Refused(reason) if reason.contains(&format!("mode {mode:04o}"))),
                "{trust:?}"
            );
        }
    }

    #[test]
    fn nothing_is_opened_through_a_link_or_a_pipe() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "precious").expect("a file");
        std::os::unix::fs::symlink(at("victim"), at("link")).expect("a link");
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).expect("a link");
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        fs::create_dir(at("folder")).expect("a folder");
        for name in ["link", "dangling", "pipe", "folder"] {
            assert!(open(&at(name)).is_err(), "{name}");
        }
        assert!(!at("nowhere").exists());
        assert!(make_folder(&at("link")).is_err() && make_folder(&at("victim")).is_err());
        make_folder(&at("folder")).expect("it is one");
    }
}
