//! Reading and writing the credentials file: what is there stays there, and no reader ever sees half of it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use toml_edit::{DocumentMut, Item, Table, value};

use crate::{
    auth::{
        api_key::ApiKey,
        credentials::{
            access::{self, Denied},
            errors::{credentials_error, unwritable},
            lock::Lock,
            write::{remove_temp_files, write_atomic},
        },
    },
    error::{InfraiError, Result},
};

/// How long another process may hold the file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the file is.
#[derive(Debug)]
pub(crate) struct CredentialsFile<'a> {
    path: &'a Path,
}

/// What the file says, comments and other people's tables included.
#[derive(Debug)]
pub(crate) struct Document {
    path: PathBuf,
    toml: DocumentMut,
}

/// A profile: a table of the credentials file. Clients read it themselves; this is for programs that keep accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// The project's key.
    pub api_key: Option<ApiKey>,
    /// The account that it belongs to.
    pub account_id: Option<String>,
    /// The project that it belongs to.
    pub project_id: Option<String>,
    /// Where the key may be sent; the API's default address when there is none.
    pub base_url: Option<String>,
}

impl Profile {
    /// Reads a profile, or `None` where the file has no such table.
    ///
    /// # Errors
    /// `CREDENTIALS_UNREADABLE` and `CREDENTIALS_INVALID`.
    pub fn read(file: impl AsRef<Path>, name: &str) -> Result<Option<Self>> {
        CredentialsFile::at(file.as_ref()).read()?.profile(name)
    }

    /// Stores it under this name: under the file's lock, atomically, keeping whatever else stands in the file.
    ///
    /// # Errors
    /// As [`read`](Self::read); `CREDENTIALS_LOCKED` and `CREDENTIALS_UNWRITABLE`.
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

    /// Reads the file; one that does not exist is empty.
    pub(crate) fn read(&self) -> Result<Document> {
        let path = self.path;
        let text = match access::open(path, "credentials file").and_then(|file| Ok(file.text()?)) {
            Ok(text) => text,
            Err(Denied::Unsafe(error)) => return Err(error),
            Err(Denied::Io(error)) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(Denied::Io(error)) => {
                return Err(credentials_error(
                    "CREDENTIALS_UNREADABLE",
                    format!("{} cannot be read: {error}", path.display()),
                    "Make it readable for this user, or name another file with INFRAI_CREDENTIALS_FILE.",
                )
                .with_source(error));
            }
        };
        Document::parse(path, &text)
    }
}

fn invalid(path: &Path, reason: impl std::fmt::Display) -> InfraiError {
    credentials_error(
        "CREDENTIALS_INVALID",
        format!("{}: {reason}", path.display()),
        "Mend the file or move it away; it is never overwritten while it cannot be understood.",
    )
}

impl Document {
    /// Reads what stands in the file at this path.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        // The parser's own error quotes the line, and the line may hold a key: only its number and message go on.
        let toml = text.parse::<DocumentMut>().map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            invalid(path, format!("line {line} is not TOML: {message}"))
        })?;
        Ok(Self { path: path.to_owned(), toml })
    }

    /// What stands in the file once it is written.
    pub(crate) fn text(&self) -> String {
        self.toml.to_string()
    }

    /// A profile, or `None` where there is no such table.
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
        let api_key = match text("api_key")? {
            Some(key) => Some(ApiKey::new(key).map_err(|error| {
                invalid(&self.path, format!("the profile {name:?} cannot be used: {}", error.message()))
            })?),
            None => None,
        };
        Ok(Some(Profile {
            api_key,
            account_id: text("account_id")?,
            project_id: text("project_id")?,
            base_url: text("base_url")?,
        }))
    }

    /// Puts a profile's fields into its table, keeping what else is in it; `keep_old_as` first copies the table. What is
    /// no table is refused and stays.
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
                // What stands behind the old value, a comment most likely, stands behind the new one.
                if let (Some(new), Some(old)) =
                    (new.as_value_mut(), table.get(field).and_then(Item::as_value))
                {
                    *new.decor_mut() = old.decor().clone();
                }
                // In its place: inserted anew, the field would lose the comment above it.
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

    /// Whether it has anything of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.toml.contains_key(name)
    }

    /// Writes the file whole, 0600 in a 0700 folder. To be called while its lock is held.
    pub(crate) fn write(&self) -> Result<()> {
        remove_temp_files(&self.path);
        write_atomic(&self.path, self.text().as_bytes()).map_err(|error| unwritable(&self.path, error))
    }
}
