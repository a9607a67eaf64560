//! Credential stores of the application, such as Apple's Keychain or Android's encrypted storage.

use std::{error::Error as StdError, fmt, sync::Arc};

use infrai::StoreError;

/// Store of named text entries; see `infrai::CredentialStore`. Reads and writes are short and may block.
#[uniffi::export(foreign)]
pub trait CredentialStore: Send + Sync {
    /// Returns the store's name in errors: `the Keychain`.
    fn name(&self) -> String;
    /// Returns the text of an entry.
    fn read(&self, entry: String) -> Result<Option<String>, CredentialStoreError>;
    /// Replaces the text of an entry.
    fn write(&self, entry: String, text: String) -> Result<(), CredentialStoreError>;
}

/// Error of a store.
#[derive(Debug, Clone, uniffi::Error)]
pub enum CredentialStoreError {
    /// The store could not read or write.
    Failed {
        /// Reason without secrets.
        reason: String,
    },
}

impl fmt::Display for CredentialStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Failed { reason } = self;
        f.write_str(reason)
    }
}

impl StdError for CredentialStoreError {}

impl From<uniffi::UnexpectedUniFFICallbackError> for CredentialStoreError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// A store of the application as the core's.
pub(crate) struct ForeignStore(pub(crate) Arc<dyn CredentialStore>);

impl infrai::CredentialStore for ForeignStore {
    fn name(&self) -> String {
        self.0.name()
    }

    fn read(&self, entry: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.read(entry.to_owned())?)
    }

    fn write(&self, entry: &str, text: &str) -> Result<(), StoreError> {
        Ok(self.0.write(entry.to_owned(), text.to_owned())?)
    }
}
