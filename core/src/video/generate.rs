//! `generate`: the options of a video, checked before anything is sent.

use std::future::IntoFuture;

use http::Method;
use serde_json::{Map, Value};

use super::{VideoJob, check_prompt};
use crate::{
    account::{http_url, positive},
    client::{InfraiClient, call::CallSpec, transport::BoxFuture},
    error::Result,
};

/// What to generate. Every value but the prompt's, the duration's and the URL's form goes to the API as it is: what a
/// vendor can do is for the API to say.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct GenerateRequest {
    prompt: String,
    reference_image_url: Option<String>,
    duration_seconds: Option<f64>,
    aspect: Option<String>,
    resolution: Option<String>,
    prefer: Option<String>,
    model: Option<String>,
    vendor: Option<String>,
    idempotency_key: Option<String>,
}

macro_rules! options {
    ($(#[$doc:meta])* $name:ident; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(mut self, value: impl Into<String>) -> Self {
            self.$name = Some(value.into());
            self
        }
        options!($($rest)*);
    };
    () => {};
}

impl GenerateRequest {
    /// A video of this prompt: 720p, balanced, all else left to the API.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            reference_image_url: None,
            duration_seconds: None,
            aspect: None,
            resolution: Some("720p".into()),
            prefer: Some("balanced".into()),
            model: None,
            vendor: None,
            idempotency_key: None,
        }
    }

    options! {
        /// An image to go by: an http(s) URL.
        reference_image_url;
        /// `16:9`, `9:16` or `1:1`.
        aspect;
        /// `720p` (default), `1080p` or `4k`; which of them a vendor can do is for the API to say.
        resolution;
        /// `balanced` (default), `cheapest` or `smartest`.
        prefer;
        /// A model by name.
        model;
        /// A vendor by name.
        vendor;
        /// 1 to 255 visible ASCII characters: the same key with the same options gives the same job, charged once.
        /// Default: a fresh one for each call.
        idempotency_key;
    }

    /// How long the video should be, in seconds.
    pub fn duration_seconds(mut self, seconds: f64) -> Self {
        self.duration_seconds = Some(seconds);
        self
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// What earlier jobs must have in common with this one for their lengths to say something about its own.
    pub(crate) fn shape(&self) -> String {
        let text = |option: &Option<String>| option.clone().unwrap_or_default();
        let (resolution, model, vendor, prefer) =
            (text(&self.resolution), text(&self.model), text(&self.vendor), text(&self.prefer));
        let seconds = self.duration_seconds.unwrap_or_default().round();
        format!("{resolution}|{seconds}|{model}|{vendor}|{prefer}")
    }

    fn body(&self) -> Result<Value> {
        check_prompt(&self.prompt)?;
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.into(), value);
            }
        };
        let text = |option: &Option<String>| option.clone().map(Value::from);
        set("prompt", Some(self.prompt.clone().into()));
        if let Some(url) = &self.reference_image_url {
            set("reference_image_url", Some(http_url("reference_image_url", url)?.into()));
        }
        if let Some(seconds) = self.duration_seconds {
            set(
                "duration_seconds",
                Some(positive("duration_seconds", seconds, "a positive number of seconds")?.into()),
            );
        }
        set("aspect", text(&self.aspect));
        set("resolution", text(&self.resolution));
        set("prefer", text(&self.prefer));
        set("model", text(&self.model));
        set("vendor", text(&self.vendor));
        Ok(Value::Object(body))
    }
}

macro_rules! request_from {
    ($($text:ty),*) => {$(
        impl From<$text> for GenerateRequest {
            fn from(prompt: $text) -> Self {
                Self::new(prompt)
            }
        }
    )*};
}
request_from!(&str, String, &String);

/// A job to be started. Send it with [`send`](Self::send) or by `.await`.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Generate {
    pub(super) client: InfraiClient,
    pub(super) request: GenerateRequest,
}

macro_rules! forwarded {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: $type) -> Self {
            self.request = self.request.$name(value);
            self
        }
    )*};
}

impl Generate {
    forwarded! {
        /// An image to go by: an http(s) URL.
        reference_image_url: impl Into<String>,
        /// `16:9`, `9:16` or `1:1`.
        aspect: impl Into<String>,
        /// `720p` (default), `1080p` or `4k`; which of them a vendor can do is for the API to say.
        resolution: impl Into<String>,
        /// `balanced` (default), `cheapest` or `smartest`.
        prefer: impl Into<String>,
        /// A model by name.
        model: impl Into<String>,
        /// A vendor by name.
        vendor: impl Into<String>,
        /// 1 to 255 visible ASCII characters: the same key with the same options gives the same job, charged once.
        /// Default: a fresh one for each call.
        idempotency_key: impl Into<String>,
        /// How long the video should be, in seconds.
        duration_seconds: f64,
    }

    /// Sends it and returns the job as the API accepted it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` before anything is sent: an empty prompt, a duration that is no positive number, a URL that
    /// is not http(s), an idempotency key that no header can carry. Payment required, with
    /// [`checkout_url`](crate::InfraiError::checkout_url), when the credit does not suffice. Else as every call; when
    /// [`may_have_been_processed`](crate::InfraiError::may_have_been_processed), call again with
    /// [`idempotency_key`](crate::InfraiError::idempotency_key): it gives the same job and is charged once.
    pub async fn send(self) -> Result<VideoJob> {
        let Self { client, request } = self;
        let route = "/v1/video/generate";
        let spec = CallSpec {
            method: Method::POST,
            path: route.into(),
            route,
            body: Some(request.body()?),
            idempotency_key: request.idempotency_key.clone(),
            ..CallSpec::default()
        };
        let submitted = client.inner.hub.now();
        let job = VideoJob::answered(client.call(spec).await?)?;
        client.inner.hub.submitted(&job, submitted, request.shape());
        Ok(job)
    }
}

impl IntoFuture for Generate {
    type Output = Result<VideoJob>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
