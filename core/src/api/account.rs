//! The account: what is left on it, and how to add to it.

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

/// The account's calls; see [`InfraiClient::account`](crate::InfraiClient::account).
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    pub(crate) client: &'a ApiClient,
}

/// What is left on the account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Balance {
    /// In US dollars.
    pub balance_usd: f64,
    /// The currency the account is kept in, usually `USD`.
    pub currency: Option<String>,
    /// What the response said about itself.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

/// A top-up as the API recorded it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TopupRecord {
    /// The top-up's id.
    pub topup_id: String,
    /// How much, in US dollars.
    pub amount_usd: Option<f64>,
    /// Where it stands, as the API wrote it.
    pub state: Option<String>,
    /// Where to go to complete the payment.
    pub next_action_url: Option<String>,
    /// What the response said about itself.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

impl Balance {
    /// Everything the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

impl TopupRecord {
    /// Everything the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

impl Account<'_> {
    /// What is left on the account: `GET /v1/account/balance`.
    ///
    /// # Errors
    /// As every call.
    pub async fn balance(&self) -> Result<Balance> {
        let route = "/v1/account/balance";
        let spec = RequestSpec { path: route.into(), route, ..RequestSpec::default() };
        self.client.http.call(spec).await?.typed(|data, metadata, redactor| {
            let raw = read::object("balance", data, redactor)?;
            let fields = FieldReader { what: "balance", map: &raw, redactor };
            let balance_usd = fields.number("balance_usd")?.ok_or_else(|| fields.missing("balance_usd"))?;
            let currency = fields.text("currency")?;
            Ok(Balance { balance_usd, currency, metadata, raw })
        })
    }

    /// Adds to the account: `POST /v1/account/topup`. The record's `next_action_url` is where to pay.
    pub fn topup(&self, amount_usd: f64) -> Topup {
        Topup { client: self.client.clone(), amount_usd, options: TopupOptions::default() }
    }
}

/// A top-up to be asked for. Send it with [`send`](Self::send) or by `.await`.
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

    /// Where the payment page leads back to.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.options.return_url = Some(url.into());
        self
    }

    /// The idempotency key: 1 to 255 visible ASCII characters. Default: a fresh one.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an amount that is no positive number or a URL that is not http(s); else as every call.
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
            let fields = FieldReader { what: "top-up", map: &raw, redactor };
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
