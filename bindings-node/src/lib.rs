//! The native module of `@infrai/sdk`: converts JavaScript values to the core's types and back.
//!
//! ```text
//! ts/ ── call id, arguments ──────> NativeClient, NativeStream   (values, options)
//!    <── call id, kind, payload ─── EventQueue                   (one threadsafe function per environment)
//! ```
//!
//! No call blocks JavaScript's thread. It becomes a task of the runtime, and its outcome an event. The queue wakes
//! JavaScript once for all events that have gathered. The promises are in `ts/`.
#![allow(missing_docs, reason = "ts/ documents the public items")]
#![expect(clippy::needless_pass_by_value, reason = "exported functions own what JavaScript hands them")]

mod callbacks;
mod client;
mod errors;
mod events;
mod options;
mod runtime;
mod stream;
mod values;
pub mod webhooks;

use std::sync::Arc;

use infrai::{
    Environment, InfraiClient, Language,
    options::{ClientOptions, names},
};
use infrai_bindings::{ForeignException, KeyError};
use napi::{Env, Unknown, bindgen_prelude::Function, threadsafe_function::UnknownReturnValue};
use napi_derive::napi;

use crate::{
    callbacks::Callbacks,
    client::NativeClient,
    errors::{CallError, NativeResult, catch_panic},
    events::{EventBatch, EventQueue},
    options::Signature,
    values::{JsValue, read},
};

const ADDITIONAL_CA_VARIABLES: [&str; 1] = ["NODE_EXTRA_CA_CERTS"];

/// Returns the environment variables that a client reads.
fn variables() -> impl Iterator<Item = &'static str> {
    Environment::variables().chain(ADDITIONAL_CA_VARIABLES)
}

/// The connection of an environment: the main thread and every worker have their own.
#[napi]
pub struct NativeBinding {
    queue: Arc<EventQueue>,
    environment: Environment,
}

#[napi]
impl NativeBinding {
    /// Connects an environment. `dispatch` takes the events as one flat array.
    #[napi(factory)]
    pub fn install(env: Env, dispatch: Function<'_, EventBatch, UnknownReturnValue>) -> napi::Result<Self> {
        let queue = Arc::new(EventQueue::default());
        let source = Arc::downgrade(&queue);
        let callback = dispatch
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_| Ok(source.upgrade().map(|queue| queue.take()).unwrap_or_default()))?;
        queue.connect(callback);
        let closing = Arc::downgrade(&queue);
        env.add_env_cleanup_hook((), move |()| {
            if let Some(queue) = closing.upgrade() {
                queue.close();
            }
        })?;
        Ok(Self { queue, environment: Environment::realm() })
    }

    /// Returns the names of the environment variables that the core reads.
    #[allow(clippy::unused_self, reason = "JavaScript has the object and not its class")]
    #[napi]
    pub fn variables(&self) -> Vec<String> {
        variables().map(Into::into).collect()
    }

    /// Replaces the values of these variables, in their order, for all clients. `null` is unset.
    #[napi]
    pub fn set_variables(&self, values: Vec<Option<String>>) {
        self.environment.replace(variables().map(Into::into).zip(values));
    }

    /// Keeps the process alive.
    #[napi(js_name = "ref")]
    pub fn keep_alive(&self, env: Env) -> napi::Result<()> {
        self.queue.set_ref(env, true)
    }

    /// Keeps the process alive no longer.
    #[napi]
    pub fn unref(&self, env: Env) -> napi::Result<()> {
        self.queue.set_ref(env, false)
    }

    /// Makes a client from the options of the constructor. `runtime` is the program that runs it, for `User-Agent`.
    #[napi]
    pub fn client(
        &self,
        options: Unknown<'_>,
        callbacks: Callbacks,
        runtime: String,
    ) -> NativeResult<NativeClient> {
        let parse = || -> Result<ClientOptions, CallError> {
            let signature = Signature::of_client(names::<ClientOptions>(), &["onRequest", "onResponse"]);
            Ok(signature.read(read(&options, "")?)?.parse()?)
        };
        catch_panic(Language::Node, || {
            let builder = InfraiClient::builder()
                .options(parse().map_err(CallError::into_configuration_error)?)
                .client_info("node", env!("CARGO_PKG_VERSION"), &runtime)
                .additional_ca_env(&ADDITIONAL_CA_VARIABLES)
                .environment(self.environment.clone());
            let client = callbacks.install(builder, &self.queue).build()?;
            Ok(NativeClient::new(client, Arc::clone(&self.queue), callbacks.any()))
        })
    }

    /// Ends a call without an outcome. With `graceful`, a wait that is to cancel its job does so and then has an outcome.
    #[napi]
    pub fn abort(&self, call_id: u32, graceful: bool) {
        self.queue.abort(call_id, graceful);
    }

    /// Passes on the result of the key function.
    #[napi]
    pub fn resolve_key(&self, request: u32, key: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let key = match read(&key, "apiKey") {
                Ok(JsValue::Text(key)) => Ok(key),
                Ok(other) => Err(KeyError::WrongType { got: other.type_name().into() }),
                Err(_) => Err(KeyError::WrongType { got: "a value that is no plain data".into() }),
            };
            self.queue.resolve_key(request, key);
            Ok(())
        })
    }

    /// Passes on that the key function threw. JavaScript keeps the exception under this number.
    #[napi]
    pub fn reject_key(&self, request: u32, exception: u32) {
        let exception = ForeignException::new(exception, "it threw");
        self.queue.resolve_key(request, Err(KeyError::Exception(Arc::new(exception))));
    }
}

impl Drop for NativeBinding {
    fn drop(&mut self) {
        self.queue.close();
    }
}
