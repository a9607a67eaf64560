//! The account: what is left on it, and how to add to it.

use std::future::IntoFuture;

use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::{InfraiClient, call::CallSpec, transport::BoxFuture},
    error::{InfraiError, Result},
    metadata::Metadata,
    wire::read::{self, Fields},
};

/// The account's calls; see [`InfraiClient::account`].
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    pub(crate) client: &'a InfraiClient,
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

/// The fields of a result as JSON, its metadata as `_metadata`.
pub(crate) fn with_metadata(raw: &Map<String, Value>, metadata: &Metadata) -> Value {
    let mut map = raw.clone();
    map.retain(|_, value| !value.is_null());
    if !metadata.is_empty() {
        map.insert("_metadata".into(), Value::Object(metadata.as_map().clone()));
    }
    Value::Object(map)
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
        let spec = CallSpec { path: route.into(), route, ..CallSpec::default() };
        self.client.call(spec).await?.typed(|data, metadata, redactor| {
            let raw = read::object("balance", data, redactor)?;
            let fields = Fields { what: "balance", map: &raw, redactor };
            let balance_usd = fields.number("balance_usd")?.ok_or_else(|| fields.missing("balance_usd"))?;
            let currency = fields.text("currency")?;
            Ok(Balance { balance_usd, currency, metadata, raw })
        })
    }

    /// Adds to the account: `POST /v1/account/topup`. The record's `next_action_url` is where to pay.
    pub fn topup(&self, amount_usd: f64) -> Topup {
        Topup { client: self.client.clone(), amount_usd, return_url: None, idempotency_key: None }
    }
}

/// A top-up to be asked for. Send it with [`send`](Self::send) or by `.await`.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Topup {
    client: InfraiClient,
    amount_usd: f64,
    return_url: Option<String>,
    idempotency_key: Option<String>,
}

impl Topup {
    /// Where the payment page leads back to.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.return_url = Some(url.into());
        self
    }

    /// The idempotency key: 1 to 255 visible ASCII characters. Default: a fresh one.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an amount that is no positive number or a URL that is not http(s); else as every call.
    pub async fn send(self) -> Result<TopupRecord> {
        let amount = positive("amount_usd", self.amount_usd, "a positive number of US dollars")?;
        let mut body = json!({ "amount_usd": amount });
        if let Some(url) = &self.return_url {
            body["return_url"] = http_url("return_url", url)?.into();
        }
        let route = "/v1/account/topup";
        let spec = CallSpec {
            method: Method::POST,
            path: route.into(),
            route,
            body: Some(body),
            idempotency_key: self.idempotency_key,
            ..CallSpec::default()
        };
        self.client.call(spec).await?.typed(|data, metadata, redactor| {
            let raw = read::object("top-up", data, redactor)?;
            let fields = Fields { what: "top-up", map: &raw, redactor };
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

/// A number that has to be more than nothing.
pub(crate) fn positive(field: &str, number: f64, expected: &str) -> Result<f64> {
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err(InfraiError::invalid_argument(field, number, expected))
    }
}

/// A URL that the API is to use.
pub(crate) fn http_url<'u>(field: &str, text: &'u str) -> Result<&'u str> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text),
        _ => Err(InfraiError::invalid_argument(field, format!("{text:?}"), "an http(s) URL")),
    }
}
