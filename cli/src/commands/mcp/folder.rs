//! Output folder: the only place that videos are saved to.

use std::{
    borrow::Cow,
    env, fs, io,
    path::{Component, Path, PathBuf},
};

use infrai::{ErrorKind, InfraiError, Result, escape_text};

/// Extensions of videos, with their MIME types.
const TYPES: [(&str, &str); 5] = [
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mkv", "video/matroska"),
];

/// A folder with its links resolved.
#[derive(Debug, Clone)]
pub(super) struct OutputFolder(PathBuf);

/// A file in the folder.
#[derive(Debug)]
pub(super) struct VideoFile {
    pub(super) path: PathBuf,
    pub(super) mime_type: &'static str,
}

impl OutputFolder {
    /// Creates the folder if it does not exist.
    pub(super) fn create(path: &Path) -> Result<Self> {
        // No shell has replaced it in a client's configuration.
        let path = match (path.strip_prefix("~"), env::home_dir()) {
            (Ok(rest), Some(home)) => &home.join(rest),
            _ => path,
        };
        fs::create_dir_all(path).and_then(|()| path.canonicalize()).map(Self).map_err(|error| {
            file_error(format!("the folder {} cannot be created: {error}", path.display()))
                .with_hint("Name another folder with --output-dir.")
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the file of a name below the folder, and creates the folders on the way.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name that leads out of the folder, goes through a link, is hidden, or is no video's.
    pub(super) fn file(&self, name: &str) -> Result<VideoFile> {
        let refuse = |expected| Err(InfraiError::invalid_argument("path", format!("{name:?}"), expected));
        let given = Path::new(name);
        // An absolute path may name the folder itself.
        let relative = given.strip_prefix(&self.0).unwrap_or(given);
        let mut parts = Vec::new();
        for component in relative.components() {
            match component {
                Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
                Component::CurDir => {}
                _ => return refuse("a path below the output folder, without `..`"),
            }
        }
        let Some(mut last) = parts.pop().filter(|_| !name.ends_with(['/', '\\'])) else {
            return refuse("the name of a file");
        };
        if parts.iter().chain([&last]).any(|part| !is_plain(part)) {
            return refuse("names of visible files, without special characters");
        }
        let extension = Path::new(&last).extension().map(|ext| ext.to_string_lossy().to_lowercase());
        if extension.is_none() {
            last.push_str(".mp4");
        }
        let extension = extension.as_deref().unwrap_or("mp4");
        let known = TYPES.iter().find(|(known, _)| *known == extension);
        let Some((_, mime_type)) = known else {
            return refuse("a name that ends in .mp4, .m4v, .mov, .webm or .mkv");
        };
        let mut path = self.0.clone();
        for part in parts {
            path.push(part);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(file_error(format!("{} cannot be created: {error}", path.display())));
                }
                _ => {}
            }
            if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                return refuse("a path through folders, not through links or files");
            }
        }
        path.push(last);
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return refuse("a file, not a link");
        }
        Ok(VideoFile { path, mime_type })
    }
}

/// Returns whether a name means the same on every system, and is not hidden.
fn is_plain(name: &str) -> bool {
    let special = |c: char| "<>:\"/\\|?*".contains(c);
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || ["COM", "LPT"]
            .iter()
            .any(|port| stem.strip_prefix(port).is_some_and(|rest| rest.chars().count() == 1));
    // GIT~1 is another name of .git there.
    let is_short =
        name.split_once('~').is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.contains(special)
        && matches!(escape_text(name), Cow::Borrowed(_))
        && !is_device
        && !is_short
}

/// Returns the default name of a job's video.
pub(super) fn default_name(job_id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let name: String = job_id.chars().map(plain).take(100).collect();
    format!("{name}.mp4")
}

fn file_error(message: String) -> InfraiError {
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(&home.path().join("videos")).unwrap();
        for name in [
            "",
            ".",
            "..",
            "../a.mp4",
            "a/../../b.mp4",
            "/etc/a.mp4",
            "a/",
            ".git/a.mp4",
            ".a.mp4",
            "a.mp4:stream",
            "a\0.mp4",
            "a.sh",
            "a.mp4.sh",
            "C:\\a.mp4",
            "..\\a.mp4",
            "CON.mp4",
            "nul",
            "com1.mp4",
            "GIT~1/a.mp4",
            "\u{202e}4pm.mp4",
        ] {
            let error = folder.file(name).unwrap_err();
            assert_eq!(error.code(), "INVALID_ARGUMENT", "{name:?}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_below_the_folder_are_taken() {
        let home = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(home.path()).unwrap();
        for (name, expected, mime_type) in [
            ("a.mp4", "a.mp4", "video/mp4"),
            ("boat", "boat.mp4", "video/mp4"),
            ("./a/b/纸船.WEBM", "a/b/纸船.WEBM", "video/webm"),
        ] {
            let file = folder.file(name).unwrap();
            assert_eq!((file.path, file.mime_type), (folder.path().join(expected), mime_type));
        }
        let absolute = folder.path().join("c.mp4");
        assert_eq!(folder.file(absolute.to_str().unwrap()).unwrap().path, absolute);
        assert_eq!(default_name("a/../b"), "a____b.mp4");
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        use std::os::unix::fs::symlink;

        let home = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(&home.path().join("videos")).unwrap();
        symlink(home.path(), folder.path().join("up")).unwrap();
        symlink(home.path().join("target"), folder.path().join("a.mp4")).unwrap();
        for name in ["up/a.mp4", "a.mp4", "up/new/a.mp4"] {
            assert_eq!(folder.file(name).unwrap_err().code(), "INVALID_ARGUMENT", "{name}");
        }
        assert!(!home.path().join("new").exists());
    }
}
