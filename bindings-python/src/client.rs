//! The native client. Each call takes an event loop, on which it completes a future, or `None`, and blocks.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{
    ApiRequest, CallOptions, InfraiClient, JobCosts,
    options::{BatchOptions, WaitOptions},
    video::WantedEvents,
};
use infrai_bindings::abort_signal;
use pyo3::{IntoPyObjectExt as _, prelude::*, types::PyDict};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    call::{LoopArg, dispatch, dispatch_stream, stream_queue},
    callbacks::{Update, UpdateSender},
    convert,
    errors::{catch_panic, to_pyerr},
    fork::ProcessLocal,
    options::{self, ClientConfig},
    runtime::{CallFuture, call_future},
    stream::{Stream, StreamKind},
};

/// A client's configuration, and the client that this process built from it. Clients of `with_options` share both.
struct Shared {
    config: ClientConfig,
    client: Mutex<Option<Arc<ProcessLocal<InfraiClient>>>>,
    /// The costs of this process's jobs, which outlive a closed client.
    costs: Mutex<Option<ProcessLocal<JobCosts>>>,
}

/// A client.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Client {
    shared: Arc<Shared>,
    options: Vec<CallOptions>,
}

impl Shared {
    /// Returns this process's costs. A forked child counts its own. The lock is held as briefly as that of the client.
    fn costs(&self) -> JobCosts {
        let mut slot = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref().filter(|costs| costs.is_current_process()) {
            Some(costs) => JobCosts::clone(costs),
            None => JobCosts::clone(slot.insert(ProcessLocal::new(JobCosts::default()))),
        }
    }

    /// Returns this process's client. A forked child leaves its parent's and builds its own. The lock is held only while
    /// attached, so that no fork by Python finds it held.
    fn client(&self, py: Python<'_>) -> PyResult<Arc<ProcessLocal<InfraiClient>>> {
        let mut slot = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = slot.as_ref().filter(|client| client.is_current_process()) {
            return Ok(Arc::clone(client));
        }
        let client = self.config.build(self.costs()).map(|client| Arc::new(ProcessLocal::new(client)));
        *slot = client.as_ref().ok().cloned();
        // Making the exception runs Python code, during which another thread may wait for the lock.
        drop(slot);
        client.map_err(|error| to_pyerr(py, error))
    }
}

type Options<'a, 'py> = &'a Bound<'py, PyDict>;
type Arg<'a, 'py> = &'a Bound<'py, PyAny>;

/// The value of a call, or its id on an event loop.
type Outcome = PyResult<Py<PyAny>>;

impl Client {
    fn client(&self, py: Python<'_>) -> PyResult<InfraiClient> {
        let mut client = InfraiClient::clone(&*self.shared.client(py)?);
        for options in &self.options {
            client = client.with_options(options.clone()).map_err(|error| to_pyerr(py, error))?;
        }
        Ok(client)
    }

    fn stream(&self, py: Python<'_>, kind: StreamKind) -> PyResult<Stream> {
        Ok(Stream::new(kind, stream_queue(py, self.shared.config.has_callbacks())?))
    }

    /// Makes a call with updates. `signal` lets it end by itself when it is cancelled.
    fn call_with_updates(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        on_update: Option<Py<PyAny>>,
        signal: Option<oneshot::Sender<()>>,
        make: impl FnOnce(InfraiClient, Option<UpdateSender>) -> CallFuture,
    ) -> Outcome {
        let client = self.client(py)?;
        let has_callbacks = self.shared.config.has_callbacks();
        dispatch(py, has_callbacks, event_loop, on_update, signal, |updates| make(client, updates))
    }

    /// Makes a call whose outcome `to_python` converts.
    fn call<T: Send + 'static, F: Future<Output = infrai::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        work: impl FnOnce(InfraiClient) -> F,
        to_python: impl FnOnce(Python<'_>, T) -> Outcome + Send + 'static,
    ) -> Outcome {
        self.call_with_updates(py, event_loop, None, None, |client, _| call_future(work(client), to_python))
    }
}

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, options: Options<'_, '_>) -> PyResult<Self> {
        catch_panic(py, || {
            let shared = Shared {
                config: ClientConfig::parse(options)?,
                client: Mutex::default(),
                costs: Mutex::default(),
            };
            shared.client(py)?;
            Ok(Self { shared: Arc::new(shared), options: Vec::new() })
        })
    }

    fn with_options(&self, py: Python<'_>, options: Options<'_, '_>) -> PyResult<Self> {
        catch_panic(py, || {
            let options = self.options.iter().cloned().chain([options::parse(options)?]).collect();
            let client = Self { shared: Arc::clone(&self.shared), options };
            client.client(py)?;
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
        catch_panic(py, || self.client(py)?.base_url().map_err(|error| to_pyerr(py, error)))
    }

    fn key_hint(&self, py: Python<'_>) -> PyResult<Option<String>> {
        catch_panic(py, || self.client(py)?.key_hint().map_err(|error| to_pyerr(py, error)))
    }

    fn spent_usd(&self, py: Python<'_>) -> PyResult<f64> {
        catch_panic(py, || Ok(self.shared.costs().spent_usd()))
    }

    fn generate(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, options: Options<'_, '_>) -> Outcome {
        catch_panic(py, || {
            let request = options::parse(options)?;
            let work = |client: InfraiClient| client.video().generate_from(request).send();
            self.call(py, event_loop, work, |py, job| convert::job(py, &job))
        })
    }

    fn status(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, job: Arg<'_, '_>) -> Outcome {
        catch_panic(py, || {
            let id = options::job_id(job)?;
            let work = |client: InfraiClient| async move { client.video().status(id).await };
            self.call(py, event_loop, work, |py, job| convert::job(py, &job))
        })
    }

    fn cancel(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, job: Arg<'_, '_>) -> Outcome {
        catch_panic(py, || {
            let id = options::job_id(job)?;
            let work = |client: InfraiClient| async move { client.video().cancel(id).await };
            self.call(py, event_loop, work, |py, result| json(py, &result.to_json()))
        })
    }

    fn wait(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        job: Arg<'_, '_>,
        options: Options<'_, '_>,
        on_update: Option<Py<PyAny>>,
    ) -> Outcome {
        catch_panic(py, || {
            let waited = options::waited_job(job, on_update.is_some())?;
            let job = job.clone().unbind();
            let options: WaitOptions = options::parse(options)?;
            let (signal, aborted) = abort_signal();
            // Without something to do before it ends, the wait is dropped at once.
            let signal = options.cancels_on_abort().then_some(signal);
            self.call_with_updates(py, event_loop, on_update, signal, |client, updates| {
                let mut wait = client.video().wait(waited).options(options).abort_when(aborted);
                if let Some(updates) = updates {
                    wait = wait.on_update(move |job| updates(Update::Job(Box::new(job.clone()))));
                }
                let outcome = async move { Ok(wait.send().await) };
                call_future(outcome, move |py, outcome| match outcome {
                    Ok(job) => convert::job(py, &job),
                    Err(error) => Err(to_pyerr(py, options::with_job(error, job.bind(py)))),
                })
            })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the call's arguments in Python")]
    fn download(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        job: Arg<'_, '_>,
        path: Arg<'_, '_>,
        options: Options<'_, '_>,
        on_progress: Option<Py<PyAny>>,
    ) -> Outcome {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            let path = convert::path("path", path)?;
            let options = options::parse(options)?;
            self.call_with_updates(py, event_loop, on_progress, None, |client, updates| {
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
        job: Arg<'_, '_>,
        options: Options<'_, '_>,
    ) -> Outcome {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            let options = options::parse(options)?;
            let open = self.client(py)?.video().download_stream(job).options(options).send();
            let queue = stream_queue(py, self.shared.config.has_callbacks())?;
            let of_stream = queue.clone();
            let future = call_future(open, |py, video| {
                let facts =
                    (convert::job(py, video.job())?, video.size(), video.content_type().map(str::to_owned));
                let stream = Stream::new(StreamKind::Bytes(Box::new(video)), of_stream);
                (stream, facts.0, facts.1, facts.2).into_py_any(py)
            });
            dispatch_stream(py, queue, event_loop, None, future)
        })
    }

    fn watch(&self, py: Python<'_>, job: Arg<'_, '_>) -> PyResult<Stream> {
        catch_panic(py, || {
            let job = options::known_job(job)?;
            self.stream(py, StreamKind::Watch(self.client(py)?.video().watch(job)))
        })
    }

    /// Returns the stream of a batch and the number of its items. `submits` and `updates` ask for these events.
    fn generate_many(
        &self,
        py: Python<'_>,
        prompts: Arg<'_, '_>,
        keys: Option<Arg<'_, '_>>,
        options: Options<'_, '_>,
        submits: bool,
        updates: bool,
    ) -> PyResult<(Stream, usize)> {
        catch_panic(py, || {
            let requests = options::parse_requests(prompts, keys)?;
            let count = requests.len();
            let options: BatchOptions = options::parse(options)?;
            let graceful = options.cancels_on_abort();
            let many = self.client(py)?.video().generate_many(requests).options(options);
            let abort = many.abort_handle();
            let kind = StreamKind::GenerateMany(Box::new(many), WantedEvents { submits, updates });
            let queue = stream_queue(py, self.shared.config.has_callbacks())?;
            Ok((Stream::with_abort(kind, queue, Some(abort), graceful), count))
        })
    }

    fn balance(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>) -> Outcome {
        catch_panic(py, || {
            let work = |client: InfraiClient| async move { client.account().balance().await };
            self.call(py, event_loop, work, |py, balance| json(py, &balance.to_json()))
        })
    }

    fn topup(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        amount_usd: Arg<'_, '_>,
        options: Options<'_, '_>,
    ) -> Outcome {
        catch_panic(py, || {
            let amount = convert::number("amount_usd", amount_usd)?;
            let options = options::parse(options)?;
            let work = |client: InfraiClient| client.account().topup(amount).options(options).send();
            self.call(py, event_loop, work, |py, record| json(py, &record.to_json()))
        })
    }

    fn wait_for_credit(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        min_usd: Arg<'_, '_>,
        options: Options<'_, '_>,
    ) -> Outcome {
        catch_panic(py, || {
            let min_usd = convert::number("min_usd", min_usd)?;
            let options = options::parse(options)?;
            let work =
                |client: InfraiClient| client.account().wait_for_credit(min_usd).options(options).send();
            self.call(py, event_loop, work, |py, balance| json(py, &balance.to_json()))
        })
    }

    fn activate(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, options: Options<'_, '_>) -> Outcome {
        catch_panic(py, || {
            let options = options::parse(options)?;
            let work = |client: InfraiClient| client.activate().options(options).send();
            self.call(py, event_loop, work, |py, result| {
                let (fields, file) = (json(py, &result.to_json())?, result.credentials_file.as_deref());
                (fields, result.primary_api_key.redacted(), &result.profile, file).into_py_any(py)
            })
        })
    }

    fn discover(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        capability: Option<Arg<'_, '_>>,
    ) -> Outcome {
        catch_panic(py, || {
            if let Some(capability) = capability {
                let id = convert::text("capability", capability)?;
                let work = |client: InfraiClient| async move { client.discover_capability(id).await };
                self.call(py, event_loop, work, |py, capability| json(py, &capability.to_json()))
            } else {
                let work = |client: InfraiClient| async move { client.discover().await };
                self.call(py, event_loop, work, |py, discovery| json(py, &discovery.to_json()))
            }
        })
    }

    /// Calls any route. `body` is a tuple of one value, so that the value may be `None`.
    #[allow(clippy::too_many_arguments, reason = "the call's arguments in Python")]
    fn request(
        &self,
        py: Python<'_>,
        event_loop: LoopArg<'_, '_>,
        method: Arg<'_, '_>,
        path: Arg<'_, '_>,
        body: Option<(Bound<'_, PyAny>,)>,
        query: Option<Arg<'_, '_>>,
        options: Options<'_, '_>,
    ) -> Outcome {
        catch_panic(py, || {
            let (method, path) = (convert::text("method", method)?, convert::text("path", path)?);
            let body = body.map(|(body,)| convert::json("body", &body)).transpose()?;
            let query = query.map(convert::query).transpose()?.unwrap_or_default();
            let options = options::parse(options)?;
            let work = |client: InfraiClient| {
                let request = client.request(method, path).options(options).query(query);
                body.into_iter().fold(request, ApiRequest::body).send()
            };
            self.call(py, event_loop, work, |py, response| {
                let metadata = convert::object(py, response.metadata.as_map())?;
                (response.status, json(py, &response.data)?, metadata).into_py_any(py)
            })
        })
    }

    /// For tests: a panic, in the runtime or attached.
    #[pyo3(name = "_panic")]
    fn panic(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>, inside: bool) -> Outcome {
        catch_panic(py, || {
            assert!(inside, "asked for by a test");
            let work = |_| async { panic!("asked for by a test, in the runtime") };
            self.call(py, event_loop, work, |py, ()| Ok(py.None()))
        })
    }
}

fn json(py: Python<'_>, value: &Value) -> Outcome {
    convert::value(py, value).map(Bound::unbind)
}
