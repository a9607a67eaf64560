//! Account: balance and top-ups.

use std::future::IntoFuture;

use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    api::{
        arguments::{http_url, positive},
        client::ApiClient,
        result::with_metadata,
    },
    error::Result,
    http::call::RequestSpec,
    metadata::Metadata,
    options::TopupOptions,
    runtime::BoxFuture,
    wire::read::{self, FieldReader},
};

/// Methods of the account; see [`InfraiClient::account`](crate::InfraiClient::account).
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    pub(crate) client: &'a ApiClient,
}

/// Balance of the account.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct Balance {
    /// Balance in US dollars.
    pub balance_usd: f64,
    /// Currency of the account, usually `USD`.
    pub currency: Option<String>,
    /// Metadata of the response.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

/// A top-up as the API recorded it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct TopupRecord {
    /// Id of the top-up.
    pub topup_id: String,
    /// Amount in US dollars.
    pub amount_usd: Option<f64>,
    /// State of the payment, in the API's spelling.
    pub state: Option<String>,
    /// URL of the page that completes the payment.
    pub next_action_url: Option<String>,
    /// Metadata of the response.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Balance {
    /// Returns all fields that the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl TopupRecord {
    /// Returns all fields that the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

impl Account<'_> {
    /// Returns the balance: `GET /v1/account/balance`.
    ///
    /// # Errors
    /// Those of [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn balance(&self) -> Result<Balance> {
        let route = "/v1/account/balance";
        let spec = RequestSpec { path: route.into(), route, ..RequestSpec::default() };
        self.client.http.call(spec).await?.typed(|data, metadata, redactor| {
            let raw = read::object("balance", data, redactor)?;
            let fields = FieldReader { resource: "balance", map: &raw, redactor };
            let balance_usd = fields.number("balance_usd")?.ok_or_else(|| fields.missing("balance_usd"))?;
            let currency = fields.text("currency")?;
            Ok(Balance { balance_usd, currency, metadata, raw })
        })
    }

    /// Starts a payment that adds credit to the account: `POST /v1/account/topup`. The caller completes the payment at
    /// the result's [`next_action_url`](TopupRecord::next_action_url).
    ///
    /// `amount_usd` is the amount in US dollars, more than 0.
    pub fn topup(&self, amount_usd: f64) -> Topup {
        Topup { client: self.client.clone(), amount_usd, options: TopupOptions::default() }
    }
}

/// Request of a top-up; see [`Account::topup`]. [`send`](Self::send) or `.await` sends it.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Topup {
    client: ApiClient,
    amount_usd: f64,
    options: TopupOptions,
}

impl Topup {
    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: TopupOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the http(s) URL that the payment page leads back to. Default: none.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.options.return_url = Some(url.into());
        self
    }

    /// Sets the idempotency key: 1 to 255 visible ASCII characters. Default: a new one per call.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Sends the request and returns the top-up.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the amount is not a positive number or the URL is not http(s), and those of
    /// [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn send(self) -> Result<TopupRecord> {
        let amount = positive("amount_usd", self.amount_usd, "a positive number of US dollars")?;
        let mut body = json!({ "amount_usd": amount });
        if let Some(url) = &self.options.return_url {
            body["return_url"] = http_url("return_url", url)?.into();
        }
        let route = "/v1/account/topup";
        let spec = RequestSpec {
            method: Method::POST,
            path: route.into(),
            route,
            body: Some(body),
            idempotency_key: self.options.idempotency_key,
            ..RequestSpec::default()
        };
        self.client.http.call(spec).await?.typed(|data, metadata, redactor| {
            let raw = read::object("top-up", data, redactor)?;
            let fields = FieldReader { resource: "top-up", map: &raw, redactor };
            Ok(TopupRecord {
                topup_id: fields.id("topup_id")?.ok_or_else(|| fields.missing("topup_id"))?.into_owned(),
                amount_usd: fields.number("amount_usd")?,
                state: fields.text("state")?,
                next_action_url: fields.text("next_action_url")?,
                metadata,
                raw,
            })
        })
    }
}

impl IntoFuture for Topup {
    type Output = Result<TopupRecord>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
