//! Options of a client and of its calls, which the core parses, and references to jobs.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use infrai::{
    ClientBuilder, GenerateRequest, InfraiClient, InfraiError, JobCosts, VideoJob, VideoState,
    options::ClientOptions, video::JobRef,
};
use infrai_bindings::{key_provider, key_request};
use pyo3::{prelude::*, types::PyDict};
use serde::Deserialize;
use serde_json::json;

use crate::{
    callbacks::{Callback, CallbackEvent, CallbackQueue},
    convert,
    errors::{invalid_argument, to_pyerr},
    logging, py_util,
};

/// Parses the options of a call. An absent option has its default.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(options: &Bound<'_, PyDict>) -> PyResult<T> {
    let values = convert::options(options)?;
    infrai::options::parse(values).map_err(|error| to_pyerr(options.py(), error))
}

/// Parses what `generate_many` is to generate, with an idempotency key for each item if there are keys.
pub(crate) fn parse_requests(
    prompts: &Bound<'_, PyAny>,
    keys: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<GenerateRequest>> {
    let py = prompts.py();
    let items = convert::array("prompts", prompts)?;
    let items = items.iter().enumerate().map(|(index, item)| convert::prompt(index, item));
    let items = json!({ "prompts": items.collect::<PyResult<Vec<_>>>()? });
    let mut parsed: HashMap<String, Vec<GenerateRequest>> =
        infrai::options::parse(items).map_err(|error| to_pyerr(py, error))?;
    let requests = parsed.remove("prompts").unwrap_or_default();
    let Some(keys) = keys else { return Ok(requests) };
    let keys = convert::array("keys", keys)?;
    if keys.len() != requests.len() {
        let got = format!("{} keys for {} prompts", keys.len(), requests.len());
        return Err(invalid_argument(py, "keys", &got, "one idempotency key for each prompt"));
    }
    let keyed = requests.into_iter().zip(keys.iter().enumerate()).map(|(request, (index, key))| {
        Ok(request.idempotency_key(convert::text(&format!("keys[{index}]"), key)?))
    });
    keyed.collect()
}

/// A client's options and callbacks. Nothing in it belongs to one process.
pub(crate) struct ClientConfig {
    builder: ClientBuilder,
    api_key: Option<Callback>,
    on_request: Option<Callback>,
    on_response: Option<Callback>,
}

impl ClientConfig {
    /// Parses a client's options. `api_key` may be a function.
    pub(crate) fn parse(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = options.py();
        let options = options.copy()?;
        let [api_key, on_request, on_response] =
            ["api_key", "on_request", "on_response"].map(|name| take_callable(&options, name));
        // Calls import nothing: a fork during an import blocks the child, and threads of gevent's pool block one another.
        logging::load(py)?;
        py_util::import_attr(py, "infrai._errors", "_from_native")?;
        if let Ok(Some(_)) = api_key {
            py_util::import_attr(py, "infrai._keys", "call_provider")?;
        }
        let credentials_file = take_path(&options, "credentials_file")?;
        let ca_file = take_path(&options, "ca_file")?;
        let options: ClientOptions = infrai::options::parse(convert::options(&options)?)
            .map_err(|error| to_pyerr(py, error.into_configuration_error()))?;
        let mut builder = InfraiClient::builder().options(options);
        if let Some(path) = credentials_file {
            builder = builder.credentials_file(path);
        }
        if let Some(path) = ca_file {
            builder = builder.ca_file(path);
        }
        let builder = builder
            .client_info("python", env!("CARGO_PKG_VERSION"), &interpreter_version(py)?)
            .ca_bundle_env(&["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]);
        Ok(Self { builder, api_key: api_key?, on_request: on_request?, on_response: on_response? })
    }

    /// Returns whether calls may have callbacks.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.api_key.is_some() || self.on_request.is_some() || self.on_response.is_some()
    }

    /// Builds a client. Its callbacks go to the queue of the call that they belong to.
    pub(crate) fn build(&self, costs: JobCosts) -> Result<InfraiClient, InfraiError> {
        let mut builder = self.builder.clone().costs(costs);
        if let Some(function) = self.api_key.clone() {
            builder = builder.api_key_provider(key_provider(move || {
                let (responder, key) = key_request();
                push(CallbackEvent::Key(Arc::clone(&function), responder));
                key
            }));
        }
        if let Some(hook) = self.on_request.clone() {
            builder = builder.on_request(move |event| {
                let event = json!({"method": event.method, "path": event.path, "attempt": event.attempt});
                push(CallbackEvent::Hook(Arc::clone(&hook), event));
            });
        }
        if let Some(hook) = self.on_response.clone() {
            builder = builder.on_response(move |event| {
                let event = json!({
                    "method": event.method, "path": event.path, "attempt": event.attempt,
                    "status": event.status, "latency": event.latency.as_secs_f64(), "request_id": event.request_id,
                });
                push(CallbackEvent::Hook(Arc::clone(&hook), event));
            });
        }
        builder.build()
    }
}

/// Queues an event for the call that the core is working for.
fn push(event: CallbackEvent) {
    if let Some(queue) = CallbackQueue::current() {
        queue.push(event);
    }
}

/// Removes a callable from the options.
fn take_callable(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Option<Callback>> {
    let Some(value) = options.get_item(name)?.filter(PyAnyMethods::is_callable) else { return Ok(None) };
    options.del_item(name)?;
    Ok(Some(Arc::new(value.unbind())))
}

/// Removes a path from the options: a file name need not be valid Unicode, which a value of JSON is. Another value stays,
/// for the core to refuse.
fn take_path(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Option<PathBuf>> {
    let path = options.get_item(name)?.and_then(|value| value.extract::<PathBuf>().ok());
    if path.is_some() {
        options.del_item(name)?;
    }
    Ok(path)
}

/// Returns the interpreter's name and version for the `User-Agent`.
fn interpreter_version(py: Python<'_>) -> PyResult<String> {
    let name: String = py_util::import_attr(py, "sys", "implementation")?.getattr("name")?.extract()?;
    let version = py.version_info();
    Ok(format!("{name} {}.{}.{}", version.major, version.minor, version.patch))
}

/// Returns the id of a job, given as an id or a job.
pub(crate) fn job_id(job: &Bound<'_, PyAny>) -> PyResult<String> {
    let Some(dict) = convert::as_dict(job)? else { return convert::text("id", job) };
    match dict.get_item("job_id")? {
        Some(id) => convert::text("id", &id),
        None => Err(invalid_argument(job.py(), "id", "a job without `job_id`", "a job's id, or a job")),
    }
}

/// Returns the reference of a wait: the id and the cost, unless its last known state is needed, because the wait `observes` the
/// job's states or because a job that has ended is not polled.
pub(crate) fn waited_job(job: &Bound<'_, PyAny>, observes: bool) -> PyResult<JobRef> {
    let state =
        convert::as_dict(job)?.and_then(|dict| dict.get_item("state").ok()??.extract::<String>().ok());
    if observes || state.is_some_and(|state| VideoState::from(state.as_str()).is_terminal()) {
        return known_job(job);
    }
    let cost = convert::as_dict(job)?.and_then(|dict| dict.get_item("cost_usd").ok()??.extract().ok());
    job_id(job).map(|id| JobRef::from(id).cost_usd(cost))
}

/// Returns a reference to a job with its last known state, if it has one: a dict may hold the id alone.
pub(crate) fn known_job(job: &Bound<'_, PyAny>) -> PyResult<JobRef> {
    let id = job_id(job)?;
    Ok(parse_job(job)?.map_or_else(|| JobRef::from(id), JobRef::from))
}

/// Adds the job that a call was made for to an error without a job.
pub(crate) fn with_job(error: InfraiError, job: &Bound<'_, PyAny>) -> InfraiError {
    match parse_job(job) {
        Ok(Some(job)) if error.job().is_none() => error.with_job(job),
        _ => error,
    }
}

fn parse_job(job: &Bound<'_, PyAny>) -> PyResult<Option<VideoJob>> {
    let Some(dict) = convert::as_dict(job)? else { return Ok(None) };
    Ok(VideoJob::from_json(convert::json("id", &dict)?).ok())
}
