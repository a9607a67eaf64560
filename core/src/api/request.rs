//! `request`: calls of routes without a typed method.

use std::future::IntoFuture;

use http::Method;
use serde_json::Value;

use crate::{
    api::client::ApiClient,
    error::{InfraiError, Result},
    http::call::RequestSpec,
    metadata::Metadata,
    options::RequestOptions,
    runtime::BoxFuture,
    wire::path,
};

/// Request to any route; see [`InfraiClient::request`](crate::InfraiClient::request). [`send`](Self::send) or `.await`
/// sends it.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ApiRequest {
    client: ApiClient,
    method: String,
    path: String,
    options: RequestOptions,
}

/// Response to an [`ApiRequest`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// Data of the envelope, or the whole body if there is no envelope.
    pub data: Value,
    /// Metadata of the envelope.
    pub metadata: Metadata,
}

impl ApiRequest {
    pub(crate) fn new(client: &ApiClient, method: &str, path: String) -> Self {
        Self { client: client.clone(), method: method.to_owned(), path, options: RequestOptions::default() }
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds query parameters. Names and values are percent-encoded.
    pub fn query<N: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.options.query.extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets the body, sent as canonical JSON. Not allowed with `GET` and `HEAD`. Default: none.
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.options.body = Some(body.into());
        self
    }

    /// Sets the idempotency key: 1 to 255 visible ASCII characters. Default: a new one per call. `GET` and `HEAD` send
    /// none.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Sends the request and returns the response.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the method, the path or the body cannot be sent, and those of
    /// [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn send(self) -> Result<ApiResponse> {
        let Self { client, method, path, options } = self;
        let RequestOptions { query, body, idempotency_key } = options;
        let mut spec =
            RequestSpec { route: "(request)", query, body, idempotency_key, ..RequestSpec::default() };
        spec.method = match method.to_ascii_uppercase().as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => {
                let got = format!("{method:?}");
                return Err(InfraiError::invalid_argument(
                    "method",
                    got,
                    "GET, HEAD, POST, PUT, PATCH or DELETE",
                ));
            }
        };
        let (plain, query) = path::check(&path)?;
        spec.path = plain.to_owned();
        spec.raw_query = query.map(str::to_owned);
        if matches!(spec.method, Method::GET | Method::HEAD) {
            if spec.body.is_some() {
                return Err(InfraiError::invalid_argument(
                    "body",
                    "a body",
                    "no body with GET and HEAD; use query",
                ));
            }
            spec.idempotency_key = None;
        }
        let response = client.http.call(spec).await?;
        Ok(ApiResponse { status: response.status, data: response.data, metadata: response.metadata })
    }
}

impl IntoFuture for ApiRequest {
    type Output = Result<ApiResponse>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
