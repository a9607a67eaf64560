//! Callbacks of a client: key function and hooks, which JavaScript runs in the context of their call.

use std::sync::{Arc, Weak};

use infrai::ClientBuilder;
use infrai_bindings::{KeyError, key_provider};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::events::{EventKind, EventQueue, Payload, current_call_id};

/// The callbacks that a client has.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct Callbacks {
    pub key: bool,
    pub request: bool,
    pub response: bool,
}

impl Callbacks {
    /// Returns whether the client has any.
    pub(crate) fn any(self) -> bool {
        self.key || self.request || self.response
    }

    /// Sets the callbacks of a client. Their events carry the id of the call that they belong to.
    pub(crate) fn install(self, mut builder: ClientBuilder, queue: &Arc<EventQueue>) -> ClientBuilder {
        if self.key {
            let queue = Arc::downgrade(queue);
            builder = builder.api_key_provider(key_provider(move || {
                let call = queue.upgrade().zip(current_call_id());
                let response = call.map(|(queue, call_id)| queue.request_key(call_id));
                async move {
                    match response {
                        Some(response) => response.await,
                        None => Err(KeyError::NotCalled),
                    }
                }
            }));
        }
        if self.request {
            let queue = Arc::downgrade(queue);
            builder = builder.on_request(move |event| {
                let event = json!({ "method": event.method, "path": event.path, "attempt": event.attempt });
                push(&queue, EventKind::Request, &event);
            });
        }
        if self.response {
            let queue = Arc::downgrade(queue);
            builder = builder.on_response(move |event| {
                let event = json!({
                    "method": event.method,
                    "path": event.path,
                    "attempt": event.attempt,
                    "status": event.status,
                    "latencyMs": event.latency.as_secs_f64() * 1000.0,
                    "requestId": event.request_id,
                });
                push(&queue, EventKind::Response, &event);
            });
        }
        builder
    }
}

fn push(queue: &Weak<EventQueue>, kind: EventKind, event: &Value) {
    if let Some((queue, call_id)) = queue.upgrade().zip(current_call_id()) {
        queue.push(call_id, kind, Payload::Json(event.to_string()));
    }
}
