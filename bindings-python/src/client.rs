//! The native client. Each call takes an event loop, on which it completes a future, or `None`, and blocks.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{
    CallOptions, InfraiClient, InfraiError,
    options::{DownloadOptions, WaitOptions},
};
use infrai_bindings::abort_signal;
use pyo3::{IntoPyObjectExt as _, prelude::*, types::PyDict};

use crate::{
    blocking::RuntimeKind,
    call::{CallTarget, LoopArg, dispatch, dispatch_with, dispatch_with_updates, stream_queue},
    callbacks::Update,
    convert,
    errors::{catch_panic, to_pyerr},
    fork::ProcessLocal,
    options::{self, ClientConfig},
    runtime::{ToPython, call_future},
    stream::{Stream, StreamKind},
};

/// A client's configuration, and the client that this process built from it. Clients of `with_options` share both.
struct Shared {
    config: ClientConfig,
    client: Mutex<Option<Arc<ProcessLocal<InfraiClient>>>>,
}

/// A client.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Client {
    shared: Arc<Shared>,
    options: Vec<CallOptions>,
}

impl Shared {
    /// Returns this process's client. A forked child leaves its parent's and builds its own. The lock is held only while
    /// attached, so that no fork by Python finds it held.
    fn client(&self, py: Python<'_>) -> PyResult<Arc<ProcessLocal<InfraiClient>>> {
        let mut slot = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = slot.as_ref().filter(|client| client.is_current_process()) {
            return Ok(Arc::clone(client));
        }
        match self.config.build() {
            Ok(client) => {
                let client = Arc::new(ProcessLocal::new(client));
                *slot = Some(Arc::clone(&client));
                Ok(client)
            }
            Err(error) => {
                // Making the exception runs Python code, during which another thread may wait for the lock.
                drop(slot);
                Err(to_pyerr(py, error))
            }
        }
    }
}

type Options<'a, 'py> = &'a Bound<'py, PyDict>;
type Value<'a, 'py> = &'a Bound<'py, PyAny>;

impl Client {
    fn target(&self, py: Python<'_>) -> PyResult<CallTarget> {
        let mut client = InfraiClient::clone(&*self.shared.client(py)?);
        for options in &self.options {
            client = client.with_options(options.clone()).map_err(|error| to_pyerr(py, error))?;
        }
        Ok(CallTarget { client, has_callbacks: self.shared.config.has_callbacks() })
    }

    /// Makes a call whose outcome `to_python` converts.
    fn call<T: Send + 'static, F>(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        work: impl FnOnce(InfraiClient) -> F,
        to_python: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>>
    where
        F: Future<Output = Result<T, InfraiError>> + Send + 'static,
    {
        let CallTarget { client, has_callbacks } = self.target(py)?;
        dispatch(py, has_callbacks, event_loop, call_future(work(client), to_python))
    }
}

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, options: Options<'_, '_>) -> PyResult<Self> {
        catch_panic(py, || {
            let shared = Shared { config: ClientConfig::parse(options)?, client: Mutex::default() };
            shared.client(py)?;
            Ok(Self { shared: Arc::new(shared), options: Vec::new() })
        })
    }

    fn with_options(&self, py: Python<'_>, options: Options<'_, '_>) -> PyResult<Self> {
        catch_panic(py, || {
            let options = self.options.iter().cloned().chain([options::parse(options)?]).collect();
            let client = Self { shared: Arc::clone(&self.shared), options };
            client.target(py)?;
            Ok(client)
        })
    }

    /// Closes pooled connections. A later call opens new ones.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        catch_panic(py, || {
            let client = self.shared.client.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(client);
            Ok(())
        })
    }

    fn base_url(&self, py: Python<'_>) -> PyResult<String> {
        catch_panic(py, || self.target(py)?.client.base_url().map_err(|error| to_pyerr(py, error)))
    }

    fn key_hint(&self, py: Python<'_>) -> PyResult<Option<String>> {
        catch_panic(py, || self.target(py)?.client.key_hint().map_err(|error| to_pyerr(py, error)))
    }

    fn generate(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        options: Options<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let request = options::parse(options)?;
            let work = |client: InfraiClient| client.video().generate_from(request).send();
            self.call(py, event_loop, work, |py, job| convert::job(py, &job).map(Bound::unbind))
        })
    }

    fn status(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, job: Value<'_, '_>) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let id = options::job_id(job)?;
            let work = |client: InfraiClient| async move { client.video().status(id).await };
            self.call(py, event_loop, work, |py, job| convert::job(py, &job).map(Bound::unbind))
        })
    }

    fn cancel(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, job: Value<'_, '_>) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let id = options::job_id(job)?;
            let work = |client: InfraiClient| async move { client.video().cancel(id).await };
            self.call(py, event_loop, work, |py, result| {
                convert::value(py, &result.to_json()).map(Bound::unbind)
            })
        })
    }

    fn wait(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        job: Value<'_, '_>,
        options: Options<'_, '_>,
        on_update: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let waited = options::waited_job(job, on_update.is_some())?;
            let job = job.clone().unbind();
            let options: WaitOptions = options::parse(options)?;
            let (signal, aborted) = abort_signal();
            // Without something to do before it ends, the wait is dropped at once.
            let signal = options.cancels_on_abort().then_some(signal);
            dispatch_with_updates(py, self.target(py)?, event_loop, on_update, signal, |client, updates| {
                let mut wait = client.video().wait(waited).options(options).abort_when(aborted);
                if let Some(updates) = updates {
                    wait = wait.on_update(move |job| updates(Update::Job(Box::new(job.clone()))));
                }
                Box::pin(async move {
                    let outcome = wait.send().await;
                    Ok(Box::new(move |py: Python<'_>| match outcome {
                        Ok(job) => convert::job(py, &job).map(Bound::unbind),
                        Err(error) => Err(to_pyerr(py, options::with_job(error, job.bind(py)))),
                    }) as ToPython)
                })
            })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the call's arguments in Python")]
    fn download(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        job: Value<'_, '_>,
        path: Value<'_, '_>,
        options: Options<'_, '_>,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            let path = convert::path("path", path)?;
            let options: DownloadOptions = options::parse(options)?;
            dispatch_with_updates(py, self.target(py)?, event_loop, on_progress, None, |client, updates| {
                let mut download = client.video().download(job, path).options(options);
                if let Some(updates) = updates {
                    download = download.on_progress(move |progress| updates(Update::Progress(progress)));
                }
                call_future(download.send(), |py, saved| {
                    (&saved.path, saved.bytes, convert::job(py, &saved.job)?).into_py_any(py)
                })
            })
        })
    }

    fn download_stream(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        job: Value<'_, '_>,
        options: Options<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            let options: DownloadOptions = options::parse(options)?;
            let CallTarget { client, has_callbacks } = self.target(py)?;
            let queue = stream_queue(py, has_callbacks)?;
            let of_stream = queue.clone();
            let open = client.video().download_stream(job).options(options).send();
            let future = call_future(open, |py, video| {
                let job = convert::job(py, video.job())?;
                (Stream::new(StreamKind::Bytes(Box::new(video)), of_stream), job).into_py_any(py)
            });
            dispatch_with(py, queue, event_loop, RuntimeKind::Worker, future)
        })
    }

    fn watch(&self, py: Python<'_>, job: Value<'_, '_>) -> PyResult<Stream> {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            let CallTarget { client, has_callbacks } = self.target(py)?;
            let watch = client.video().watch(job);
            Ok(Stream::new(StreamKind::Watch(watch), stream_queue(py, has_callbacks)?))
        })
    }

    fn generate_many(
        &self,
        py: Python<'_>,
        prompts: Value<'_, '_>,
        keys: Option<Value<'_, '_>>,
        options: Options<'_, '_>,
    ) -> PyResult<Stream> {
        catch_panic(py, || {
            let requests = options::parse_requests(prompts, keys)?;
            let options = options::parse(options)?;
            let CallTarget { client, has_callbacks } = self.target(py)?;
            let many = client.video().generate_many(requests).options(options);
            Ok(Stream::new(StreamKind::GenerateMany(many), stream_queue(py, has_callbacks)?))
        })
    }

    fn balance(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let work = |client: InfraiClient| async move { client.account().balance().await };
            self.call(py, event_loop, work, |py, balance| {
                convert::value(py, &balance.to_json()).map(Bound::unbind)
            })
        })
    }

    fn topup(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        amount_usd: Value<'_, '_>,
        options: Options<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let amount = convert::number("amount_usd", amount_usd)?;
            let options = options::parse(options)?;
            let work = |client: InfraiClient| client.account().topup(amount).options(options).send();
            self.call(py, event_loop, work, |py, record| {
                convert::value(py, &record.to_json()).map(Bound::unbind)
            })
        })
    }

    fn activate(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        options: Options<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let options = options::parse(options)?;
            let work = |client: InfraiClient| client.activate().options(options).send();
            self.call(py, event_loop, work, |py, result| {
                let fields = convert::value(py, &result.to_json())?;
                let file = result.credentials_file.as_deref();
                (fields, result.primary_api_key.redacted(), &result.profile, file).into_py_any(py)
            })
        })
    }

    /// Calls any route. `body` is a tuple of one value, so that the value may be `None`.
    #[allow(clippy::too_many_arguments, reason = "the call's arguments in Python")]
    fn request(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        method: Value<'_, '_>,
        path: Value<'_, '_>,
        body: Option<(Bound<'_, PyAny>,)>,
        query: Option<Value<'_, '_>>,
        options: Options<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            let method = convert::text("method", method)?;
            let path = convert::text("path", path)?;
            let body = body.map(|(body,)| convert::json("body", &body)).transpose()?;
            let query = query.map(convert::query).transpose()?.unwrap_or_default();
            let options = options::parse(options)?;
            let work = |client: InfraiClient| {
                let request = client.request(method, path).options(options).query(query);
                match body {
                    Some(body) => request.body(body),
                    None => request,
                }
                .send()
            };
            self.call(py, event_loop, work, |py, response| {
                let data = convert::value(py, &response.data)?;
                let metadata = convert::object(py, response.metadata.as_map())?;
                (response.status, data, metadata).into_py_any(py)
            })
        })
    }

    /// For tests: a panic, in the runtime or attached.
    #[pyo3(name = "_panic")]
    fn panic(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, inside: bool) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            assert!(inside, "asked for by a test");
            let work = |_| async { panic!("asked for by a test, in the runtime") };
            self.call(py, event_loop, work, |py, ()| Ok(py.None()))
        })
    }
}
