//! The exported entry: connects an environment, makes clients, and hands events over as one flat array.
#![expect(unsafe_code, reason = "Node-API is C: napi's own writers make a Rust value of every element first")]
#![expect(clippy::needless_pass_by_value, reason = "exported functions own what JavaScript hands them")]

use std::{
    error::Error as StdError,
    fmt, ptr,
    sync::{Arc, Weak},
};

use infrai::{ApiKey, Environment, ErrorKind, InfraiError, KeyProvider};
use napi::{
    Env, Unknown,
    bindgen_prelude::{Function, ToNapiValue},
    check_status, sys,
    threadsafe_function::UnknownReturnValue,
};
use napi_derive::napi;
use serde_json::json;

use crate::{
    client::NativeClient,
    guard::{Given, Refusal, guarded},
    outbox::{Event, Outbox, Payload, Topic, current_call},
    settings,
    values::{Js, read},
};

/// An environment's connection to the runtime: the main thread and every worker have their own.
#[napi]
pub struct Bridge {
    outbox: Arc<Outbox>,
    environment: Environment,
}

/// Which functions a client of JavaScript's was given.
#[napi(object)]
pub struct Functions {
    pub key: bool,
    pub request: bool,
    pub response: bool,
}

#[napi]
impl Bridge {
    /// Connects: from now on `deliver` is called with a flat array, three elements an event: number, topic, payload.
    #[napi(factory)]
    pub fn connect(env: Env, deliver: Function<'_, Batch, UnknownReturnValue>) -> napi::Result<Self> {
        let outbox = Arc::new(Outbox::default());
        let gathered = Arc::downgrade(&outbox);
        let wake = deliver.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            Ok(Batch(gathered.upgrade().map(|outbox| outbox.take()).unwrap_or_default()))
        })?;
        outbox.connect(wake);
        let closing = Arc::downgrade(&outbox);
        env.add_env_cleanup_hook((), move |()| {
            if let Some(outbox) = closing.upgrade() {
                outbox.close();
            }
        })?;
        Ok(Self { outbox, environment: Environment::realm() })
    }

    /// The environment variables that the core reads.
    #[allow(clippy::unused_self, reason = "JavaScript has the connection at hand and not its class")]
    #[napi]
    pub fn variables(&self) -> Vec<String> {
        settings::variables().map(Into::into).collect()
    }

    /// Replaces the values of these variables, in their order, for all clients; `null` is one that is not set.
    #[napi]
    pub fn set_variables(&self, values: Vec<Option<String>>) {
        self.environment.replace(settings::variables().map(Into::into).zip(values));
    }

    /// From now on the process stays alive for what is pending (`true`), or does not.
    #[napi]
    pub fn hold(&self, env: Env, hold: bool) -> napi::Result<()> {
        let Some(wake) = self.outbox.wake() else { return Ok(()) };
        let (env, wake) = (env.raw(), wake.raw());
        // SAFETY: on the environment's own thread, of a function that lives as long as the outbox.
        check_status!(unsafe {
            if hold {
                sys::napi_ref_threadsafe_function(env, wake)
            } else {
                sys::napi_unref_threadsafe_function(env, wake)
            }
        })
    }

    /// Makes a client of the constructor's settings. `runtime` names what runs this.
    #[napi]
    pub fn client(
        &self,
        env: Env,
        settings: Unknown<'_>,
        functions: Functions,
        runtime: String,
    ) -> Given<NativeClient> {
        guarded(|| {
            let settings = read(env, &settings, "").map_err(as_setting)?;
            let mut builder = settings::builder(settings, &runtime)?.environment(self.environment.clone());
            if functions.key {
                let outbox = Arc::downgrade(&self.outbox);
                builder = builder.api_key_provider(KeyProvider::new(move || {
                    // In the context of the call that wants the key, which this is called in.
                    let request = outbox.upgrade().zip(current_call());
                    let request = request.map(|(outbox, call)| outbox.request_key(call));
                    async move {
                        match request {
                            Some(request) => request.answer().await.unwrap_or_else(|| Err(nobody_left())),
                            None => Err(nobody_left()),
                        }
                    }
                }));
            }
            if functions.request {
                let outbox = Arc::downgrade(&self.outbox);
                builder = builder.on_request(move |event| {
                    let told =
                        json!({ "method": event.method, "path": event.path, "attempt": event.attempt });
                    post(&outbox, Topic::Request, &told);
                });
            }
            if functions.response {
                let outbox = Arc::downgrade(&self.outbox);
                builder = builder.on_response(move |event| {
                    let told = json!({
                        "method": event.method,
                        "path": event.path,
                        "attempt": event.attempt,
                        "status": event.status,
                        "latencyMs": event.latency.as_secs_f64() * 1000.0,
                        "requestId": event.request_id,
                    });
                    post(&outbox, Topic::Response, &told);
                });
            }
            let has_functions = functions.key || functions.request || functions.response;
            Ok(NativeClient::new(builder.build()?, Arc::clone(&self.outbox), has_functions))
        })
    }

    /// Ends a call without an outcome; `politely`, a wait cancels its job first and then has one.
    #[napi]
    pub fn abort(&self, number: u32, politely: bool) -> Given<()> {
        guarded(|| {
            self.outbox.abort(number, politely);
            Ok(())
        })
    }

    /// What the key function gave.
    #[napi]
    pub fn answer_key(&self, env: Env, request: u32, key: Unknown<'_>) -> Given<()> {
        guarded(|| {
            let answer = match read(env, &key, "apiKey") {
                Ok(Js::Text(key)) => ApiKey::new(key),
                Ok(other) => Err(key_error(&format!("it gave {}", other.describe()))),
                Err(_) => Err(key_error("it gave something else")),
            };
            self.outbox.answer_key(request, answer);
            Ok(())
        })
    }

    /// The key function threw; JavaScript keeps what under this number.
    #[napi]
    pub fn refuse_key(&self, request: u32, thrown: u32) -> Given<()> {
        guarded(|| {
            let error = key_error("it threw").with_source(Thrown(thrown));
            self.outbox.answer_key(request, Err(error));
            Ok(())
        })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// Posts what a hook is called with, for the call whose attempt it is.
fn post(outbox: &Weak<Outbox>, topic: Topic, event: &serde_json::Value) {
    if let Some((outbox, number)) = outbox.upgrade().zip(current_call()) {
        outbox.post(Event { number, topic, payload: Payload::Json(event.to_string()) });
    }
}

/// A value that cannot be read is an error of the settings that hold it.
fn as_setting(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Error(error) => {
            InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", error.message()).into()
        }
        thrown @ Refusal::Thrown(_) => thrown,
    }
}

fn key_error(what: &str) -> InfraiError {
    let message = format!("the apiKey function gives a string; {what}");
    InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", message)
}

fn nobody_left() -> InfraiError {
    InfraiError::internal("the apiKey function was not asked, because its environment ended")
}

/// What a function of JavaScript's threw, by the number under which JavaScript keeps it.
#[derive(Debug)]
struct Thrown(u32);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JavaScript function threw")
    }
}

impl StdError for Thrown {}

/// An error with the texts of what caused it, or the number of what JavaScript threw.
pub(crate) fn error_json(error: &InfraiError) -> String {
    let mut fields = error.to_json();
    let (mut causes, mut source) = (Vec::new(), error.source());
    while let Some(cause) = source {
        if let Some(Thrown(number)) = cause.downcast_ref() {
            fields["thrown"] = (*number).into();
        }
        causes.push(cause.to_string());
        source = cause.source();
    }
    if !causes.is_empty() {
        fields["causes"] = causes.into();
    }
    fields.to_string()
}

/// Events on their way to JavaScript.
pub struct Batch(Vec<Event>);

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let mut array = ptr::null_mut();
        // SAFETY: on the environment's thread, in the handle scope of the threadsafe function's call; every value is
        // made here, and the buffers are read before the calls return.
        unsafe {
            check_status!(sys::napi_create_array_with_length(env, batch.0.len() * 3, &raw mut array))?;
            let mut at = 0;
            for event in batch.0 {
                let (mut number, mut topic) = (ptr::null_mut(), ptr::null_mut());
                check_status!(sys::napi_create_uint32(env, event.number, &raw mut number))?;
                check_status!(sys::napi_create_uint32(env, event.topic as u32, &raw mut topic))?;
                let payload = payload_value(env, &event.payload)?;
                for value in [number, topic, payload] {
                    check_status!(sys::napi_set_element(env, array, at, value))?;
                    at += 1;
                }
            }
        }
        Ok(array)
    }
}

/// # Safety
/// On the environment's thread, in a handle scope.
unsafe fn payload_value(env: sys::napi_env, payload: &Payload) -> napi::Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: as the function's own.
    unsafe {
        match payload {
            Payload::Nothing => check_status!(sys::napi_get_undefined(env, &raw mut value))?,
            Payload::Json(text) => {
                let length = isize::try_from(text.len()).unwrap_or(isize::MAX);
                check_status!(sys::napi_create_string_utf8(
                    env,
                    text.as_ptr().cast(),
                    length,
                    &raw mut value
                ))?;
            }
            Payload::Bytes(bytes) => {
                let (mut data, mut buffer) = (ptr::null_mut(), ptr::null_mut());
                check_status!(sys::napi_create_arraybuffer(
                    env,
                    bytes.len(),
                    &raw mut data,
                    &raw mut buffer
                ))?;
                ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
                let kind = sys::TypedarrayType::uint8_array;
                check_status!(sys::napi_create_typedarray(
                    env,
                    kind,
                    bytes.len(),
                    buffer,
                    0,
                    &raw mut value
                ))?;
            }
        }
    }
    Ok(value)
}
