//! A scenario's client settings as a client.

use std::sync::Mutex;
use std::time::Duration;

use infrai::{ApiKey, CallOptions, InfraiClient, InfraiError, options};
use serde_json::{Map, Value};

/// Makes the client that a scenario asks for.
pub(crate) fn client(settings: &Value) -> Result<InfraiClient, InfraiError> {
    let mut settings = settings.as_object().cloned().unwrap_or_default();
    let keys = settings.get("api_key").and_then(|key| key.get("$function")).cloned();
    if keys.is_some() {
        settings.remove("api_key");
    }
    let options = read(settings).map_err(InfraiError::into_configuration_error)?;
    let builder = InfraiClient::builder().options(options);
    match keys {
        Some(keys) => builder.api_key_provider(key_function(&keys)).build(),
        None => builder.build(),
    }
}

/// Reads a set of options, of which a null one is unset.
fn read<T: for<'de> serde::Deserialize<'de>>(mut options: Map<String, Value>) -> Result<T, InfraiError> {
    options.retain(|_, value| !value.is_null());
    options::parse(Value::Object(options))
}

/// A key function that gives these keys in turn, and the last one again.
fn key_function(keys: &Value) -> infrai::KeyProvider {
    let keys: Vec<String> =
        keys.as_array().into_iter().flatten().filter_map(Value::as_str).rev().map(str::to_owned).collect();
    let keys = std::sync::Arc::new(Mutex::new(keys));
    infrai::KeyProvider::new(move || {
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
