//! Verification of webhook deliveries.

use infrai::{
    Language,
    webhooks::{self, WebhookEvent},
};

use crate::error::{NativeError, catch};

/// Verifies a delivery and returns its event.
///
/// # Errors
/// `WEBHOOK_VERIFICATION_FAILED`.
#[uniffi::export]
pub fn verify_webhook(
    body: Vec<u8>,
    header: Option<String>,
    secret: &str,
    language: Language,
) -> Result<WebhookEvent, NativeError> {
    catch(language, || webhooks::verify(&body, header.as_deref(), secret))
}

/// A memory of event ids.
#[derive(Debug, uniffi::Object)]
pub struct SeenEventIds(webhooks::SeenEvents);

#[uniffi::export]
impl SeenEventIds {
    /// Makes a memory; the time is in seconds.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a number is out of its bounds.
    #[uniffi::constructor]
    pub fn new(capacity: Option<f64>, ttl: Option<f64>, language: Language) -> Result<Self, NativeError> {
        catch(language, || webhooks::SeenEvents::from_numbers(capacity, ttl).map(Self))
    }

    /// Adds an id and returns whether it is new.
    pub fn add(&self, id: &str) -> bool {
        self.0.add(id)
    }

    /// Forgets an id.
    pub fn remove(&self, id: &str) {
        self.0.remove(id);
    }
}
