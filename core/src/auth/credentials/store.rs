//! A store for credentials in place of the file: named entries of text, whose names and contents are decided here.

use std::{error::Error as StdError, fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    auth::{
        api_key::ApiKey,
        credentials::{errors::credentials_error, file::Profile},
    },
    error::{InfraiError, Result},
};

/// What a store may fail with; its text becomes part of the error that a caller sees, so it holds no secret.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// A place for secrets in place of the credentials file, such as a platform's keychain: named entries of text.
///
/// The SDK decides the entries' names (`profile:<name>`, `device`) and what they hold. It reads and writes one entry at
/// a time, and never two activations of a process at once. Reads and writes are short and may block.
pub trait CredentialStore: Send + Sync {
    /// What errors call it: `the Keychain`.
    fn name(&self) -> String;

    /// The text of an entry, or `None` where there is none.
    ///
    /// # Errors
    /// The store cannot be read; an entry that does not exist is no error.
    fn read(&self, entry: &str) -> std::result::Result<Option<String>, StoreError>;

    /// Puts this text in place of whatever the entry held, all of it or nothing.
    ///
    /// # Errors
    /// The store cannot be written.
    fn write(&self, entry: &str, text: &str) -> std::result::Result<(), StoreError>;
}

/// A store as a setting: shown by its name alone.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Arc<dyn CredentialStore>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.0.name())
    }
}

/// The entry of the device's secret.
pub(super) const DEVICE: &str = "device";

fn entry_of(profile: &str) -> String {
    format!("profile:{profile}")
}

/// An error that does not come from the store: what an entry holds is no table of ours.
fn invalid(store: &Store, entry: &str, reason: &str) -> InfraiError {
    credentials_error(
        "CREDENTIALS_INVALID",
        format!("the entry {entry:?} of {} {reason}", store.0.name()),
        "Delete the entry; it is never overwritten while it cannot be understood.",
    )
}

impl Store {
    pub(super) fn read(&self, entry: &str) -> Result<Option<String>> {
        self.0.read(entry).map_err(|error| {
            credentials_error(
                "CREDENTIALS_UNREADABLE",
                format!("{} cannot be read: {error}", self.0.name()),
                "Allow this application to read it, or give the key itself.",
            )
            .with_boxed_source(error)
        })
    }

    pub(super) fn write(&self, entry: &str, text: &str) -> Result<()> {
        self.0.write(entry, text).map_err(|error| {
            credentials_error(
                "CREDENTIALS_UNWRITABLE",
                format!("{} cannot be written: {error}", self.0.name()),
                "Allow this application to write it, or do not write credentials (write_credentials false).",
            )
            .with_boxed_source(error)
        })
    }

    fn table(&self, entry: &str) -> Result<Option<Map<String, Value>>> {
        let Some(text) = self.read(entry)? else { return Ok(None) };
        // The parser's own error may quote the key.
        match serde_json::from_str(&text) {
            Ok(Value::Object(table)) => Ok(Some(table)),
            _ => Err(invalid(self, entry, "is no JSON object")),
        }
    }

    pub(super) fn profile(&self, name: &str) -> Result<Option<Profile>> {
        let entry = entry_of(name);
        let Some(table) = self.table(&entry)? else { return Ok(None) };
        let text = |field: &str| match table.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(invalid(self, &entry, &format!("has a {field} that is no string"))),
        };
        let api_key = text("api_key")?
            .map(|key| {
                ApiKey::new(key)
                    .map_err(|error| invalid(self, &entry, &format!("cannot be used: {}", error.message())))
            })
            .transpose()?;
        Ok(Some(Profile {
            api_key,
            account_id: text("account_id")?,
            project_id: text("project_id")?,
            base_url: text("base_url")?,
        }))
    }

    pub(super) fn holds(&self, profile: &str) -> Result<bool> {
        Ok(self.read(&entry_of(profile))?.is_some())
    }

    /// Puts a profile's fields into its entry, keeping what else is in it; `keep_old_as` first copies the entry.
    pub(super) fn save(&self, name: &str, profile: &Profile, keep_old_as: Option<&str>) -> Result<()> {
        let entry = entry_of(name);
        let mut table = self.table(&entry)?.unwrap_or_default();
        if let Some(other) = keep_old_as {
            self.write(&entry_of(other), &Value::Object(table.clone()).to_string())?;
        }
        for (field, text) in [
            ("api_key", profile.api_key.as_ref().map(ApiKey::expose)),
            ("account_id", profile.account_id.as_deref()),
            ("project_id", profile.project_id.as_deref()),
            ("base_url", profile.base_url.as_deref()),
        ] {
            match text {
                Some(text) => table.insert(field.into(), text.into()),
                None => table.remove(field),
            };
        }
        self.write(&entry, &Value::Object(table).to_string())
    }
}
