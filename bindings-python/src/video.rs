//! The options of the calls about videos, from Python.

use std::sync::Arc;

use infrai::{
    GenerateRequest, InfraiClient, InfraiError, VideoJob,
    video::{GenerateMany, JobRef, Wait, Watch},
};
use pyo3::{
    prelude::*,
    types::{PyDict, PyEllipsis, PyMapping, PyString},
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    callbacks::{Callback, CallbackEvent, CallbackQueue, Update},
    channel,
    convert::{array, count, json_object, number, optional_text, seconds, text},
    errors,
};

/// The receiver of a call's updates.
pub(crate) enum UpdateSender {
    /// A blocking call's thread.
    Thread(Arc<CallbackQueue>, Callback),
    /// The awaited call of this number on this event loop.
    EventLoop(Arc<channel::Shared>, u64),
}

impl UpdateSender {
    pub(crate) fn send(&self, update: Update) {
        match self {
            Self::Thread(queue, callback) => queue.push(CallbackEvent::Update(Arc::clone(callback), update)),
            Self::EventLoop(event_loop, number) => event_loop.post_update(*number, update),
        }
    }
}

/// An id, or a job as last seen.
pub(crate) fn job_ref(value: &Bound<'_, PyAny>) -> PyResult<JobRef> {
    // Whether something is a Mapping takes a call of Python's to find out, and most are ids.
    if value.is_instance_of::<PyString>() {
        return text("id", value).map(JobRef::from);
    }
    let map = match (value.cast::<PyDict>(), value.cast::<PyMapping>()) {
        (Ok(dict), _) => json_object("id", dict)?,
        (_, Ok(mapping)) => {
            let dict = PyDict::new(value.py());
            dict.update(mapping)?;
            json_object("id", &dict)?
        }
        _ => return text("id", value).map(JobRef::from),
    };
    let id = map.get("job_id").and_then(Value::as_str).map(str::to_owned);
    match (VideoJob::from_json(Value::Object(map)), id) {
        (Ok(job), _) => Ok(JobRef::from(job)),
        // A dict with nothing but the id is an id.
        (Err(_), Some(id)) => Ok(JobRef::from(id)),
        (Err(error), None) => Err(errors::raise(
            value.py(),
            &InfraiError::invalid_argument("id", error.message(), "a job's id, or a job"),
        )),
    }
}

/// The options of `generate`, each as Python named it.
pub(crate) struct GenerateOptions<'a, 'py> {
    pub(crate) prompt: &'a Bound<'py, PyAny>,
    pub(crate) reference_image_url: &'a Bound<'py, PyAny>,
    pub(crate) duration_seconds: &'a Bound<'py, PyAny>,
    pub(crate) aspect: &'a Bound<'py, PyAny>,
    pub(crate) resolution: &'a Bound<'py, PyAny>,
    pub(crate) prefer: &'a Bound<'py, PyAny>,
    pub(crate) model: &'a Bound<'py, PyAny>,
    pub(crate) vendor: &'a Bound<'py, PyAny>,
    pub(crate) idempotency_key: &'a Bound<'py, PyAny>,
}

/// What to generate; `None` is as if an option had not been given.
pub(crate) fn request(options: &GenerateOptions<'_, '_>) -> PyResult<GenerateRequest> {
    let mut request = GenerateRequest::new(text("prompt", options.prompt)?);
    for (name, value) in [
        ("reference_image_url", options.reference_image_url),
        ("duration_seconds", options.duration_seconds),
        ("aspect", options.aspect),
        ("resolution", options.resolution),
        ("prefer", options.prefer),
        ("model", options.model),
        ("vendor", options.vendor),
        ("idempotency_key", options.idempotency_key),
    ] {
        request = with_option(request, name, name, value)?;
    }
    Ok(request)
}

fn with_option(
    request: GenerateRequest,
    name: &str,
    field: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<GenerateRequest> {
    if name == "duration_seconds" {
        return if value.is_none() {
            Ok(request)
        } else {
            Ok(request.duration_seconds(number(field, value)?))
        };
    }
    let given = optional_text(field, value)?;
    Ok(match (name, given) {
        (_, None) => request,
        ("reference_image_url", Some(url)) => request.reference_image_url(url),
        ("aspect", Some(aspect)) => request.aspect(aspect),
        ("resolution", Some(resolution)) => request.resolution(resolution),
        ("prefer", Some(prefer)) => request.prefer(prefer),
        ("model", Some(model)) => request.model(model),
        ("vendor", Some(vendor)) => request.vendor(vendor),
        ("idempotency_key", Some(key)) => request.idempotency_key(key),
        (_, Some(_)) => {
            let expected = "the options of generate";
            return Err(errors::refuse(value.py(), field, "an option that does not exist", expected));
        }
    })
}

/// One of many: a prompt, or a dict of `generate`'s options.
fn one_of_many(index: usize, item: &Bound<'_, PyAny>) -> PyResult<GenerateRequest> {
    let place = format!("prompts[{index}]");
    if item.is_instance_of::<PyString>() {
        return text(&place, item).map(GenerateRequest::new);
    }
    let expected = "a prompt, or a dict of generate's options with a prompt";
    let refused = |got: &str| errors::refuse(item.py(), &place, got, expected);
    let dict = item.cast::<PyDict>().map_err(|_| refused("something else"))?;
    let prompt = dict.get_item("prompt")?.ok_or_else(|| refused("a dict without a prompt"))?;
    let mut request = GenerateRequest::new(text(format!("{place}.prompt"), &prompt)?);
    for item in dict.items() {
        let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let name = text(&place, &name)?;
        if name != "prompt" {
            request = with_option(request, &name, &format!("{place}.{name}"), &value)?;
        }
    }
    Ok(request)
}

/// Many jobs.
pub(crate) fn many(
    client: &InfraiClient,
    prompts: &Bound<'_, PyAny>,
    concurrency: Option<&Bound<'_, PyAny>>,
    keys: Option<&Bound<'_, PyAny>>,
    key_prefix: Option<&Bound<'_, PyAny>>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<GenerateMany> {
    let mut requests = array("prompts", prompts)?
        .iter()
        .enumerate()
        .map(|(index, item)| one_of_many(index, item))
        .collect::<PyResult<Vec<_>>>()?;
    if let Some(keys) = keys {
        let keys = array("keys", keys)?;
        if keys.len() != requests.len() {
            let got = format!("{} keys for {} prompts", keys.len(), requests.len());
            return Err(errors::refuse(prompts.py(), "keys", &got, "one idempotency key for each prompt"));
        }
        requests = requests
            .into_iter()
            .zip(keys.iter().enumerate())
            .map(|(request, (index, key))| Ok(request.idempotency_key(text(format!("keys[{index}]"), key)?)))
            .collect::<PyResult<Vec<_>>>()?;
    }
    let mut many = client.video().generate_many(requests);
    if let Some(concurrency) = concurrency {
        many = many.concurrency(count("concurrency", concurrency)?);
    }
    if let Some(prefix) = key_prefix {
        many = many.key_prefix(text("key_prefix", prefix)?);
    }
    Ok(match patience(timeout)? {
        Patience::Default => many,
        Patience::Endless => many.no_timeout(),
        Patience::Seconds(timeout) => many.timeout(timeout),
    })
}

/// How long to wait, as Python says it: `...` is the default, `None` for ever.
enum Patience {
    Default,
    Endless,
    Seconds(std::time::Duration),
}

fn patience(timeout: &Bound<'_, PyAny>) -> PyResult<Patience> {
    if timeout.is_instance_of::<PyEllipsis>() {
        Ok(Patience::Default)
    } else if timeout.is_none() {
        Ok(Patience::Endless)
    } else {
        seconds("timeout", timeout).map(Patience::Seconds)
    }
}

/// A wait.
pub(crate) fn wait(
    client: &InfraiClient,
    job: JobRef,
    timeout: &Bound<'_, PyAny>,
    cancel_on_timeout: bool,
    updates: Option<UpdateSender>,
    aborted: Option<oneshot::Receiver<()>>,
) -> PyResult<Wait> {
    let mut wait = client.video().wait(job).cancel_on_timeout(cancel_on_timeout);
    if let Some(aborted) = aborted {
        wait = wait.cancel_on_abort(true).abort_when(async {
            if aborted.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
    }
    if let Some(updates) = updates {
        wait = wait.on_update(move |job| updates.send(Update::Job(Box::new(job.clone()))));
    }
    Ok(match patience(timeout)? {
        Patience::Default => wait,
        Patience::Endless => wait.no_timeout(),
        Patience::Seconds(timeout) => wait.timeout(timeout),
    })
}

/// A watch.
pub(crate) fn watch(client: &InfraiClient, job: JobRef) -> Watch {
    client.video().watch(job)
}
