//! A client's calls: arguments in, a task begun, its outcome told through the outbox.

use std::{future::Future, sync::Arc};

use infrai::{CallContext, InfraiClient, InfraiError, VideoJob};
use napi::{Env, Unknown};
use napi_derive::napi;
use serde_json::json;
use tokio::sync::oneshot;

use crate::{
    guard::{Given, Refusal, guarded},
    options::{self, generate_request, generate_requests},
    outbox::{Event, Outbox, Payload, Topic},
    settings,
    stream::NativeStream,
    values::read,
};

/// A client of the core's, and where its calls tell what came of them.
#[napi]
pub struct NativeClient {
    client: InfraiClient,
    outbox: Arc<Outbox>,
    /// It has a key function or hooks.
    has_functions: bool,
}

/// A call under way: the idempotency key that it is sent with, where that is known.
#[napi(object)]
pub struct Begun {
    pub key: Option<String>,
}

pub(crate) type Told = Result<(Topic, Payload), InfraiError>;

/// A value as a call's outcome.
pub(crate) fn value(value: &serde_json::Value) -> (Topic, Payload) {
    (Topic::Value, Payload::Json(value.to_string()))
}

pub(crate) fn job_value(job: &VideoJob) -> (Topic, Payload) {
    (Topic::Value, job_json(job))
}

fn job_json(job: &VideoJob) -> Payload {
    // A job is made of JSON: no value in it cannot be written.
    Payload::Json(serde_json::to_string(job).unwrap_or_default())
}

impl NativeClient {
    pub(crate) fn new(client: InfraiClient, outbox: Arc<Outbox>, has_functions: bool) -> Self {
        Self { client, outbox, has_functions }
    }

    /// The context of the call or stream of this number, for the client's functions. Without any, none is needed.
    fn context(&self, number: u32) -> Option<CallContext> {
        self.has_functions.then(|| self.outbox.context(number))
    }

    /// The idempotency key of a call whose caller may abort it: the caller's own or a fresh one of the core's, told before
    /// anything is sent, so that a call that was broken off can be made again and is charged once.
    fn key(given: Option<String>, abortable: bool) -> Result<Option<String>, InfraiError> {
        match given {
            None if abortable => infrai::new_idempotency_key().map(Some),
            given => Ok(given),
        }
    }

    /// Begins a call of this number.
    fn begin(&self, number: u32, work: impl Future<Output = Told> + Send + 'static) -> Result<(), Refusal> {
        Ok(self.outbox.run(number, None, self.context(number), work)?)
    }
}

#[napi]
impl NativeClient {
    /// Whether a call looks for address and key no more.
    #[napi]
    pub fn resolved(&self) -> bool {
        self.client.is_resolved()
    }

    /// The same client with other settings for its calls.
    #[napi]
    pub fn with_options(&self, env: Env, options: Unknown<'_>) -> Given<NativeClient> {
        guarded(|| {
            let options = settings::call_options(read(env, &options, "")?)?;
            let client = self.client.with_options(options)?;
            Ok(Self::new(client, Arc::clone(&self.outbox), self.has_functions))
        })
    }

    #[napi]
    pub fn generate(
        &self,
        env: Env,
        number: u32,
        request: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> Given<Begun> {
        guarded(|| {
            let (mut request, given) = generate_request("options", read(env, &request, "")?)?;
            options::none(read(env, &options, "")?)?;
            let key = Self::key(given, abortable)?;
            if let Some(key) = &key {
                request = request.idempotency_key(key);
            }
            let call = self.client.video().generate_from(request);
            self.begin(number, async move { Ok(job_value(&call.send().await?)) })?;
            Ok(Begun { key })
        })
    }

    #[napi]
    pub fn status(&self, env: Env, number: u32, id: Unknown<'_>, options: Unknown<'_>) -> Given<()> {
        guarded(|| {
            let (client, id) = (self.client.clone(), options::text("id", read(env, &id, "id")?)?);
            options::none(read(env, &options, "")?)?;
            self.begin(number, async move { Ok(job_value(&client.video().status(id).await?)) })
        })
    }

    #[napi]
    pub fn cancel(&self, env: Env, number: u32, id: Unknown<'_>, options: Unknown<'_>) -> Given<()> {
        guarded(|| {
            let (client, id) = (self.client.clone(), options::text("id", read(env, &id, "id")?)?);
            options::none(read(env, &options, "")?)?;
            self.begin(number, async move { Ok(value(&client.video().cancel(id).await?.to_json())) })
        })
    }

    #[napi]
    pub fn wait(
        &self,
        env: Env,
        number: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
        updates: bool,
    ) -> Given<()> {
        guarded(|| {
            let mut wait = self.client.video().wait(options::job(read(env, &job, "job")?)?);
            let mut given =
                options::record(read(env, &options, "")?)?.besides(&["onUpdate", "signal", "unref"]);
            if given.is_unlimited("timeoutMs") {
                wait = wait.no_timeout();
            } else if let Some(timeout) = given.milliseconds("timeoutMs")? {
                wait = wait.timeout(timeout);
            }
            if let Some(cancel) = given.flag("cancelOnTimeout")? {
                wait = wait.cancel_on_timeout(cancel);
            }
            let mut politely = None;
            if given.flag("cancelOnAbort")? == Some(true) {
                let (sender, aborted) = oneshot::channel::<()>();
                politely = Some(sender);
                wait = wait.cancel_on_abort(true).abort_when(async move {
                    // The sender goes with the call: only a message means that the caller aborted.
                    if aborted.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                });
            }
            if updates {
                let outbox = Arc::clone(&self.outbox);
                wait = wait.on_update(move |job| {
                    outbox.post(Event { number, topic: Topic::Update, payload: job_json(job) });
                });
            }
            given.finish()?;
            let work = async move { Ok(job_value(&wait.send().await?)) };
            Ok(self.outbox.run(number, politely, self.context(number), work)?)
        })
    }

    #[napi]
    pub fn watch(
        &self,
        env: Env,
        number: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Given<NativeStream> {
        guarded(|| {
            let watch = self.client.video().watch(options::job(read(env, &job, "job")?)?);
            options::none(read(env, &options, "")?)?;
            Ok(NativeStream::watch(watch, &self.outbox, self.context(number)))
        })
    }

    #[napi]
    pub fn generate_many(
        &self,
        env: Env,
        number: u32,
        items: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Given<NativeStream> {
        guarded(|| {
            let requests = generate_requests(read(env, &items, "items")?)?;
            let mut many = self.client.video().generate_many(requests);
            let mut given = options::record(read(env, &options, "")?)?;
            if let Some(concurrency) = given.count("concurrency")? {
                many = many.concurrency(concurrency as usize);
            }
            if let Some(prefix) = given.text("keyPrefix")? {
                many = many.key_prefix(prefix);
            }
            if given.is_unlimited("timeoutMs") {
                many = many.no_timeout();
            } else if let Some(timeout) = given.milliseconds("timeoutMs")? {
                many = many.timeout(timeout);
            }
            given.finish()?;
            Ok(NativeStream::many(many, &self.outbox, self.context(number)))
        })
    }

    #[napi]
    pub fn download(
        &self,
        env: Env,
        number: u32,
        job: Unknown<'_>,
        path: Unknown<'_>,
        options: Unknown<'_>,
        progress: bool,
    ) -> Given<()> {
        guarded(|| {
            let path = options::text("path", read(env, &path, "path")?)?;
            let mut download = self.client.video().download(options::job(read(env, &job, "job")?)?, path);
            let mut given =
                options::record(read(env, &options, "")?)?.besides(&["onProgress", "signal", "unref"]);
            if let Some(overwrite) = given.flag("overwrite")? {
                download = download.overwrite(overwrite);
            }
            if !given.is_unlimited("timeoutMs")
                && let Some(timeout) = given.milliseconds("timeoutMs")?
            {
                download = download.timeout(timeout);
            }
            if progress {
                let outbox = Arc::clone(&self.outbox);
                download = download.on_progress(move |progress| {
                    let told = json!({ "received": progress.received, "total": progress.total });
                    let payload = Payload::Json(told.to_string());
                    outbox.post(Event { number, topic: Topic::Progress, payload });
                });
            }
            given.finish()?;
            let work = async move {
                let saved = download.send().await?;
                Ok(value(&json!({ "path": saved.path, "bytes": saved.bytes, "job": saved.job.to_json() })))
            };
            Ok(self.outbox.run_apart(number, self.context(number), work)?)
        })
    }

    /// Opens a video as a stream of bytes: the call of `number` tells whether it could be. `stream` is the stream's own number.
    #[napi]
    pub fn download_stream(
        &self,
        env: Env,
        number: u32,
        stream: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Given<NativeStream> {
        guarded(|| {
            let mut request = self.client.video().download_stream(options::job(read(env, &job, "job")?)?);
            let mut given = options::record(read(env, &options, "")?)?;
            if !given.is_unlimited("timeoutMs")
                && let Some(timeout) = given.milliseconds("timeoutMs")?
            {
                request = request.timeout(timeout);
            }
            given.finish()?;
            let context = self.context(stream);
            let (stream, slot) = NativeStream::unopened(&self.outbox, context.clone());
            let work = async move {
                let bytes = request.send().await?;
                let told = job_value(bytes.job());
                slot.open(bytes).await;
                Ok(told)
            };
            self.outbox.run(number, None, context, work)?;
            Ok(stream)
        })
    }

    #[napi]
    pub fn balance(&self, env: Env, number: u32, options: Unknown<'_>) -> Given<()> {
        guarded(|| {
            options::none(read(env, &options, "")?)?;
            let client = self.client.clone();
            self.begin(number, async move { Ok(value(&client.account().balance().await?.to_json())) })
        })
    }

    #[napi]
    pub fn topup(
        &self,
        env: Env,
        number: u32,
        amount: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> Given<Begun> {
        guarded(|| {
            let amount = options::number("amount_usd", &read(env, &amount, "amount_usd")?)?;
            let mut topup = self.client.account().topup(amount);
            let mut given = options::record(read(env, &options, "")?)?;
            if let Some(url) = given.text("return_url")? {
                topup = topup.return_url(url);
            }
            let key = Self::key(given.text("idempotency_key")?, abortable)?;
            given.finish()?;
            if let Some(key) = &key {
                topup = topup.idempotency_key(key);
            }
            self.begin(number, async move { Ok(value(&topup.send().await?.to_json())) })?;
            Ok(Begun { key })
        })
    }

    #[napi]
    pub fn activate(&self, env: Env, number: u32, options: Unknown<'_>) -> Given<()> {
        guarded(|| {
            let mut activate = self.client.activate();
            let mut given = options::record(read(env, &options, "")?)?;
            if let Some(region) = given.text("region")? {
                activate = activate.region(region);
            }
            if let Some(kind) = given.text("deviceKind")? {
                activate = activate.device_kind(kind);
            }
            if let Some(profile) = given.text("profile")? {
                activate = activate.profile(profile);
            }
            if let Some(force) = given.flag("force")? {
                activate = activate.force(force);
            }
            if let Some(write) = given.flag("writeCredentials")? {
                activate = activate.write_credentials(write);
            }
            given.finish()?;
            self.begin(number, async move {
                let activated = activate.send().await?;
                let hint = activated.primary_api_key.redacted();
                Ok(value(&json!({ "result": activated.to_json(), "keyHint": hint })))
            })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "positions are cheaper to cross with than an object")]
    #[napi]
    pub fn request(
        &self,
        env: Env,
        number: u32,
        method: Unknown<'_>,
        path: Unknown<'_>,
        body: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> Given<Begun> {
        guarded(|| {
            let method = options::text("method", read(env, &method, "method")?)?;
            let path = options::text("path", read(env, &path, "path")?)?;
            let reading = ["GET", "HEAD"].iter().any(|name| method.eq_ignore_ascii_case(name));
            let mut request = self.client.request(method, path);
            match read(env, &body, "body")? {
                crate::values::Js::Undefined => {}
                body => request = request.body(options::json("body", body)?),
            }
            let mut given = options::record(read(env, &options, "")?)?;
            request = request.query(options::query(given.take("query"))?);
            let key = Self::key(given.text("idempotencyKey")?, abortable && !reading)?;
            given.finish()?;
            if let Some(key) = &key {
                request = request.idempotency_key(key);
            }
            self.begin(number, async move {
                let answer = request.send().await?;
                Ok(value(&json!({
                    "data": answer.data,
                    "metadata": answer.metadata.as_map(),
                    "status": answer.status,
                })))
            })?;
            Ok(Begun { key })
        })
    }
}
