//! Safe opening of credential files: regular ones that no other user could have put there.

use std::{
    collections::HashSet,
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{auth::credentials::write, error::InfraiError};

/// The reason that a file is not used.
#[derive(Debug)]
pub(super) enum Denied {
    Io(io::Error),
    /// Another user could have put it there.
    Unsafe(InfraiError),
}

impl From<io::Error> for Denied {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A file that may be used.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// It is this user's and no link led to it: it may be replaced even where its content is not understood.
    pub(super) replaceable: bool,
}

impl Opened {
    pub(super) fn text(mut self) -> io::Result<String> {
        let mut text = String::new();
        self.file.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Opens a file for reading, through links of this user's or root's. `what` names it in warnings.
pub(super) fn open(path: &Path, what: &str) -> Result<Opened, Denied> {
    open_as(owner::user(), path, what)
}

fn open_as(user: u32, path: &Path, what: &str) -> Result<Opened, Denied> {
    let linked = owner::check_links(user, path)?;
    let target = if linked { write::target(path) } else { path.to_owned() };
    owner::warn_of_folders(user, path, &target);
    let (file, own) = open_regular(user, &target, OpenOptions::new().read(true), what)?;
    Ok(Opened { file, replaceable: own && !linked })
}

/// Returns the file that a path means, through links of this user's or root's.
pub(super) fn target(path: &Path) -> Result<PathBuf, Denied> {
    owner::check_links(owner::user(), path)?;
    Ok(write::target(path))
}

/// Opens an existing file for reading and writing; a link is none.
pub(super) fn open_writable(path: &Path, what: &str) -> Result<File, Denied> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    open_regular(owner::user(), path, &mut options, what).map(|(file, _)| file)
}

/// Opens a regular file and nothing else, and says whether it is this user's. Others are found before they are opened: a
/// FIFO would wait for its other end, and a device may do something.
fn open_regular(
    user: u32,
    path: &Path,
    options: &mut OpenOptions,
    what: &str,
) -> Result<(File, bool), Denied> {
    let check = |metadata: &Metadata| {
        regular(metadata.file_type())?;
        owner::check(user, path, metadata, what)
    };
    check(&fs::symlink_metadata(path)?)?;
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // For another file that takes its place meanwhile.
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

/// The warnings that this process has logged: an activation reads its files several times.
static WARNED: Mutex<Option<HashSet<(PathBuf, String)>>> = Mutex::new(None);
/// How many are remembered.
const REMEMBERED: usize = 1000;

#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has owners and modes"))]
fn is_new(path: &Path, warning: &str) -> bool {
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let warned = warned.get_or_insert_default();
    if warned.len() >= REMEMBERED {
        warned.clear();
    }
    warned.insert((path.to_owned(), warning.to_owned()))
}

#[cfg(unix)]
mod owner {
    use std::os::unix::fs::MetadataExt as _;

    use crate::{
        auth::credentials::{
            access::{Denied, Metadata, Path, fs, io, is_new},
            errors::credentials_error,
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
    pub(super) struct Entry {
        pub(super) owner: u32,
        pub(super) mode: u32,
    }

    impl Entry {
        fn of(metadata: &Metadata) -> Self {
            Self { owner: metadata.uid(), mode: metadata.mode() & 0o7777 }
        }

        fn is_writable_by_others(self) -> bool {
            self.mode & WRITABLE != 0
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Trust {
        /// This user's or root's.
        Own,
        /// Another user's, for root: containers mount a file of the host's user.
        Foreign,
        Refused,
    }

    /// Whether an owner is this user or root, whose files and links are a user's own.
    fn is_own(user: u32, owner: u32) -> bool {
        owner == user || owner == ROOT
    }

    /// Judges whether a user may rely on a file in this folder.
    pub(super) fn trust(user: u32, file: Entry, folder: Entry) -> Trust {
        if is_own(user, file.owner) {
            Trust::Own
        } else if user == ROOT && !file.is_writable_by_others() && !folder.is_writable_by_others() {
            Trust::Foreign
        } else {
            Trust::Refused
        }
    }

    /// Returns what a mode lets others do.
    pub(super) fn exposure(mode: u32) -> Option<&'static str> {
        match (mode & READABLE != 0, mode & WRITABLE != 0) {
            (false, false) => None,
            (true, false) => Some("can read"),
            (false, true) => Some("can write"),
            (true, true) => Some("can read and write"),
        }
    }

    /// Returns a problem of a folder: users who can change it can put a file in another's place.
    pub(super) fn folder_problem(user: u32, folder: Entry) -> Option<String> {
        if folder.owner != user && folder.owner != ROOT {
            Some(format!("belongs to another user (uid {})", folder.owner))
        } else if folder.is_writable_by_others() && folder.mode & STICKY == 0 {
            Some("can be changed by others on this machine; run: chmod go-w".to_owned())
        } else {
            None
        }
    }

    pub(super) fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn folder_of(path: &Path) -> io::Result<Entry> {
        fs::metadata(write::folder_of(path)).map(|metadata| Entry::of(&metadata))
    }

    /// Refuses a file that another user could have put there, and warns of one that others can read or write. Returns
    /// whether it is this user's.
    pub(super) fn check(user: u32, path: &Path, metadata: &Metadata, what: &str) -> Result<bool, Denied> {
        let file = Entry::of(metadata);
        match trust(user, file, folder_of(path)?) {
            Trust::Own => {}
            Trust::Foreign => {
                let warning = format!("the {what} belongs to another user (uid {})", file.owner);
                if is_new(path, &warning) {
                    tracing::warn!(path = %Escaped(path.display()), "{warning}");
                }
            }
            Trust::Refused => return Err(refused(path, "belongs", file.owner)),
        }
        if let Some(exposure) = exposure(file.mode) {
            let warning = format!("others on this machine {exposure} the {what}; run: chmod 600");
            if is_new(path, &warning) {
                tracing::warn!(path = %Escaped(path.display()), mode = format!("{:o}", file.mode), "{warning}");
            }
        }
        Ok(file.owner == user)
    }

    /// Refuses a link that another user made, wherever it stands in a chain of them: its owner chooses the file that root
    /// would write. Returns whether there is one.
    pub(super) fn check_links(user: u32, path: &Path) -> Result<bool, Denied> {
        for link in write::links(path) {
            let owner = fs::symlink_metadata(&link)?.uid();
            if !is_own(user, owner) {
                return Err(refused(&link, "is a link that belongs", owner));
            }
        }
        Ok(path.is_symlink())
    }

    fn refused(path: &Path, belongs: &str, owner: u32) -> Denied {
        Denied::Unsafe(credentials_error(
            "CREDENTIALS_UNSAFE",
            format!("{} {belongs} to another user (uid {owner})", path.display()),
            "Check who put it there; then make it your own with chown, remove it, or name a file in a folder of your own with INFRAI_CREDENTIALS_FILE.",
        ))
    }

    /// Warns of folders, the link's and the file's, in which others could put another file in its place.
    pub(super) fn warn_of_folders(user: u32, path: &Path, target: &Path) {
        let (one, other) = (write::folder_of(path), write::folder_of(target));
        for folder in [one, other].into_iter().take(if one == other { 1 } else { 2 }) {
            let Ok(metadata) = fs::metadata(folder) else { continue };
            if let Some(problem) = folder_problem(user, Entry::of(&metadata)) {
                let warning = format!("the credentials' folder {problem}");
                if is_new(folder, &warning) {
                    tracing::warn!(path = %Escaped(folder.display()), "{warning}");
                }
            }
        }
    }
}

/// Windows' files have the permissions of their folder.
#[cfg(not(unix))]
mod owner {
    use crate::auth::credentials::access::{Denied, Metadata, Path};

    pub(super) fn user() -> u32 {
        0
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is as on Unix")]
    pub(super) fn check(_user: u32, _path: &Path, _metadata: &Metadata, _what: &str) -> Result<bool, Denied> {
        Ok(true)
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is as on Unix")]
    pub(super) fn check_links(_user: u32, path: &Path) -> Result<bool, Denied> {
        Ok(path.is_symlink())
    }

    pub(super) fn warn_of_folders(_user: u32, _path: &Path, _target: &Path) {}
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink},
        net::UnixListener,
    };

    use crate::auth::credentials::access::{
        owner::{Entry, Trust, exposure, folder_problem, trust},
        *,
    };

    const ME: u32 = 1111;
    const OTHER: u32 = 2222;

    #[test]
    fn only_own_files_and_roots_are_trusted() {
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
    fn a_mode_is_described_as_what_it_allows() {
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
    fn a_folder_that_others_can_change_is_named() {
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

    /// A user to whom what this process makes is another's: as root, once it has been given away.
    fn stranger_to(paths: &[&Path]) -> u32 {
        let me = owner::user();
        if me == 0 {
            for path in paths {
                lchown(path, Some(OTHER), Some(OTHER)).unwrap();
            }
        }
        me + ME
    }

    fn refusal(outcome: Result<Opened, Denied>) -> String {
        match outcome {
            Err(Denied::Unsafe(error)) => {
                assert_eq!(error.code(), "CREDENTIALS_UNSAFE");
                assert!(error.hint().contains("INFRAI_CREDENTIALS_FILE"), "{}", error.hint());
                error.message().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn anothers_file_is_refused_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        fs::write(&file, "").unwrap();
        let user = stranger_to(&[&file]);
        let message = refusal(open_as(user, &file, "credentials file"));
        let owner = fs::metadata(&file).unwrap().uid();
        assert_eq!(message, format!("{} belongs to another user (uid {owner})", file.display()));
    }

    #[test]
    fn anothers_link_is_refused_wherever_it_leads() {
        let home = tempfile::tempdir().unwrap();
        let (mine, link, first) =
            (home.path().join("mine"), home.path().join("link"), home.path().join("first"));
        for target in [mine.as_path(), Path::new("/etc/passwd"), Path::new("nowhere")] {
            symlink(target, &link).unwrap();
            symlink("link", &first).unwrap();
            let user = stranger_to(&[&link, &first]);
            // Root too: where it leads is its owner's choice.
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
            let Err(Denied::Io(error)) = open(&path(kind), "file") else { panic!("{kind} was opened") };
            assert_eq!(error.to_string(), format!("it is {kind}, not a regular file"));
        }
        symlink("file", path("a link")).unwrap();
        fs::write(path("file"), "").unwrap();
        let Err(Denied::Io(error)) = open_writable(&path("a link"), "file") else { panic!("it was opened") };
        assert_eq!(error.to_string(), "it is a link, not a regular file");
    }

    #[test]
    fn a_warning_is_logged_once() {
        let file = Path::new("/a/file/of/this/test");
        assert!(is_new(file, "one") && !is_new(file, "one") && is_new(file, "other"));
    }

    #[test]
    fn root_uses_a_file_that_its_owner_alone_can_write() {
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
