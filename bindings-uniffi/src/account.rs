//! What the account's calls, `activate` and `request` take and give.

use infrai::{ActivateResult, ApiResponse, Balance, InfraiClient, TopupRecord};

use crate::job::NativeMetadata;

/// What is left on the account.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeBalance {
    /// In US dollars.
    pub balance_usd: f64,
    /// The currency the account is kept in.
    pub currency: Option<String>,
    /// What the response said about itself.
    pub metadata: NativeMetadata,
    /// Everything, as JSON text.
    pub json: String,
}

/// A top-up as the API recorded it.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeTopup {
    /// The top-up's id.
    pub topup_id: String,
    /// How much, in US dollars.
    pub amount_usd: Option<f64>,
    /// Where it stands, as the API wrote it.
    pub state: Option<String>,
    /// Where to go to complete the payment.
    pub next_action_url: Option<String>,
    /// What the response said about itself.
    pub metadata: NativeMetadata,
    /// Everything, as JSON text.
    pub json: String,
}

/// How to activate; what is none is the core's default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeActivateOptions {
    /// `auto`, `western` or `china`.
    #[uniffi(default = None)]
    pub region: Option<String>,
    /// What kind of device this is.
    #[uniffi(default = None)]
    pub device_kind: Option<String>,
    /// Whether to store the key.
    #[uniffi(default = None)]
    pub write_credentials: Option<bool>,
    /// Whether to ask for a key even where the profile has one.
    #[uniffi(default = None)]
    pub force: Option<bool>,
    /// The profile to store it as.
    #[uniffi(default = None)]
    pub profile: Option<String>,
}

/// An account, and the key for it.
#[derive(Clone, PartialEq, uniffi::Record)]
pub struct NativeActivation {
    /// The account.
    pub account_id: Option<String>,
    /// Its project.
    pub project_id: Option<String>,
    /// The project's key. Not to be shown.
    pub primary_api_key: String,
    /// The key's form that may be shown.
    pub key_hint: String,
    /// What the trial credit is, in US dollars; not known when nothing was sent.
    pub trial_credit_usd: Option<f64>,
    /// Where to add credit; not known when nothing was sent.
    pub checkout_url: Option<String>,
    /// Whether the profile already had a key, so that nothing was sent.
    pub reused: bool,
    /// The profile's name.
    pub profile: String,
    /// The file that holds the key, if one does.
    pub credentials_file: Option<String>,
    /// What the response said about itself.
    pub metadata: NativeMetadata,
    /// Everything, the key included, as JSON text. Not to be shown.
    pub json: String,
}

impl std::fmt::Debug for NativeActivation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeActivation").field("key_hint", &self.key_hint).finish_non_exhaustive()
    }
}

/// What an API call answered.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeResponse {
    /// The HTTP status.
    pub status: i32,
    /// The envelope's data, or the whole body where there was no envelope, as JSON text.
    pub data_json: String,
    /// The envelope's metadata.
    pub metadata: NativeMetadata,
}

impl From<Balance> for NativeBalance {
    fn from(balance: Balance) -> Self {
        let json = balance.to_json().to_string();
        let metadata = (&balance.metadata).into();
        Self { balance_usd: balance.balance_usd, currency: balance.currency, metadata, json }
    }
}

impl From<TopupRecord> for NativeTopup {
    fn from(record: TopupRecord) -> Self {
        let json = record.to_json().to_string();
        Self {
            metadata: (&record.metadata).into(),
            topup_id: record.topup_id,
            amount_usd: record.amount_usd,
            state: record.state,
            next_action_url: record.next_action_url,
            json,
        }
    }
}

impl From<ActivateResult> for NativeActivation {
    fn from(result: ActivateResult) -> Self {
        let json = result.to_json().to_string();
        Self {
            metadata: (&result.metadata).into(),
            primary_api_key: result.primary_api_key.expose().to_owned(),
            key_hint: result.primary_api_key.redacted(),
            credentials_file: result.credentials_file.as_deref().map(|file| file.display().to_string()),
            account_id: result.account_id,
            project_id: result.project_id,
            trial_credit_usd: result.trial_credit_usd,
            checkout_url: result.checkout_url,
            reused: result.reused,
            profile: result.profile,
            json,
        }
    }
}

impl From<ApiResponse> for NativeResponse {
    fn from(response: ApiResponse) -> Self {
        Self {
            status: response.status.into(),
            data_json: response.data.to_string(),
            metadata: (&response.metadata).into(),
        }
    }
}

/// An activation with these options.
pub(crate) fn activation(client: &InfraiClient, options: NativeActivateOptions) -> infrai::Activate {
    let mut activate = client.activate();
    if let Some(region) = options.region {
        activate = activate.region(region);
    }
    if let Some(kind) = options.device_kind {
        activate = activate.device_kind(kind);
    }
    if let Some(write) = options.write_credentials {
        activate = activate.write_credentials(write);
    }
    if let Some(force) = options.force {
        activate = activate.force(force);
    }
    if let Some(profile) = options.profile {
        activate = activate.profile(profile);
    }
    activate
}
