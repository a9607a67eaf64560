//! Discovery: the capabilities that the API declares, with their routes, prices and parameters.

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value};
use url::Url;

use crate::{
    api::{client::ApiClient, result::with_metadata},
    auth::credentials,
    error::Result,
    http::call::RequestSpec,
    metadata::Metadata,
    runtime::{Instant, deadline},
    wire::{envelope::unexpected, path},
};

/// The capabilities of the API; see [`InfraiClient::discover`](crate::InfraiClient::discover).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct Discovery {
    /// The capabilities, in the API's order.
    pub capabilities: Vec<Capability>,
    /// Metadata of the response.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

/// A capability of the API. A field that the API omits, or sends with another type, is absent.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct Capability {
    /// Id, such as `video.generate`. Empty if the API sent none.
    pub id: String,
    /// HTTP method of its route.
    pub method: Option<String>,
    /// Path of its route, with `{…}` for each parameter.
    pub path: Option<String>,
    /// Description in one line.
    pub summary: Option<String>,
    /// Whether it can be called at present.
    pub available: Option<bool>,
    /// Regions that have it.
    pub regions: Vec<String>,
    /// Vendors behind it.
    pub vendors: Vec<String>,
    /// Price.
    pub billing: Option<Billing>,
    /// JSON Schema of its parameters.
    pub parameters: Option<Value>,
    /// Errors that it may return.
    pub errors: Vec<CapabilityError>,
    /// Examples, in the API's form.
    pub examples: Vec<Value>,
    /// Metadata of the response. Empty in a [`Discovery`], which has its own.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

/// Price of a [`Capability`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct Billing {
    /// Whether calls are charged.
    pub is_billable: Option<bool>,
    /// Whether calls are free.
    pub free: Option<bool>,
    /// Unit of the price, such as `second`.
    pub unit: Option<String>,
    /// Price per unit, in US dollars.
    pub price_usd: Option<f64>,
    /// Currency of the price.
    pub currency: Option<String>,
}

/// Error that a [`Capability`] may return.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct CapabilityError {
    /// Stable code.
    pub code: String,
    /// Whether the same call may succeed later.
    pub retryable: Option<bool>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Discovery {
    /// Returns all fields that the API sent, as JSON. The capabilities are a list, whichever form the API chose.
    pub fn to_json(&self) -> Value {
        let mut value = with_metadata(&self.raw, &self.metadata);
        value["capabilities"] = self.capabilities.iter().map(Capability::to_json).collect();
        value
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Capability {
    /// Returns all fields that the API sent, as JSON. A documented field of another type is left out.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

impl ApiClient {
    /// Fetches the list of capabilities.
    pub(crate) async fn discover(&self) -> Result<Discovery> {
        let route = "/v1/discovery";
        self.http.call(self.public(route, route.into()).await?).await?.typed(|data, metadata, _| {
            let (capabilities, raw) = list(data).ok_or_else(|| {
                unexpected("invalid response: expected a list or an object of capabilities", None)
            })?;
            Ok(Discovery { capabilities, metadata, raw })
        })
    }

    /// Fetches one capability.
    pub(crate) async fn capability(&self, id: &str) -> Result<Capability> {
        let path = format!("/v1/discovery/{}", path::segment("capability", id)?);
        let spec = self.public("/v1/discovery/{capability}", path).await?;
        self.http.call(spec).await?.typed(|data, metadata, _| match data {
            Value::Object(raw) => Ok(Capability { metadata, ..Capability::new(raw, Some(id)) }),
            _ => Err(unexpected("invalid response: expected a capability", None)),
        })
    }

    /// Returns a request without a key.
    async fn public(&self, route: &'static str, path: String) -> Result<RequestSpec> {
        let base_url = Some(self.public_base_url().await?);
        Ok(RequestSpec { route, path, base_url, unauthenticated: true, ..RequestSpec::default() })
    }

    /// Returns the base URL that calls with a key have. A key that cannot be used is no error.
    pub(crate) async fn public_base_url(&self) -> Result<Url> {
        let auth = Arc::clone(self.http.auth());
        if let Some(endpoint) = auth.resolved() {
            return Ok(endpoint.base_url.clone());
        }
        let config = auth.config().clone();
        let found = if config.has_key() {
            config.public_base_url()
        } else {
            let read = auth.with_credentials(move || config.public_base_url());
            credentials::with_deadline(deadline(Instant::now(), self.http.timeout()), read).await
        };
        Ok(found?.0)
    }
}

/// Reads the list in any of its forms: an array, an object with `capabilities`, or an object from id to capability.
/// Returns the other fields beside it.
fn list(data: Value) -> Option<(Vec<Capability>, Map<String, Value>)> {
    match data {
        Value::Null => Some((Vec::new(), Map::new())),
        Value::Array(items) => Some((items.into_iter().filter_map(item).collect(), Map::new())),
        Value::Object(mut map) => {
            if let Some(Value::Array(_) | Value::Object(_)) = map.get("capabilities") {
                let (capabilities, _) = list(map.remove("capabilities").unwrap_or_default())?;
                return Some((capabilities, map));
            }
            let (mut capabilities, mut others) = (Vec::new(), Map::new());
            for (name, value) in map {
                match value {
                    Value::Object(raw) => capabilities.push(Capability::new(raw, Some(&name))),
                    other => drop(others.insert(name, other)),
                }
            }
            Some((capabilities, others))
        }
        _ => None,
    }
}

/// Reads an item of a list: a capability, or its id alone.
fn item(value: Value) -> Option<Capability> {
    match value {
        Value::Object(raw) => Some(Capability::new(raw, None)),
        Value::String(id) => Some(Capability::new(Map::new(), Some(&id))),
        _ => None,
    }
}

impl Capability {
    /// Reads a capability. `id` counts if the object has none. Each documented field of `raw` gets its documented type or
    /// is removed, so that no field fails the call.
    pub(super) fn new(mut raw: Map<String, Value>, id: Option<&str>) -> Self {
        let own = raw.get("id").and_then(scalar).filter(|own| !own.is_empty());
        let id = own.map(Cow::into_owned).or_else(|| id.filter(|id| !id.is_empty()).map(str::to_owned));
        replace(&mut raw, "id", id.clone().map(Value::from));
        let [method, path, summary] = ["method", "path", "summary"].map(|name| text(&mut raw, name));
        let available = flag(&mut raw, "available");
        let [regions, vendors] = ["regions", "vendors"].map(|name| {
            let names = raw.get(name).and_then(names);
            replace(&mut raw, name, names.clone().map(Value::from));
            names.unwrap_or_default()
        });
        let mut billing = None;
        raw.entry("billing").and_modify(|value| {
            if let Value::Object(map) = value {
                billing = Some(Billing::new(map));
            }
        });
        if billing.is_none() {
            raw.remove("billing");
        }
        let parameters = raw.get("parameters").filter(|schema| schema.is_object()).cloned();
        replace(&mut raw, "parameters", parameters.clone());
        let errors = raw.remove("errors").and_then(error_list);
        let examples = match raw.remove("examples") {
            Some(Value::Array(examples)) => Some(examples),
            Some(example @ Value::Object(_)) => Some(vec![example]),
            _ => None,
        };
        replace(&mut raw, "examples", examples.clone().map(Value::from));
        replace(
            &mut raw,
            "errors",
            errors.clone().map(|errors| errors.into_iter().map(Value::Object).collect()),
        );
        let errors = errors.unwrap_or_default().iter().map(CapabilityError::new).collect();
        Self {
            id: id.unwrap_or_default(),
            method,
            path,
            summary,
            available,
            regions,
            vendors,
            billing,
            parameters,
            errors,
            examples: examples.unwrap_or_default(),
            metadata: Metadata::default(),
            raw,
        }
    }
}

impl Billing {
    fn new(map: &mut Map<String, Value>) -> Self {
        let price_usd = map.get("price_usd").and_then(|price| match price {
            // Some APIs send money as a string.
            Value::String(text) => text.parse().ok().filter(|price: &f64| price.is_finite()),
            price => price.as_f64(),
        });
        replace(map, "price_usd", price_usd.map(Value::from));
        Self {
            is_billable: flag(map, "is_billable"),
            free: flag(map, "free"),
            unit: text(map, "unit"),
            price_usd,
            currency: text(map, "currency"),
        }
    }
}

impl CapabilityError {
    fn new(raw: &Map<String, Value>) -> Self {
        let code = raw.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { code, retryable: raw.get("retryable").and_then(Value::as_bool) }
    }
}

/// Reads errors: a list of objects or codes, or an object from code to error.
fn error_list(errors: Value) -> Option<Vec<Map<String, Value>>> {
    let error = |code: Option<String>, value: Value| {
        let mut raw = match value {
            Value::Object(raw) => raw,
            _ => Map::new(),
        };
        let own = raw.get("code").and_then(scalar).map(Cow::into_owned);
        raw.insert("code".into(), own.or(code)?.into());
        flag(&mut raw, "retryable");
        Some(raw)
    };
    match errors {
        Value::Array(items) => {
            let items = items.into_iter().filter_map(|item| match item {
                Value::String(code) => error(Some(code), Value::Null),
                item => error(None, item),
            });
            Some(items.collect())
        }
        Value::Object(map) => {
            Some(map.into_iter().filter_map(|(code, value)| error(Some(code), value)).collect())
        }
        _ => None,
    }
}

/// Sets a field, or removes it.
fn replace(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(map.insert(name.into(), value)),
        None => drop(map.remove(name)),
    }
}

fn text(map: &mut Map<String, Value>, name: &str) -> Option<String> {
    let text = map.get(name).and_then(Value::as_str).map(str::to_owned);
    replace(map, name, text.clone().map(Value::from));
    text
}

fn flag(map: &mut Map<String, Value>, name: &str) -> Option<bool> {
    let flag = map.get(name).and_then(Value::as_bool);
    replace(map, name, flag.map(Value::from));
    flag
}

/// Returns a string, or an integer as text.
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string().into()),
        _ => None,
    }
}

/// Returns names: those of a list, of objects with `id` or `name` in it, or the keys of an object.
fn names(value: &Value) -> Option<Vec<String>> {
    let name = |item: &Value| {
        let name = scalar(item).or_else(|| scalar(item.get("id")?)).or_else(|| scalar(item.get("name")?));
        name.map(Cow::into_owned)
    };
    match value {
        Value::Array(items) => Some(items.iter().filter_map(name).collect()),
        Value::Object(map) => Some(map.keys().cloned().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ids(data: Value) -> Vec<String> {
        list(data).unwrap().0.into_iter().map(|capability| capability.id).collect()
    }

    #[test]
    fn a_list_has_three_forms() {
        let item = json!({"id": "a", "x": 1});
        for data in [
            json!([item, "b", 3]),
            json!({"capabilities": [item, "b"], "version": 2}),
            json!({"a": {"x": 1}, "b": {}, "version": 2}),
            json!({"capabilities": {"a": {"x": 1}, "b": {}}}),
        ] {
            assert_eq!(ids(data.clone()), ["a", "b"], "{data}");
            assert_eq!(list(data).unwrap().0[0].to_json(), item);
        }
        assert_eq!(list(json!({"a": {}, "version": 2})).unwrap().1["version"], 2);
        assert!(list(json!("a")).is_none());
    }

    #[test]
    fn a_field_of_another_type_is_absent() {
        let wrong = json!({
            "id": 7, "method": 1, "path": [], "summary": {}, "available": "yes", "regions": 1, "vendors": null,
            "billing": "free", "parameters": [], "errors": 1, "examples": "x", "new": {"kept": null},
        });
        let capability = item(wrong).unwrap();
        assert_eq!(capability.to_json(), json!({"id": "7", "new": {"kept": null}}));
        assert_eq!((capability.billing, capability.available), (None, None));
    }

    #[test]
    fn vendors_errors_and_prices_have_several_forms() {
        let capability = item(json!({
            "vendors": [{"id": "a", "price": 1}, "b", {"name": "c"}, {}], "regions": {"western": {}, "china": {}},
            "errors": {"VENDOR_DOWN": {"retryable": true, "status": 503}, "X": null},
            "billing": {"price_usd": "0.04", "free": 0, "tiers": []}, "examples": {"prompt": "a"},
        }))
        .unwrap();
        assert_eq!(capability.vendors, ["a", "b", "c"]);
        assert_eq!(capability.regions, ["china", "western"]);
        assert_eq!(capability.billing.as_ref().and_then(|billing| billing.price_usd), Some(0.04));
        assert_eq!(capability.errors.len(), 2);
        assert_eq!(capability.errors[0].retryable, Some(true));
        let json = capability.to_json();
        assert_eq!(json["billing"], json!({"price_usd": 0.04, "tiers": []}));
        assert_eq!(
            json["errors"],
            json!([{"code": "VENDOR_DOWN", "retryable": true, "status": 503}, {"code": "X"}])
        );
        assert_eq!(json["examples"], json!([{"prompt": "a"}]));
    }

    fn values() -> impl Strategy<Value = Value> {
        let name = prop::sample::select(vec![
            "id",
            "method",
            "path",
            "available",
            "regions",
            "vendors",
            "billing",
            "price_usd",
            "errors",
            "code",
            "retryable",
            "examples",
            "parameters",
            "capabilities",
            "other",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(name.clone(), inner, 0..6).prop_map(|map| map
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Map<_, _>>()
                    .into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_list_is_read_and_reading_its_json_changes_nothing(data in values()) {
            if let Some((capabilities, raw)) = list(data) {
                let metadata = Metadata::default();
                let once = Discovery { capabilities, metadata: metadata.clone(), raw }.to_json();
                let (capabilities, raw) = list(once.clone()).unwrap();
                prop_assert_eq!(Discovery { capabilities, metadata, raw }.to_json(), once);
            }
        }
    }
}
