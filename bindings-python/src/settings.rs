//! A client's settings from Python, by the names that `ClientBuilder` gives them.

use std::sync::Arc;

use infrai::{CallOptions, ClientBuilder, ErrorKind, InfraiClient, InfraiError, PollingOptions};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    callbacks::{Callback, CallbackEvent, CallbackQueue},
    convert::{count, flag, number, path, required_text, seconds, text},
    errors, keys, python,
};

/// Settings as they were given: nothing in it belongs to one process.
pub(crate) struct Settings {
    builder: ClientBuilder,
    key_function: Option<Callback>,
    on_request: Option<Callback>,
    on_response: Option<Callback>,
}

impl Settings {
    /// Reads the settings that were given; `None` counts as not given.
    pub(crate) fn read(py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let builder = InfraiClient::builder()
            .client_info("python", env!("CARGO_PKG_VERSION"), &runtime(py)?)
            .ca_bundle_env(&["REQUESTS_CA_BUNDLE"]);
        let mut settings = Self { builder, key_function: None, on_request: None, on_response: None };
        for (name, value) in given {
            if !value.is_none() {
                settings = settings.set(&name.extract::<String>()?, &value)?;
            }
        }
        Ok(settings)
    }

    fn set(mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let builder = self.builder;
        self.builder = match name {
            "api_key" if value.is_callable() => {
                self.key_function = Some(Arc::new(value.clone().unbind()));
                builder
            }
            "api_key" => builder.api_key(required_text(name, value)?),
            "base_url" => builder.base_url(text(name, value)?),
            "profile" => builder.profile(text(name, value)?),
            "credentials_file" => builder.credentials_file(path(name, value)?),
            "timeout" => builder.timeout(seconds(name, value)?),
            "attempt_timeout" => builder.attempt_timeout(seconds(name, value)?),
            "connect_timeout" => builder.connect_timeout(seconds(name, value)?),
            "download_idle_timeout" => builder.download_idle_timeout(seconds(name, value)?),
            "max_retries" => builder.max_retries(count(name, value)?),
            "retry_base" => builder.retry_base(seconds(name, value)?),
            "retry_cap" => builder.retry_cap(seconds(name, value)?),
            "polling" => builder.polling(polling(value)?),
            "default_headers" => headers(name, value)?
                .into_iter()
                .fold(builder, |builder, (name, value)| builder.default_header(&name, &value)),
            "proxy" => builder.proxy(required_text(name, value)?),
            "ca_file" => builder.ca_file(path(name, value)?),
            "user_agent_suffix" => builder.user_agent_suffix(text(name, value)?),
            "allow_insecure_http" => builder.allow_insecure_http(flag(name, value)?),
            "on_request" => {
                self.on_request = Some(callable(name, value)?);
                builder
            }
            "on_response" => {
                self.on_response = Some(callable(name, value)?);
                builder
            }
            _ => return Err(unknown(value.py(), name)),
        };
        Ok(self)
    }

    /// Whether calls have something of the caller's to run.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.key_function.is_some() || self.on_request.is_some() || self.on_response.is_some()
    }

    /// A client of these settings. Its callbacks go to the queue of the call that they belong to.
    pub(crate) fn build(&self) -> Result<InfraiClient, InfraiError> {
        let mut builder = self.builder.clone();
        if let Some(function) = &self.key_function {
            builder = builder.api_key_provider(keys::provider(function));
        }
        if let Some(hook) = &self.on_request {
            let hook = Arc::clone(hook);
            builder = builder.on_request(move |event| {
                if let Some(queue) = CallbackQueue::current() {
                    queue.push(CallbackEvent::request(&hook, event));
                }
            });
        }
        if let Some(hook) = &self.on_response {
            let hook = Arc::clone(hook);
            builder = builder.on_response(move |event| {
                if let Some(queue) = CallbackQueue::current() {
                    queue.push(CallbackEvent::response(&hook, event));
                }
            });
        }
        builder.build()
    }
}

/// What `with_options` takes.
pub(crate) fn options(
    timeout: Option<&Bound<'_, PyAny>>,
    max_retries: Option<&Bound<'_, PyAny>>,
    extra_headers: Option<&Bound<'_, PyAny>>,
) -> PyResult<CallOptions> {
    let mut options = CallOptions::new();
    if let Some(timeout) = timeout {
        options = options.timeout(seconds("timeout", timeout)?);
    }
    if let Some(retries) = max_retries {
        options = options.max_retries(count("max_retries", retries)?);
    }
    if let Some(extra) = extra_headers {
        for (name, value) in headers("headers", extra)? {
            options = options.header(name, value);
        }
    }
    Ok(options)
}

fn unknown(py: Python<'_>, name: &str) -> PyErr {
    let message = format!("there is no setting {name:?}");
    errors::raise(py, &InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", message))
}

fn callable(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Callback> {
    if value.is_callable() {
        return Ok(Arc::new(value.clone().unbind()));
    }
    let got = value.get_type().name()?.to_string();
    Err(errors::refuse(value.py(), name, &format!("a value of type {got}"), "a callable"))
}

fn dict<'a, 'py>(name: &str, value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyDict>> {
    value.cast::<PyDict>().map_err(|_| {
        let got = value.get_type().name().map_or_else(|_| "unknown".into(), |name| name.to_string());
        errors::refuse(value.py(), name, &format!("a value of type {got}"), "a dict")
    })
}

fn headers(setting: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let headers = dict(setting, value)?.iter();
    headers.map(|(name, value)| Ok((text(setting, &name)?, required_text(setting, &value)?))).collect()
}

fn polling(value: &Bound<'_, PyAny>) -> PyResult<PollingOptions> {
    let mut options = PollingOptions::default();
    // Of its own: what a value runs to say which number it is may change the dict.
    for item in dict("polling", value)?.items() {
        let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let name = text("polling", &name)?;
        let field = format!("polling.{name}");
        match name.as_str() {
            "request_cost" => options.request_cost = number(&field, &value)?,
            "min_interval" => options.min_interval = number(&field, &value)?,
            "max_interval" => options.max_interval = number(&field, &value)?,
            "expected_duration" => options.expected_duration = number(&field, &value)?,
            "refresh" => options.refresh = number(&field, &value)?,
            "jitter" => options.jitter = number(&field, &value)?,
            "max_requests_per_second" => options.max_requests_per_second = number(&field, &value)?,
            "concurrency" => options.concurrency = count(&field, &value)?,
            _ => return Err(unknown(value.py(), &field)),
        }
    }
    Ok(options)
}

/// The interpreter's name and version, for the `User-Agent`.
fn runtime(py: Python<'_>) -> PyResult<String> {
    let implementation =
        py.import(python::intern!(py, "sys"))?.getattr(python::intern!(py, "implementation"))?;
    let name: String = implementation.getattr(python::intern!(py, "name"))?.extract()?;
    let version = py.version_info();
    Ok(format!("{name} {}.{}.{}", version.major, version.minor, version.patch))
}
