//! Price of a video before it is submitted, from the API's discovery.

use std::time::{Duration, Instant};

use infrai::{Capability, InfraiClient, Result};
use rmcp::model::JsonObject;
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
    pub(super) async fn price(&self, client: &InfraiClient, request: &JsonObject) -> Result<f64> {
        let mut list = self.0.lock().await;
        if list.as_ref().is_none_or(|(fetched, _)| fetched.elapsed() > LIFETIME) {
            *list = Some((Instant::now(), client.discover_capability("video.generate").await?));
        }
        let capability = list.as_ref().map(|(_, capability)| capability.to_json()).unwrap_or_default();
        price(&capability, request)
    }
}

fn price(capability: &Value, request: &JsonObject) -> Result<f64> {
    let billing = &capability["billing"];
    if billing["free"] == true || billing["is_billable"] == false {
        return Ok(0.0);
    }
    let properties = &capability["parameters"]["properties"];
    let value = |name: &str| request.get(name).or_else(|| properties.get(name)?.get("default"));
    let unit_price = match billing["prices"].as_array() {
        // An entry's names are the values of options that it is the price of.
        Some(entries) => entries
            .iter()
            .filter_map(Value::as_object)
            .find(|entry| {
                entry.iter().all(|(name, wanted)| match wanted.as_str() {
                    Some(wanted) => value(name).and_then(Value::as_str) == Some(wanted),
                    None => true,
                })
            })
            .and_then(|entry| entry.get("price_usd")?.as_f64()),
        None => billing["price_usd"].as_f64(),
    };
    let unknown = |reason: &str, hint: &str| {
        Err(refused("PRICE_UNKNOWN", &format!("the limit needs the video's price, and {reason}"), hint))
    };
    let Some(unit_price) = unit_price else {
        return unknown(
            "the API declares none",
            "Choose another resolution or prefer, or ask the user to start the server without a spending limit.",
        );
    };
    let units = match billing["unit"].as_str().unwrap_or_default() {
        "second" | "seconds" => value("duration_seconds").and_then(Value::as_f64),
        "video" | "job" | "request" | "call" => Some(1.0),
        _ => {
            return unknown(
                "its unit is not known",
                "Ask the user to start the server without a spending limit.",
            );
        }
    };
    let Some(units) = units else {
        return unknown("it depends on the duration", "Set duration_seconds.");
    };
    let units = billing["minimum"].as_f64().map_or(units, |least| units.max(least));
    // Up to a whole micro-dollar, as prices are charged.
    Ok((unit_price * units * 1e6 - 1e-3).ceil() / 1e6)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better with a literal")]
    fn of(billing: Value, request: Value) -> Result<f64, String> {
        let capability =
            json!({ "billing": billing, "parameters": {"properties": {"duration_seconds": {"default": 5}}} });
        let mut all = json!({"resolution": "720p", "prefer": "balanced"});
        all.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        price(&capability, all.as_object().unwrap()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_price_is_that_of_the_options() {
        let list = json!({"unit": "second", "price_usd": 0.02, "prices": [
            {"resolution": "720p", "prefer": "balanced", "price_usd": 0.02},
            {"resolution": "4k", "prefer": "balanced", "price_usd": 0.16},
        ]});
        assert_eq!(of(list.clone(), json!({})), Ok(0.1));
        assert_eq!(of(list.clone(), json!({"duration_seconds": 0.5})), Ok(0.01));
        assert_eq!(of(list.clone(), json!({"resolution": "4k", "duration_seconds": 3})), Ok(0.48));
        assert!(of(list, json!({"resolution": "8k"})).unwrap_err().contains("declares none"));
        assert_eq!(of(json!({"unit": "video", "price_usd": 0.3}), json!({})), Ok(0.3));
        assert_eq!(of(json!({"free": true}), json!({})), Ok(0.0));
        assert!(of(json!({"unit": "token", "price_usd": 1}), json!({})).unwrap_err().contains("unit"));
        assert!(of(json!({}), json!({})).unwrap_err().contains("declares none"));
    }
}
