//! A scenario's client settings as a client.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use infrai::{ApiKey, CallContext, CallOptions, InfraiClient, InfraiError, KeyProvider, options};
use serde_json::{Map, Value};

/// Makes the client that a scenario asks for.
pub(crate) fn client(settings: &Value) -> Result<InfraiClient, InfraiError> {
    let mut settings = settings.as_object().cloned().unwrap_or_default();
    let function = settings.get("api_key").filter(|key| key.is_object()).cloned();
    if function.is_some() {
        settings.remove("api_key");
    }
    let has_hook = settings.remove("on_request").is_some();
    let options = read(settings).map_err(InfraiError::into_configuration_error)?;
    let mut builder = InfraiClient::builder().options(options);
    if has_hook {
        builder = builder.on_request(|event| {
            Context::with_current(|context| context.record(event.path));
        });
    }
    match function {
        Some(function) if function["$context"] == true => {
            builder.api_key_provider(KeyProvider::new(|| ready(Context::key()))).build()
        }
        Some(function) => builder.api_key_provider(key_function(&function["$function"])).build(),
        None => builder.build(),
    }
}

/// Context of a call: its text, and the paths that the hook recorded in it.
#[derive(Clone, Default)]
pub(crate) struct Context {
    text: String,
    hooks: Arc<Mutex<Vec<String>>>,
}

impl Context {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), hooks: Arc::default() }
    }

    fn with_current<R>(read: impl FnOnce(&Self) -> R) -> Option<R> {
        Some(read(CallContext::current()?.downcast_ref::<Self>()?))
    }

    fn key() -> Result<ApiKey, InfraiError> {
        ApiKey::new(Self::with_current(|context| context.text.clone()).unwrap_or_default())
    }

    fn record(&self, path: &str) {
        self.hooks.lock().expect("no one panics here").push(path.to_owned());
    }

    pub(crate) fn hooks(&self) -> Vec<String> {
        self.hooks.lock().expect("no one panics here").clone()
    }
}

/// Reads a set of options, of which a null one is unset.
fn read<T: for<'de> serde::Deserialize<'de>>(mut options: Map<String, Value>) -> Result<T, InfraiError> {
    options.retain(|_, value| !value.is_null());
    options::parse(Value::Object(options))
}

/// A key function that gives these keys in turn, and the last one again.
fn key_function(keys: &Value) -> KeyProvider {
    let keys: Vec<String> =
        keys.as_array().into_iter().flatten().filter_map(Value::as_str).rev().map(str::to_owned).collect();
    let keys = Arc::new(Mutex::new(keys));
    KeyProvider::new(move || {
        let mut keys = keys.lock().expect("no one panics with the keys");
        let key = if keys.len() > 1 { keys.pop() } else { keys.last().cloned() };
        async move { ApiKey::new(key.unwrap_or_default()) }
    })
}

/// Reads the options that a scenario sets for some calls.
pub(crate) fn options(options: &Value) -> CallOptions {
    read(options.as_object().cloned().unwrap_or_default()).expect("options of calls")
}

/// A number of seconds.
pub(crate) fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().unwrap_or_default())
}
