//! `account_balance`, `top_up` and `video_options`.

use infrai::Result;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::app::App;
use crate::commands::video;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(super) struct NoArguments {}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(super) struct TopUpArguments {
    /// Amount in US dollars, more than 0
    #[schemars(extend("exclusiveMinimum" = 0))]
    amount_usd: f64,
    /// http(s) URL that the payment page leads back to
    #[serde(default)]
    return_url: Option<String>,
    /// Idempotency key: the same key and amount give one top-up. Default: a new one
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// Balance of the account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct BalanceResult {
    /// Balance in US dollars
    balance_usd: f64,
    /// Currency of the account
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// What this server has spent since its start, in US dollars
    spent_usd: f64,
    /// What this server may spend, in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost_usd: Option<f64>,
}

/// A top-up that a person still has to pay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct TopUpResult {
    /// Id of the top-up
    topup_id: String,
    /// Amount in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_usd: Option<f64>,
    /// State of the payment
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Page at which the user pays
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_url: Option<String>,
    /// The next step
    next: String,
}

/// Values that `generate_video` takes, with prices where the API declares them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct OptionsResult {
    /// Values by option: resolutions, aspects, preferences, models, vendors, `duration_seconds`, billing
    options: serde_json::Map<String, Value>,
    /// What this server has spent since its start, in US dollars
    spent_usd: f64,
    /// What this server may spend, in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost_usd: Option<f64>,
    /// Price above which a video needs `confirmed_cost_usd`, in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_above_usd: Option<f64>,
}

pub(super) async fn balance(app: &App) -> Result<BalanceResult> {
    let balance = app.client.account().balance().await?;
    Ok(BalanceResult {
        balance_usd: balance.balance_usd,
        currency: balance.currency,
        spent_usd: app.budget.spent(),
        max_cost_usd: app.budget.max_cost_usd,
    })
}

pub(super) async fn top_up(app: &App, arguments: TopUpArguments) -> Result<TopUpResult> {
    let mut topup = app.client.account().topup(arguments.amount_usd);
    if let Some(url) = arguments.return_url {
        topup = topup.return_url(url);
    }
    if let Some(key) = arguments.idempotency_key {
        topup = topup.idempotency_key(key);
    }
    let record = topup.await?;
    Ok(TopUpResult {
        topup_id: record.topup_id,
        amount_usd: record.amount_usd,
        state: record.state,
        payment_url: record.next_action_url,
        next: "Nothing is paid yet. Give the user payment_url; account_balance shows the payment.".into(),
    })
}

pub(super) async fn options(app: &App) -> Result<OptionsResult> {
    Ok(OptionsResult {
        options: video::options(&app.client).await?,
        spent_usd: app.budget.spent(),
        max_cost_usd: app.budget.max_cost_usd,
        confirm_above_usd: app.budget.confirm_above_usd,
    })
}
