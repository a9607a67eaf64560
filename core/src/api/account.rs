//! Account: balance, top-ups and the wait for credit.

use std::{future::IntoFuture, time::Duration};

use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    api::{
        arguments::{http_url, positive},
        client::ApiClient,
        result::with_metadata,
    },
    error::{ErrorKind, InfraiError, Result},
    http::{call::RequestSpec, client::HttpClient},
    metadata::Metadata,
    options::{CreditOptions, TopupOptions},
    runtime::{self, BoxFuture, Instant, deadline},
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
    /// State of the payment when the API answered, in its spelling. The sandbox has `pending` until a person has paid,
    /// and `succeeded` from then on.
    pub state: Option<String>,
    /// URL of the page on which a person completes this payment. The
    /// [`checkout_url`](crate::InfraiError::checkout_url) of a 402 is the account's page instead, for any amount.
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
        balance(&self.client.http).await
    }

    /// Starts a payment: a person pays at the result's [`next_action_url`](TopupRecord::next_action_url), and nothing is
    /// added before. `POST /v1/account/topup`.
    ///
    /// `amount_usd` is the amount in US dollars, more than 0. The API may set bounds; the sandbox takes 1 to 10,000. The
    /// API documents no route for the state of a top-up: [`wait_for_credit`](Self::wait_for_credit) waits for its credit.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// use infrai::{ErrorKind, GenerateRequest};
    ///
    /// let request = GenerateRequest::new("a red kite").idempotency_key("order-1");
    /// let job = match client.video().generate_from(request.clone()).await {
    ///     Err(error) if error.kind() == ErrorKind::PaymentRequired => {
    ///         let before = client.account().balance().await?.balance_usd;
    ///         let topup = client.account().topup(20.0).await?;
    ///         println!("pay at {}", topup.next_action_url.unwrap_or_default());
    ///         client.account().wait_for_credit(before + 20.0).await?;
    ///         client.video().generate_from(request).await?
    ///     }
    ///     submitted => submitted?,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    pub fn topup(&self, amount_usd: f64) -> Topup {
        Topup { client: self.client.clone(), amount_usd, options: TopupOptions::default() }
    }

    /// Waits until the balance is at least `min_usd`, such as after a [`topup`](Self::topup), and returns it. Default
    /// timeout: 30 minutes.
    ///
    /// The client polls `GET /v1/account/balance`, at first after 1 second and later every 15 seconds. `min_usd` is in US
    /// dollars, more than 0: the balance that the next call needs, or the balance before the top-up and its amount.
    pub fn wait_for_credit(&self, min_usd: f64) -> WaitForCredit {
        WaitForCredit { client: self.client.clone(), min_usd, options: CreditOptions::default() }
    }
}

async fn balance(http: &HttpClient) -> Result<Balance> {
    let route = "/v1/account/balance";
    let spec = RequestSpec { path: route.into(), route, ..RequestSpec::default() };
    http.call(spec).await?.typed(|data, metadata, redactor| {
        let raw = read::object("balance", data, redactor)?;
        let fields = FieldReader { resource: "balance", map: &raw, redactor };
        let balance_usd = fields.number("balance_usd")?.ok_or_else(|| fields.missing("balance_usd"))?;
        let currency = fields.text("currency")?;
        Ok(Balance { balance_usd, currency, metadata, raw })
    })
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

/// Pause after the first poll of the balance. Each further one is longer by half, up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// US dollars that a sum of amounts may differ by, because 0.1 and 0.2 are more than 0.3.
const ROUNDING: f64 = 1e-6;

/// Wait for credit; see [`Account::wait_for_credit`]. [`send`](Self::send) or `.await` starts it. Dropping its future stops
/// the polls.
#[derive(Debug)]
#[must_use = "nothing is waited for until it is awaited"]
pub struct WaitForCredit {
    client: ApiClient,
    min_usd: f64,
    options: CreditOptions,
}

impl WaitForCredit {
    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: CreditOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the timeout of the wait. Default: 30 minutes. The wait polls once more before it times out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Removes the timeout: the wait has no limit.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// Waits until the balance is high enough and returns it. Polls that fail are retried until the wait times out, unless
    /// a retry cannot help.
    ///
    /// # Errors
    /// - `INVALID_ARGUMENT` if the amount is not a positive number.
    /// - `WAIT_TIMEOUT` if the balance is still too low. A payment that was started may still arrive.
    /// - Those of [`balance`](Account::balance) that a retry cannot help.
    pub async fn send(self) -> Result<Balance> {
        let Self { client, min_usd, options: CreditOptions { timeout } } = self;
        positive("min_usd", min_usd, "a positive number of US dollars")?;
        let end = timeout.map(|timeout| deadline(Instant::now(), timeout));
        let mut pause = FIRST_PAUSE;
        loop {
            let polled = balance(&client.http).await;
            match &polled {
                Ok(balance) if balance.balance_usd + ROUNDING >= min_usd => return polled,
                Err(error) if !error.is_retryable() => return polled,
                _ => {}
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(too_little_credit(min_usd, timeout.unwrap_or_default(), polled));
            }
            runtime::sleep(left.unwrap_or(pause).min(pause)).await;
            pause = pause.mul_f64(1.5).min(MAX_PAUSE);
        }
    }
}

fn too_little_credit(min_usd: f64, timeout: Duration, polled: Result<Balance>) -> InfraiError {
    let last = match polled {
        Ok(balance) => format!("the balance is {} US dollars", balance.balance_usd),
        Err(error) => format!("the last poll failed: {error}"),
    };
    let message = format!("the account had not {min_usd} US dollars after {timeout:?}; {last}");
    InfraiError::new(ErrorKind::WaitTimeout, "WAIT_TIMEOUT", message).with_hint(
        "Pay at the top-up's next_action_url, then wait again. A payment may take a while to arrive.",
    )
}

impl IntoFuture for WaitForCredit {
    type Output = Result<Balance>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
