//! The credentials file: reads profiles, and writes them atomically without losing other content.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use toml_edit::{DocumentMut, Item, Table, Value, value};

use crate::{
    auth::{
        api_key::ApiKey,
        credentials::{
            access,
            errors::{AccessError, credentials_error, unwritable},
            lock::Lock,
            write::{remove_temp_files, write_atomic},
        },
    },
    error::{InfraiError, Result},
};

/// Time to wait for another process that holds the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Credentials file at a path.
#[derive(Debug)]
pub(crate) struct CredentialsFile<'a> {
    path: &'a Path,
}

/// Parsed content of the file, with its comments and the tables that other programs wrote.
#[derive(Debug)]
pub(crate) struct Document {
    path: PathBuf,
    toml: DocumentMut,
}

/// A profile: one table of the credentials file. Clients read it by themselves. This type is for programs that manage
/// accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Project key.
    pub api_key: Option<ApiKey>,
    /// Id of the key's account.
    pub account_id: Option<String>,
    /// Id of the key's project.
    pub project_id: Option<String>,
    /// Base URL that the key may be sent to. `None` means the default one.
    pub base_url: Option<String>,
}

impl Profile {
    /// Reads a profile. Returns `None` if the file has no such table.
    ///
    /// # Errors
    /// `CREDENTIALS_UNREADABLE` and `CREDENTIALS_INVALID`.
    pub fn read(file: impl AsRef<Path>, name: &str) -> Result<Option<Self>> {
        CredentialsFile::at(file.as_ref()).read()?.profile(name)
    }

    /// Stores the profile under this name: under the file's lock, atomically, and keeping all other content.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), `CREDENTIALS_LOCKED` and `CREDENTIALS_UNWRITABLE`.
    pub async fn store(&self, file: impl AsRef<Path>, name: &str) -> Result<()> {
        let file = file.as_ref();
        let _lock = Lock::acquire(file, LOCK_TIMEOUT).await?;
        let mut document = CredentialsFile::at(file).read()?;
        document.set(name, self, None)?;
        document.write()
    }
}

impl<'a> CredentialsFile<'a> {
    pub(crate) fn at(path: &'a Path) -> Self {
        Self { path }
    }

    /// Reads the file. A missing file counts as empty.
    pub(crate) fn read(&self) -> Result<Document> {
        let path = self.path;
        let text = match access::open(path, "credentials file").and_then(|file| Ok(file.bytes()?)) {
            Ok(bytes) => decode(path, bytes)?,
            Err(AccessError::Unsafe(error)) => return Err(error),
            Err(AccessError::Io(error)) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(AccessError::Io(error)) => {
                return Err(credentials_error(
                    "CREDENTIALS_UNREADABLE",
                    format!("{} cannot be read: {error}", path.display()),
                    "Make the file readable for this user, or set INFRAI_CREDENTIALS_FILE to another file.",
                )
                .with_source(error));
            }
        };
        Document::parse(path, &text)
    }
}

/// Returns the file's text, which must be UTF-8.
fn decode(path: &Path, bytes: Vec<u8>) -> Result<String> {
    // Windows' editors and shells save UTF-16. Without a byte order mark, its ASCII characters contain zeros.
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0);
    let found = match String::from_utf8(bytes) {
        Ok(text) if !utf16 => return Ok(text),
        _ if utf16 => "UTF-16",
        _ => "another encoding, such as Latin-1",
    };
    Err(credentials_error(
        "CREDENTIALS_INVALID",
        format!("{}: expected text in UTF-8, got {found}", path.display()),
        "Save the file as UTF-8 in an editor, move it away, or set INFRAI_CREDENTIALS_FILE to another file.",
    ))
}

fn invalid(path: &Path, reason: impl std::fmt::Display) -> InfraiError {
    credentials_error(
        "CREDENTIALS_INVALID",
        format!("{}: {reason}", path.display()),
        "Fix the file or move it away. The SDK never overwrites a file that it cannot parse.",
    )
}

impl Document {
    /// Parses the content of the file at this path.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        // The parser's error quotes the line, which may contain a key. Only the line number and the message are used.
        let toml = text.parse::<DocumentMut>().map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            invalid(path, format!("line {line} is not TOML: {message}"))
        })?;
        Ok(Self { path: path.to_owned(), toml })
    }

    /// Returns the text that [`write`](Self::write) writes.
    pub(crate) fn text(&self) -> String {
        self.toml.to_string()
    }

    /// Returns a profile, or `None` if there is no such table.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>> {
        let Some(item) = self.toml.get(name) else { return Ok(None) };
        let Some(table) = item.as_table_like() else {
            return Err(invalid(&self.path, format!("{name:?} is not a table")));
        };
        let text = |field: &str| match table.get(field) {
            None => Ok(None),
            Some(item) => match item.as_str() {
                Some(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
                None => Err(invalid(&self.path, format!("{field} of the profile {name:?} is not a string"))),
            },
        };
        // No call needs an id, so none makes the key unusable.
        let id = |field: &str| match table.get(field)? {
            Item::Value(Value::String(id)) => Some(id.value().clone()).filter(|id| !id.is_empty()),
            Item::Value(Value::Integer(id)) => Some(id.value().to_string()),
            _ => None,
        };
        let api_key = match text("api_key")? {
            Some(key) => Some(ApiKey::new(key).map_err(|error| {
                invalid(&self.path, format!("the profile {name:?} cannot be used: {}", error.message()))
            })?),
            None => None,
        };
        Ok(Some(Profile {
            api_key,
            account_id: id("account_id"),
            project_id: id("project_id"),
            base_url: text("base_url")?,
        }))
    }

    /// Sets a profile's fields in its table and keeps the table's other content. `keep_old_as` copies the table to that
    /// name first. An entry that is not a table is an error and stays unchanged.
    pub(crate) fn set(&mut self, name: &str, profile: &Profile, keep_old_as: Option<&str>) -> Result<()> {
        let not_a_table = || invalid(&self.path, format!("{name:?} is not a table"));
        match self.toml.get(name) {
            Some(old) if !old.is_table_like() => return Err(not_a_table()),
            Some(old) => {
                if let Some(other) = keep_old_as {
                    let old = old.clone();
                    self.toml.insert(other, old);
                }
            }
            None => {
                self.toml.insert(name, Item::Table(Table::new()));
            }
        }
        let Some(table) = self.toml.get_mut(name).and_then(Item::as_table_like_mut) else {
            return Err(not_a_table());
        };
        let mut put = |field: &str, text: Option<&str>| match text {
            Some(text) => {
                let mut new = value(text);
                // The text after the old value, usually a comment, stays after the new value.
                if let (Some(new), Some(old)) =
                    (new.as_value_mut(), table.get(field).and_then(Item::as_value))
                {
                    *new.decor_mut() = old.decor().clone();
                }
                // Assigned in place: an insert would lose the comment above the field.
                match table.get_mut(field) {
                    Some(item) => *item = new,
                    None => {
                        table.insert(field, new);
                    }
                }
            }
            None => {
                table.remove(field);
            }
        };
        put("api_key", profile.api_key.as_ref().map(ApiKey::expose));
        put("account_id", profile.account_id.as_deref());
        put("project_id", profile.project_id.as_deref());
        put("base_url", profile.base_url.as_deref());
        Ok(())
    }

    /// Returns the profiles' names.
    pub(crate) fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.toml.iter().filter(|(_, item)| item.is_table_like()).map(|(name, _)| name)
    }

    /// Returns whether there is an entry of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.toml.contains_key(name)
    }

    /// Replaces the file atomically, with mode 0600 in a 0700 folder. The caller holds its lock.
    pub(crate) fn write(&self) -> Result<()> {
        remove_temp_files(&self.path);
        write_atomic(&self.path, self.text().as_bytes()).map_err(|error| unwritable(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_named() {
        let text = "[default]\napi_key = \"secret\" # schlüssel\n";
        let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
        let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        for (bytes, found) in [
            ([b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(), "UTF-16"),
            ([b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat(), "UTF-16"),
            (utf16(u16::to_le_bytes), "UTF-16"),
            (latin1, "Latin-1"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("credentials");
            std::fs::write(&file, bytes).unwrap();
            let error = Profile::read(&file, "default").unwrap_err();
            assert_eq!(error.code(), "CREDENTIALS_INVALID");
            assert!(
                error.message().contains(found) && error.hint().contains("UTF-8"),
                "{error} {}",
                error.hint()
            );
            assert!(!error.to_string().contains("secret"));
        }
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let text = decode(Path::new("credentials"), marked).unwrap();
        let profile = Document::parse(Path::new("credentials"), &text).unwrap().profile("default").unwrap();
        assert!(profile.unwrap().api_key.is_some());
    }
}
