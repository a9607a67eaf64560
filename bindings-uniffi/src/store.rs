//! A place for credentials that the application gives in the file's place: Apple's Keychain, Android's encrypted storage.

use std::{error::Error as StdError, fmt, sync::Arc};

use infrai::{CredentialStore, StoreError};

/// Named entries of text; see `infrai::CredentialStore`. Reads and writes are short and may block.
#[uniffi::export(foreign)]
pub trait NativeStore: Send + Sync {
    /// What errors call it: `the Keychain`.
    fn name(&self) -> String;
    /// The text of an entry, or none where there is none.
    fn read(&self, entry: String) -> Result<Option<String>, NativeStoreFailure>;
    /// Puts this text in place of whatever the entry held.
    fn write(&self, entry: String, text: String) -> Result<(), NativeStoreFailure>;
}

/// What a store fails with.
#[derive(Debug, Clone, uniffi::Error)]
pub enum NativeStoreFailure {
    /// It could not do what was asked.
    Failed {
        /// Why, in words, without secrets.
        reason: String,
    },
}

impl fmt::Display for NativeStoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Failed { reason } = self;
        f.write_str(reason)
    }
}

impl StdError for NativeStoreFailure {}

impl From<uniffi::UnexpectedUniFFICallbackError> for NativeStoreFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// The core's form of such a store.
pub(crate) struct Foreign(pub(crate) Arc<dyn NativeStore>);

impl CredentialStore for Foreign {
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
