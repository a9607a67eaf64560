//! Price of a request before it is sent, as a capability declares it.

use serde_json::Value;

use super::discovery::Capability;
use crate::job::is_amount;

impl Capability {
    /// Returns the price in US dollars of a request with this body. `None` if the API declares none, or none for these
    /// options.
    pub fn price_usd(&self, body: &Value) -> Option<f64> {
        let declared = self.to_json();
        let billing = &declared["billing"];
        if billing["free"] == true || billing["is_billable"] == false {
            return Some(0.0);
        }
        let properties = &declared["parameters"]["properties"];
        let value = |name: &str| body.get(name).or_else(|| properties.get(name)?.get("default"));
        let unit_price = match billing["prices"].as_array() {
            // An entry's names are the values of options that it is the price of.
            Some(entries) => entries.iter().filter_map(Value::as_object).find(|entry| {
                entry.iter().all(|(name, wanted)| match wanted.as_str() {
                    Some(wanted) => value(name).and_then(Value::as_str) == Some(wanted),
                    None => true,
                })
            })?["price_usd"]
                .as_f64()?,
            None => billing["price_usd"].as_f64()?,
        };
        let units = match billing["unit"].as_str()? {
            "second" | "seconds" => value("duration_seconds")?.as_f64()?,
            "video" | "job" | "request" | "call" => 1.0,
            _ => return None,
        };
        let units = billing["minimum"].as_f64().map_or(units, |least| units.max(least));
        // Up to a whole micro-dollar, as prices are charged.
        Some((unit_price * units * 1e6 - 1e-3).ceil() / 1e6).filter(|usd| is_amount(*usd))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better with a literal")]
    fn price(billing: Value, options: Value) -> Option<f64> {
        let declared =
            json!({ "billing": billing, "parameters": {"properties": {"duration_seconds": {"default": 5}}} });
        let mut body = json!({"resolution": "720p", "prefer": "balanced"});
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        Capability::new(declared.as_object().unwrap().clone(), None).price_usd(&body)
    }

    #[test]
    fn a_price_is_that_of_the_options() {
        let list = json!({"unit": "second", "price_usd": 0.02, "prices": [
            {"resolution": "720p", "prefer": "balanced", "price_usd": 0.02},
            {"resolution": "4k", "prefer": "balanced", "price_usd": 0.16},
        ]});
        assert_eq!(price(list.clone(), json!({})), Some(0.1));
        assert_eq!(price(list.clone(), json!({"duration_seconds": 0.5})), Some(0.01));
        assert_eq!(price(list.clone(), json!({"resolution": "4k", "duration_seconds": 3})), Some(0.48));
        assert_eq!(price(list, json!({"resolution": "8k"})), None);
        assert_eq!(price(json!({"unit": "video", "price_usd": 0.3}), json!({})), Some(0.3));
        assert_eq!(price(json!({"free": true}), json!({})), Some(0.0));
        for none in
            [json!({}), json!({"unit": "token", "price_usd": 1}), json!({"unit": "video", "price_usd": -1})]
        {
            assert_eq!(price(none.clone(), json!({})), None, "{none}");
        }
    }
}
