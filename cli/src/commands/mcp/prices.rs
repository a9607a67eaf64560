//! Price of a video before it is submitted, from the API's discovery.

use std::time::{Duration, Instant};

use infrai::{Capability, InfraiClient, Result};
use serde_json::Value;
use tokio::sync::Mutex;

use super::budget::refused;

/// Time for which a price list is used.
const LIFETIME: Duration = Duration::from_secs(600);

/// The API's price list, fetched when a limit needs it.
#[derive(Debug, Default)]
pub(super) struct PriceList(Mutex<Option<(Instant, Capability)>>);

impl PriceList {
    /// Returns the price of a request in US dollars.
    ///
    /// # Errors
    /// `PRICE_UNKNOWN` if the API declares none, and those of discovery.
    pub(super) async fn price(&self, client: &InfraiClient, body: &Value) -> Result<f64> {
        let mut list = self.0.lock().await;
        if list.as_ref().is_none_or(|(fetched, _)| fetched.elapsed() > LIFETIME) {
            *list = Some((Instant::now(), client.discover_capability("video.generate").await?));
        }
        let price = list.as_ref().and_then(|(_, capability)| capability.price_usd(body));
        price.ok_or_else(|| {
            refused(
                "PRICE_UNKNOWN",
                "the limit needs the video's price, and the API declares none for these options",
                "Set duration_seconds, choose another resolution or prefer, or ask the user to start the server without a \
                 spending limit.",
            )
        })
    }
}
