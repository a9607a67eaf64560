//! The client as Python's layer sees it: every call takes a channel, and is awaited through it, or none, and blocks.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{CallOptions, InfraiClient};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict},
};
use tokio::sync::oneshot;

use crate::{
    answer::Answer,
    blocking::Place,
    callbacks::Update,
    carry::{Target, carry, carry_telling, carry_with, stream_queue},
    channel::Channel,
    convert::{flag, json, number, optional_text, path, query, text},
    errors,
    guard::guarded,
    owned::Owned,
    settings::{self, Settings},
    stream::Stream,
    video::{self, GenerateOptions},
};

/// What belongs to one process: connections, polling, retry budget.
pub(crate) struct Live {
    client: InfraiClient,
}

/// A client's settings, and what was made of them in this process. Shared by all that `with_options` derives.
struct Base {
    settings: Settings,
    live: Mutex<Option<Arc<Owned<Live>>>>,
}

/// A client.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Client {
    base: Arc<Base>,
    options: Vec<CallOptions>,
}

impl Base {
    /// What there is in this process; in a child of `fork()` the parent's is forgotten and made anew. The lock is held
    /// while attached alone, so that no fork of Python's finds it held.
    fn live(&self, py: Python<'_>) -> PyResult<Arc<Owned<Live>>> {
        let mut slot = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = slot.as_ref().filter(|live| live.is_ours()) {
            return Ok(Arc::clone(live));
        }
        let client = match self.settings.build() {
            Ok(client) => client,
            Err(error) => {
                // Making the exception runs Python, and another thread may come to run it and wait for the lock.
                drop(slot);
                return Err(errors::raise(py, &error));
            }
        };
        let live = Arc::new(Owned::new(Live { client }));
        *slot = Some(Arc::clone(&live));
        Ok(live)
    }
}

impl Client {
    fn target(&self, py: Python<'_>) -> PyResult<Target> {
        let live = self.base.live(py)?;
        let mut client = live.client.clone();
        for options in &self.options {
            client = client.with_options(options.clone()).map_err(|error| errors::raise(py, &error))?;
        }
        Ok(Target { client, has_callbacks: self.base.settings.has_callbacks() })
    }
}

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Loop<'a, 'py> = Option<&'a Bound<'py, Channel>>;

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        guarded(py, || {
            let settings = Settings::read(py, given)?;
            let client =
                Self { base: Arc::new(Base { settings, live: Mutex::default() }), options: Vec::new() };
            client.base.live(py)?;
            Ok(client)
        })
    }

    #[pyo3(signature = (timeout, max_retries, headers))]
    fn with_options(
        &self,
        py: Python<'_>,
        timeout: Option<Any<'_, '_>>,
        max_retries: Option<Any<'_, '_>>,
        headers: Option<Any<'_, '_>>,
    ) -> PyResult<Self> {
        guarded(py, || {
            let mut options = self.options.clone();
            options.push(settings::options(timeout, max_retries, headers)?);
            let client = Self { base: Arc::clone(&self.base), options };
            client.target(py)?;
            Ok(client)
        })
    }

    /// Gives the connections back; a later call opens new ones.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(py, || {
            let live = self.base.live.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(live);
            Ok(())
        })
    }

    fn base_url(&self, py: Python<'_>) -> PyResult<String> {
        guarded(py, || self.target(py)?.client.base_url().map_err(|error| errors::raise(py, &error)))
    }

    fn key_hint(&self, py: Python<'_>) -> PyResult<Option<String>> {
        guarded(py, || self.target(py)?.client.key_hint().map_err(|error| errors::raise(py, &error)))
    }

    #[allow(clippy::too_many_arguments, reason = "the route's options, as Python names them")]
    fn generate(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        prompt: Any<'_, '_>,
        reference_image_url: Any<'_, '_>,
        duration_seconds: Any<'_, '_>,
        aspect: Any<'_, '_>,
        resolution: Any<'_, '_>,
        prefer: Any<'_, '_>,
        model: Any<'_, '_>,
        vendor: Any<'_, '_>,
        idempotency_key: Any<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let options = GenerateOptions {
                prompt,
                reference_image_url,
                duration_seconds,
                aspect,
                resolution,
                prefer,
                model,
                vendor,
                idempotency_key,
            };
            let request = video::request(&options)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move {
                let job = client.video().generate_from(request).send().await?;
                Ok(Answer::Job(Box::new(job)))
            };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    fn status(&self, py: Python<'_>, channel: Loop<'_, '_>, id: Any<'_, '_>) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move { Ok(Answer::Job(Box::new(client.video().status(job).await?))) };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    fn cancel(&self, py: Python<'_>, channel: Loop<'_, '_>, id: Any<'_, '_>) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move { Ok(Answer::Json(client.video().cancel(job).await?.to_json())) };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the call's options, as Python names them")]
    fn wait(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        id: Any<'_, '_>,
        timeout: Any<'_, '_>,
        cancel_on_timeout: Any<'_, '_>,
        cancel_on_abort: Any<'_, '_>,
        on_update: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let cancel = flag("cancel_on_timeout", cancel_on_timeout)?;
            let (abort, aborted) = if flag("cancel_on_abort", cancel_on_abort)? {
                let (abort, aborted) = oneshot::channel();
                (Some(abort), Some(aborted))
            } else {
                (None, None)
            };
            carry_telling(py, self.target(py)?, channel, on_update, abort, |client, updates| {
                let wait = video::wait(&client, job, timeout, cancel, updates, aborted)?;
                Ok(Box::pin(async move { Ok(Answer::Job(Box::new(wait.send().await?))) }))
            })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the call's options, as Python names them")]
    fn download(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        id: Any<'_, '_>,
        to: Any<'_, '_>,
        overwrite: Any<'_, '_>,
        timeout: Option<Any<'_, '_>>,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let to = path("path", to)?;
            let overwrite = flag("overwrite", overwrite)?;
            let timeout = timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
            carry_telling(py, self.target(py)?, channel, on_progress, None, |client, updates| {
                let mut download = client.video().download(job, to).overwrite(overwrite);
                if let Some(timeout) = timeout {
                    download = download.timeout(timeout);
                }
                if let Some(updates) = updates {
                    download = download.on_progress(move |progress| updates.send(Update::Progress(progress)));
                }
                Ok(Box::pin(async move { Ok(Answer::Saved(Box::new(download.send().await?))) }))
            })
        })
    }

    fn download_stream(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        id: Any<'_, '_>,
        timeout: Option<Any<'_, '_>>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let timeout = timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
            let Target { client, has_callbacks } = self.target(py)?;
            let queue = stream_queue(py, has_callbacks)?;
            let streams = queue.clone();
            let mut stream = client.video().download_stream(job);
            if let Some(timeout) = timeout {
                stream = stream.timeout(timeout);
            }
            let work = async move { Ok(Answer::Opened(Box::new(stream.send().await?), streams)) };
            carry_with(py, queue, channel, Place::Background, Box::pin(work))
        })
    }

    fn watch(&self, py: Python<'_>, id: Any<'_, '_>) -> PyResult<Stream> {
        guarded(py, || {
            let job = video::job_ref(id)?;
            let target = self.target(py)?;
            let watch = video::watch(&target.client, job);
            Ok(Stream::of_states(watch, stream_queue(py, target.has_callbacks)?))
        })
    }

    fn generate_many(
        &self,
        py: Python<'_>,
        prompts: Any<'_, '_>,
        concurrency: Option<Any<'_, '_>>,
        keys: Option<Any<'_, '_>>,
        key_prefix: Option<Any<'_, '_>>,
        timeout: Any<'_, '_>,
    ) -> PyResult<Stream> {
        guarded(py, || {
            let target = self.target(py)?;
            let many = video::many(&target.client, prompts, concurrency, keys, key_prefix, timeout)?;
            Ok(Stream::of_items(many, stream_queue(py, target.has_callbacks)?))
        })
    }

    fn balance(&self, py: Python<'_>, channel: Loop<'_, '_>) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move { Ok(Answer::Json(client.account().balance().await?.to_json())) };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    fn topup(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        amount_usd: Any<'_, '_>,
        return_url: Any<'_, '_>,
        idempotency_key: Any<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let amount = number("amount_usd", amount_usd)?;
            let url = optional_text("return_url", return_url)?;
            let key = optional_text("idempotency_key", idempotency_key)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move {
                let mut topup = client.account().topup(amount);
                if let Some(url) = url {
                    topup = topup.return_url(url);
                }
                if let Some(key) = key {
                    topup = topup.idempotency_key(key);
                }
                Ok(Answer::Json(topup.send().await?.to_json()))
            };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the route's options, as Python names them")]
    fn activate(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        region: Any<'_, '_>,
        device_kind: Any<'_, '_>,
        write_credentials: Any<'_, '_>,
        force: Any<'_, '_>,
        profile: Any<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let region = text("region", region)?;
            let kind = text("device_kind", device_kind)?;
            let write = flag("write_credentials", write_credentials)?;
            let force = flag("force", force)?;
            let profile = optional_text("profile", profile)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move {
                let mut activate = client.activate().region(region).device_kind(kind);
                activate = activate.write_credentials(write).force(force);
                if let Some(profile) = profile {
                    activate = activate.profile(profile);
                }
                Ok(Answer::Activated(Box::new(activate.send().await?)))
            };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    /// A body is given as a tuple of one, so that `null` can be one.
    #[allow(clippy::too_many_arguments, reason = "the call's options, as Python names them")]
    fn request(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        method: Any<'_, '_>,
        to: Any<'_, '_>,
        body: Option<Any<'_, '_>>,
        pairs: Option<Any<'_, '_>>,
        idempotency_key: Any<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            let method = text("method", method)?;
            let to = text("path", to)?;
            let body = body.map(|body| json("body", &body.get_item(0)?)).transpose()?;
            let pairs = pairs.map(query).transpose()?.unwrap_or_default();
            let key = optional_text("idempotency_key", idempotency_key)?;
            let Target { client, has_callbacks } = self.target(py)?;
            let work = async move {
                let mut request = client.request(method, to).query(pairs);
                if let Some(body) = body {
                    request = request.body(body);
                }
                if let Some(key) = key {
                    request = request.idempotency_key(key);
                }
                Ok(Answer::Response(Box::new(request.send().await?)))
            };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }

    /// For tests: a panic inside a call.
    #[pyo3(name = "_panic")]
    fn panic(
        &self,
        py: Python<'_>,
        channel: Loop<'_, '_>,
        inside: &Bound<'_, PyBool>,
    ) -> PyResult<Py<PyAny>> {
        let inside = inside.is_true();
        guarded(py, || {
            assert!(inside, "asked for by a test");
            let Target { has_callbacks, .. } = self.target(py)?;
            let work = async move { panic!("asked for by a test, in the runtime") };
            carry(py, has_callbacks, channel, Place::Foreground, Box::pin(work))
        })
    }
}
