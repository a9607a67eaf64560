//! `generate`: submission of one job.

use std::future::IntoFuture;

use http::Method;
use serde_json::{Map, Value};

use crate::{
    api::{
        arguments::{http_url, positive},
        client::ApiClient,
        video::calls::check_prompt,
    },
    error::Result,
    http::call::RequestSpec,
    job::VideoJob,
    options::GenerateRequest,
    runtime::BoxFuture,
};

impl GenerateRequest {
    /// Returns the class of jobs whose durations predict this one's.
    fn class(&self) -> String {
        let text = |option: &Option<String>| option.clone().unwrap_or_default();
        let (resolution, model, vendor, prefer) =
            (text(&self.resolution), text(&self.model), text(&self.vendor), text(&self.prefer));
        let seconds = self.duration_seconds.unwrap_or_default().round();
        format!("{resolution}|{seconds}|{model}|{vendor}|{prefer}")
    }

    /// Checks what the SDK can refuse before sending.
    pub(super) fn check(&self) -> Result<()> {
        check_prompt(&self.prompt)?;
        if let Some(url) = &self.reference_image_url {
            http_url("reference_image_url", url)?;
        }
        if let Some(seconds) = self.duration_seconds {
            positive("duration_seconds", seconds, "a positive number of seconds")?;
        }
        Ok(())
    }

    /// Returns the body of the request. The idempotency key is a header.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.into(), value);
            }
        };
        let text = |option: &Option<String>| option.clone().map(Value::from);
        set("prompt", Some(self.prompt.clone().into()));
        set("reference_image_url", text(&self.reference_image_url));
        set("duration_seconds", self.duration_seconds.map(Value::from));
        set("aspect", text(&self.aspect));
        set("resolution", text(&self.resolution));
        set("prefer", text(&self.prefer));
        set("model", text(&self.model));
        set("vendor", text(&self.vendor));
        Value::Object(body)
    }
}

/// Request of a job; see [`Video::generate`](super::Video::generate). [`send`](Self::send) or `.await` sends it.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Generate {
    pub(super) client: ApiClient,
    pub(super) request: GenerateRequest,
}

macro_rules! forwarded {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        #[doc = concat!("Sets the option of [`GenerateRequest::", stringify!($name), "`].")]
        pub fn $name(mut self, value: $type) -> Self {
            self.request = self.request.$name(value);
            self
        }
    )*};
}

impl Generate {
    forwarded! {
        reference_image_url: impl Into<String>,
        aspect: impl Into<String>,
        resolution: impl Into<String>,
        prefer: impl Into<String>,
        model: impl Into<String>,
        vendor: impl Into<String>,
        idempotency_key: impl Into<String>,
        duration_seconds: f64,
    }

    /// Sends the request and returns the job as the API accepted it.
    ///
    /// # Errors
    /// - `INVALID_ARGUMENT`, before any request: the prompt is empty, the duration is not a positive number, the URL of
    ///   the reference image is not http(s), or the idempotency key is not 1 to 255 visible ASCII characters.
    /// - An error of the kind [`PaymentRequired`](crate::ErrorKind::PaymentRequired) if the credit does not suffice.
    ///   Its [`checkout_url`](crate::InfraiError::checkout_url) is the page that adds credit.
    /// - Those of [every call](crate::InfraiClient#errors-of-every-call). If the outcome is ambiguous
    ///   ([`may_have_been_processed`](crate::InfraiError::may_have_been_processed)), call again with the error's
    ///   [`idempotency_key`](crate::InfraiError::idempotency_key): within its window (24 hours by
    ///   default), the API returns the same job and charges it once.
    pub async fn send(self) -> Result<VideoJob> {
        let Self { client, request } = self;
        request.check()?;
        let route = "/v1/video/generate";
        let spec = RequestSpec {
            method: Method::POST,
            path: route.into(),
            route,
            body: Some(request.to_json()),
            idempotency_key: request.idempotency_key.clone(),
            ..RequestSpec::default()
        };
        let submitted = client.poller.now();
        let mut job = VideoJob::from_response(client.http.call(spec).await?)?;
        client.costs.submitted(&mut job);
        if !job.is_terminal() {
            client.poller.record_submission(job.job_id.clone(), submitted, request.class());
        }
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
