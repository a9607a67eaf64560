//! Calls of a client: each starts a task, whose outcome becomes an event.

use std::{future::Future, sync::Arc};

use infrai::{
    GenerateRequest, InfraiClient, Language,
    options::{
        ActivateOptions, BatchOptions, CallOptions, CreditOptions, DownloadOptions, RequestOptions,
        TopupOptions, WaitOptions, names,
    },
    video::WantedEvents,
};
use infrai_bindings::abort_signal;
use napi::Unknown;
use napi_derive::napi;
use serde_json::json;

use crate::{
    errors::{CallError, NativeResult, catch_panic},
    events::{Call, CallResult, EventKind, EventQueue, Payload},
    options::{self, Arguments, Signature},
    stream::{NativeStream, StreamSource},
    values::{JsValue, read},
};

/// A client of the core.
#[napi]
pub struct NativeClient {
    client: InfraiClient,
    queue: Arc<EventQueue>,
    /// It has a key function or hooks.
    has_callbacks: bool,
}

/// A call in flight.
#[napi(object)]
pub struct CallStarted {
    /// The call's idempotency key, if it is known.
    pub idempotency_key: Option<String>,
}

impl NativeClient {
    pub(crate) fn new(client: InfraiClient, queue: Arc<EventQueue>, has_callbacks: bool) -> Self {
        Self { client, queue, has_callbacks }
    }

    fn call(&self, id: u32, language: Language) -> Call {
        Call { id, context: self.has_callbacks.then(|| self.queue.context(id)), language }
    }

    /// Starts a call with this id.
    fn spawn_call(
        &self,
        id: u32,
        work: impl Future<Output = CallResult> + Send + 'static,
    ) -> Result<(), CallError> {
        Ok(self.queue.spawn(self.call(id, Language::Node), None, work)?)
    }

    /// Reads the options of a call, and returns its client.
    fn options(
        &self,
        signature: Signature,
        options: &Unknown<'_>,
    ) -> Result<(InfraiClient, Arguments), CallError> {
        let mut arguments = signature.read(read(options, "")?)?;
        Ok((arguments.client(&self.client)?, arguments))
    }
}

#[napi]
impl NativeClient {
    /// Returns whether calls have their endpoint and key, and read neither variables nor the credentials file for them.
    #[napi]
    pub fn is_resolved(&self) -> bool {
        self.client.is_resolved()
    }

    /// Returns what the client's jobs cost so far, in US dollars.
    #[napi]
    pub fn spent_usd(&self) -> f64 {
        self.client.spent_usd()
    }

    /// Returns the same client with other options for its calls.
    #[napi]
    pub fn with_options(&self, options: Unknown<'_>) -> NativeResult<NativeClient> {
        catch_panic(Language::Node, || {
            let signature = Signature::of_client(names::<CallOptions>(), &[]);
            let options = signature.read(read(&options, "")?)?.parse()?;
            let client = self.client.with_options(options)?;
            Ok(Self::new(client, Arc::clone(&self.queue), self.has_callbacks))
        })
    }

    #[napi]
    pub fn generate(
        &self,
        call_id: u32,
        request: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> NativeResult<CallStarted> {
        catch_panic(Language::NodeBody, || {
            let signature = Signature::new(&[]).body(names::<GenerateRequest>());
            let request = signature.read_body("options", read(&request, "")?)?;
            let (client, arguments) = self.options(signature, &options)?;
            let mut arguments = arguments.with_body(request);
            let idempotency_key = arguments.idempotency_key(abortable)?;
            let generate = client.video().generate_from(arguments.parse()?);
            let work = async move { Ok(Some(Payload::job(&generate.send().await?))) };
            self.queue.spawn(self.call(call_id, Language::NodeBody), None, work)?;
            Ok(CallStarted { idempotency_key })
        })
    }

    #[napi]
    pub fn status(&self, call_id: u32, job: Unknown<'_>, options: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let job = options::job(read(&job, "job")?)?;
            let (client, _) = self.options(Signature::new(&[]), &options)?;
            self.spawn_call(
                call_id,
                async move { Ok(Some(Payload::job(&client.video().status(job).await?))) },
            )
        })
    }

    #[napi]
    pub fn cancel(&self, call_id: u32, job: Unknown<'_>, options: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let job = options::job(read(&job, "job")?)?;
            let (client, _) = self.options(Signature::new(&[]), &options)?;
            self.spawn_call(call_id, async move {
                Ok(Some(Payload::json(&client.video().cancel(job).await?.to_json())))
            })
        })
    }

    #[napi]
    pub fn wait(
        &self,
        call_id: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
        updates: bool,
        graceful: bool,
    ) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let job = options::job(read(&job, "job")?)?;
            let signature = Signature::with_timeout(names::<WaitOptions>());
            let signature = signature.local(&["onUpdate", "signal", "unref"]);
            let (client, arguments) = self.options(signature, &options)?;
            let mut wait = client.video().wait(job).options(arguments.parse()?);
            let mut signal = None;
            if graceful {
                let (sender, aborted) = abort_signal();
                signal = Some(sender);
                wait = wait.abort_when(aborted);
            }
            if updates {
                let queue = Arc::clone(&self.queue);
                wait = wait.on_update(move |job| queue.push(call_id, EventKind::Update, Payload::job(job)));
            }
            let work = async move { Ok(Some(Payload::job(&wait.send().await?))) };
            Ok(self.queue.spawn(self.call(call_id, Language::Node), signal, work)?)
        })
    }

    #[napi]
    pub fn watch(
        &self,
        stream_id: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
    ) -> NativeResult<NativeStream> {
        catch_panic(Language::Node, || {
            let job = options::job(read(&job, "job")?)?;
            let (client, _) = self.options(Signature::new(&[]), &options)?;
            let watch = StreamSource::Watch(client.video().watch(job));
            Ok(NativeStream::new(watch, &self.queue, self.call(stream_id, Language::Node)).0)
        })
    }

    #[napi]
    pub fn generate_many(
        &self,
        stream_id: u32,
        items: Unknown<'_>,
        options: Unknown<'_>,
        submits: bool,
        updates: bool,
    ) -> NativeResult<NativeStream> {
        catch_panic(Language::NodeBody, || {
            let requests = options::generate_requests(read(&items, "items")?)?;
            let signature = Signature::with_timeout(names::<BatchOptions>());
            let signature = signature.local(&["onSubmit", "onUpdate", "signal", "unref"]);
            let (client, arguments) = self.options(signature, &options)?;
            let many = client.video().generate_many(requests).options(arguments.parse()?);
            let call = self.call(stream_id, Language::NodeBody);
            let source = StreamSource::Many(Box::new(many), WantedEvents { submits, updates });
            Ok(NativeStream::new(source, &self.queue, call).0)
        })
    }

    #[napi]
    pub fn download(
        &self,
        call_id: u32,
        job: Unknown<'_>,
        path: Unknown<'_>,
        options: Unknown<'_>,
        progress: bool,
    ) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let path = options::text("path", read(&path, "path")?)?;
            let job = options::job(read(&job, "job")?)?;
            let signature = Signature::with_timeout(names::<DownloadOptions>());
            let signature = signature.local(&["onProgress", "signal", "unref"]);
            let (client, arguments) = self.options(signature, &options)?;
            let mut download = client.video().download(job, path).options(arguments.parse()?);
            if progress {
                let queue = Arc::clone(&self.queue);
                download = download.on_progress(move |progress| {
                    let progress = json!({ "received": progress.received, "total": progress.total });
                    queue.push(call_id, EventKind::Progress, Payload::json(&progress));
                });
            }
            let work = async move {
                let saved = download.send().await?;
                let saved = json!({ "path": saved.path, "bytes": saved.bytes, "job": saved.job.to_json() });
                Ok(Some(Payload::json(&saved)))
            };
            Ok(self.queue.spawn_blocking(self.call(call_id, Language::Node), work)?)
        })
    }

    /// Opens a video as a stream of bytes. The call `call_id` ends once it is open. `stream_id` is the stream's own.
    #[napi]
    pub fn download_stream(
        &self,
        call_id: u32,
        stream_id: u32,
        job: Unknown<'_>,
        options: Unknown<'_>,
    ) -> NativeResult<NativeStream> {
        catch_panic(Language::Node, || {
            let job = options::job(read(&job, "job")?)?;
            let (client, arguments) = self.options(Signature::with_timeout(&["timeout"]), &options)?;
            let request = client.video().download_stream(job).options(arguments.parse()?);
            let call = self.call(stream_id, Language::Node);
            let (stream, slot) = NativeStream::new(StreamSource::Empty, &self.queue, call.clone());
            let work = async move {
                let video = request.send().await?;
                let mut facts = json!({});
                if let Some(size) = video.size() {
                    facts["size"] = size.into();
                }
                if let Some(content_type) = video.content_type() {
                    facts["contentType"] = content_type.into();
                }
                slot.fill(video).await;
                Ok(Some(Payload::json(&facts)))
            };
            self.queue.spawn(Call { id: call_id, ..call }, None, work)?;
            Ok(stream)
        })
    }

    #[napi]
    pub fn balance(&self, call_id: u32, options: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let (client, _) = self.options(Signature::new(&[]), &options)?;
            self.spawn_call(call_id, async move {
                Ok(Some(Payload::json(&client.account().balance().await?.to_json())))
            })
        })
    }

    #[napi]
    pub fn topup(
        &self,
        call_id: u32,
        request: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> NativeResult<CallStarted> {
        catch_panic(Language::Node, || {
            let signature = Signature::new(names::<TopupOptions>()).body(&["amount_usd", "return_url"]);
            let request = signature.read_body("request", read(&request, "")?)?;
            let (client, arguments) = self.options(signature, &options)?;
            let mut arguments = arguments.with_body(request);
            let amount = arguments.take("amount_usd").unwrap_or(JsValue::Undefined);
            let amount = options::number("amount_usd", &amount)?;
            let idempotency_key = arguments.idempotency_key(abortable)?;
            let topup = client.account().topup(amount).options(arguments.parse()?);
            self.spawn_call(call_id, async move { Ok(Some(Payload::json(&topup.send().await?.to_json()))) })?;
            Ok(CallStarted { idempotency_key })
        })
    }

    #[napi]
    pub fn wait_for_credit(
        &self,
        call_id: u32,
        min_usd: Unknown<'_>,
        options: Unknown<'_>,
    ) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let min_usd = options::number("min_usd", &read(&min_usd, "minUsd")?)?;
            let (client, arguments) =
                self.options(Signature::with_timeout(names::<CreditOptions>()), &options)?;
            let wait = client.account().wait_for_credit(min_usd).options(arguments.parse()?);
            self.spawn_call(call_id, async move { Ok(Some(Payload::json(&wait.send().await?.to_json()))) })
        })
    }

    #[napi]
    pub fn activate(&self, call_id: u32, request: Unknown<'_>, options: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let signature = Signature::new(names::<ActivateOptions>()).body(&["region", "device_kind"]);
            let request = signature.read_body("request", read(&request, "")?)?;
            let (client, arguments) = self.options(signature, &options)?;
            let activate = client.activate().options(arguments.with_body(request).parse()?);
            self.spawn_call(call_id, async move {
                let activated = activate.send().await?;
                let hint = activated.primary_api_key.redacted();
                Ok(Some(Payload::json(&json!({ "result": activated.to_json(), "keyHint": hint }))))
            })
        })
    }

    #[napi]
    pub fn discover(&self, call_id: u32, capability: Unknown<'_>, options: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let capability = match read(&capability, "capability")? {
                JsValue::Undefined | JsValue::Null => None,
                id => Some(options::text("capability", id)?),
            };
            let (client, _) = self.options(Signature::new(&[]), &options)?;
            self.spawn_call(call_id, async move {
                let found = match capability {
                    Some(id) => client.discover_capability(id).await?.to_json(),
                    None => client.discover().await?.to_json(),
                };
                Ok(Some(Payload::json(&found)))
            })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "positions cross faster than an object")]
    #[napi]
    pub fn request(
        &self,
        call_id: u32,
        method: Unknown<'_>,
        path: Unknown<'_>,
        body: Unknown<'_>,
        options: Unknown<'_>,
        abortable: bool,
    ) -> NativeResult<CallStarted> {
        catch_panic(Language::Node, || {
            let method = options::text("method", read(&method, "method")?)?;
            let path = options::text("path", read(&path, "path")?)?;
            let has_key = !["GET", "HEAD"].iter().any(|name| method.eq_ignore_ascii_case(name));
            let body = read(&body, "body")?;
            let signature = Signature::new(names::<RequestOptions>()).body(&["body"]);
            let (client, mut arguments) = self.options(signature, &options)?;
            let query = options::query(arguments.take("query"))?;
            let idempotency_key = arguments.idempotency_key(abortable && has_key)?;
            let mut request = client.request(method, path).options(arguments.parse()?).query(query);
            if body != JsValue::Undefined {
                request = request.body(options::json("body", body)?);
            }
            self.spawn_call(call_id, async move {
                let response = request.send().await?;
                let response = json!({
                    "data": response.data,
                    "metadata": response.metadata.as_map(),
                    "status": response.status,
                });
                Ok(Some(Payload::json(&response)))
            })?;
            Ok(CallStarted { idempotency_key })
        })
    }
}
