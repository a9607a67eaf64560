//! Credential store: an application's replacement for the credentials file, and the entries that the SDK keeps in it.

use std::{error::Error as StdError, fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    auth::{
        api_key::ApiKey,
        credentials::{errors::credentials_error, file::Profile},
    },
    error::{InfraiError, Result},
};

/// Error of a credential store. Its text becomes part of the error that a caller sees, so it must contain no secret.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// A store of named text entries that replaces the credentials file, such as a platform's keychain.
///
/// The SDK decides the names (`profile:<name>`, `device`) and the content of the entries. It reads or writes one entry at
/// a time, and one activation per process runs at a time. Reads and writes should be short and may block.
pub trait CredentialStore: Send + Sync {
    /// Returns the store's name in error messages, such as `the Keychain`.
    fn name(&self) -> String;

    /// Returns the text of an entry, or `None` if there is no such entry.
    ///
    /// # Errors
    /// The store cannot be read. A missing entry is not an error.
    fn read(&self, entry: &str) -> std::result::Result<Option<String>, StoreError>;

    /// Replaces the text of an entry atomically, and creates the entry if there is none.
    ///
    /// # Errors
    /// The store cannot be written.
    fn write(&self, entry: &str, text: &str) -> std::result::Result<(), StoreError>;
}

/// A store as a setting. `Debug` shows only its name.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Arc<dyn CredentialStore>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.0.name())
    }
}

/// Name of the entry for the device secret.
pub(super) const DEVICE: &str = "device";

fn entry_of(profile: &str) -> String {
    format!("profile:{profile}")
}

/// Returns the error of an entry that the SDK cannot parse.
fn invalid(store: &Store, entry: &str, reason: &str) -> InfraiError {
    credentials_error(
        "CREDENTIALS_INVALID",
        format!("the entry {entry:?} of {} {reason}", store.0.name()),
        "Delete the entry. The SDK never overwrites an entry that it cannot parse.",
    )
}

impl Store {
    pub(super) fn read(&self, entry: &str) -> Result<Option<String>> {
        self.0.read(entry).map_err(|error| {
            credentials_error(
                "CREDENTIALS_UNREADABLE",
                format!("{} cannot be read: {error}", self.0.name()),
                "Allow this application to read the store, or pass the key as `api_key`.",
            )
            .with_shared_source(error.into())
        })
    }

    pub(super) fn write(&self, entry: &str, text: &str) -> Result<()> {
        self.0.write(entry, text).map_err(|error| {
            credentials_error(
                "CREDENTIALS_UNWRITABLE",
                format!("{} cannot be written: {error}", self.0.name()),
                "Allow this application to write to the store, or set `write_credentials` to false.",
            )
            .with_shared_source(error.into())
        })
    }

    fn table(&self, entry: &str) -> Result<Option<Map<String, Value>>> {
        let Some(text) = self.read(entry)? else { return Ok(None) };
        // The parser's error may quote the key, so it is dropped.
        match serde_json::from_str(&text) {
            Ok(Value::Object(table)) => Ok(Some(table)),
            _ => Err(invalid(self, entry, "is not a JSON object")),
        }
    }

    pub(super) fn profile(&self, name: &str) -> Result<Option<Profile>> {
        let entry = entry_of(name);
        let Some(table) = self.table(&entry)? else { return Ok(None) };
        let text = |field: &str| match table.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(invalid(self, &entry, &format!("has a {field} that is not a string"))),
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

    /// Sets a profile's fields in its entry and keeps the entry's other fields. `keep_old_as` copies the entry to that
    /// name first.
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
