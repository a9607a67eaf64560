//! Verification of webhook deliveries.

use infrai::{InfraiError, Language, webhooks};
use napi::{Unknown, bindgen_prelude::Uint8Array};
use napi_derive::napi;

use crate::{
    errors::{CallError, NativeResult, catch_panic},
    values::{JsValue, read},
};

/// An event that was verified.
#[napi(object)]
pub struct VerifiedEvent {
    /// The event as JSON.
    pub json: String,
}

/// Verifies a delivery and returns its event.
#[napi]
pub fn verify_webhook(
    body: Uint8Array,
    header: Option<String>,
    secret: Uint8Array,
) -> NativeResult<VerifiedEvent> {
    catch_panic(Language::Node, || {
        let event = webhooks::verify(&body, header.as_deref(), &secret)?;
        Ok(VerifiedEvent { json: serde_json::to_string(&event).unwrap_or_default() })
    })
}

/// A memory of event ids.
#[napi]
pub struct NativeSeenEvents(webhooks::SeenEvents);

/// Makes a memory of event ids. `undefined` and `null` are the defaults.
#[napi]
pub fn seen_events(capacity: Unknown<'_>, ttl: Unknown<'_>) -> NativeResult<NativeSeenEvents> {
    catch_panic(Language::Node, || {
        let (capacity, ttl) = (number("capacity", &capacity)?, number("ttl", &ttl)?);
        let seen = webhooks::SeenEvents::from_numbers(capacity, ttl.map(|ms| ms / 1000.0))?;
        Ok(NativeSeenEvents(seen))
    })
}

#[napi]
impl NativeSeenEvents {
    /// Adds an id and returns whether it is new.
    #[napi]
    pub fn add(&self, id: Unknown<'_>) -> NativeResult<bool> {
        catch_panic(Language::Node, || Ok(self.0.add(text(&id)?)))
    }

    /// Forgets an id.
    #[napi]
    pub fn remove(&self, id: Unknown<'_>) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            self.0.remove(text(&id)?);
            Ok(())
        })
    }
}

fn number(field: &str, value: &Unknown<'_>) -> Result<Option<f64>, CallError> {
    match read(value, field)? {
        JsValue::Undefined | JsValue::Null => Ok(None),
        JsValue::Number(number) => Ok(Some(number)),
        other => Err(InfraiError::invalid_argument(field, other.describe(), "a number").into()),
    }
}

fn text(id: &Unknown<'_>) -> Result<String, CallError> {
    match read(id, "id")? {
        JsValue::Text(id) => Ok(id),
        other => Err(InfraiError::invalid_argument("id", other.describe(), "a string").into()),
    }
}
