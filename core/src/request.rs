//! `request`: any other route of the API over the same call path.

use std::future::IntoFuture;

use http::Method;
use serde_json::Value;

use crate::{
    client::{InfraiClient, call::CallSpec, transport::BoxFuture},
    error::{InfraiError, Result},
    metadata::Metadata,
    wire::path,
};

/// A call of one's own making; see [`InfraiClient::request`]. Send it with [`send`](Self::send) or by `.await`.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ApiRequest {
    client: InfraiClient,
    method: String,
    path: String,
    spec: CallSpec,
}

/// What an API call answered.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ApiResponse {
    /// The HTTP status.
    pub status: u16,
    /// The envelope's data, or the whole body where there was no envelope.
    pub data: Value,
    /// The envelope's metadata.
    pub metadata: Metadata,
}

impl ApiRequest {
    pub(crate) fn new(client: &InfraiClient, method: &str, path: String) -> Self {
        Self {
            client: client.clone(),
            method: method.to_owned(),
            path,
            spec: CallSpec { route: "(request)", ..CallSpec::default() },
        }
    }

    /// Adds query parameters; names and values are encoded.
    pub fn query<N: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.spec.query.extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The body, sent as canonical JSON.
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.spec.body = Some(body.into());
        self
    }

    /// The idempotency key: 1 to 255 visible ASCII characters. Default: a fresh one for every call that is not `GET` or `HEAD`.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.spec.idempotency_key = Some(key.into());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a method or path that cannot be sent; else as every call.
    pub async fn send(self) -> Result<ApiResponse> {
        let Self { client, method, path, mut spec } = self;
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
        let reply = client.call(spec).await?;
        Ok(ApiResponse { status: reply.status, data: reply.data, metadata: reply.metadata })
    }
}

impl IntoFuture for ApiRequest {
    type Output = Result<ApiResponse>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
