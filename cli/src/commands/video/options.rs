//! `infrai video options`: values that `generate` takes, and prices, from the API's discovery.

use infrai::{Capability, ErrorKind, InfraiClient, InfraiError, Result};
use serde_json::{Map, Value, json};

use crate::{
    error, exit,
    output::{dollars, table},
    session::Session,
};

/// Documented values of each option, for a server that does not declare its own. A model and a vendor have none.
const DOCUMENTED: [(&str, &str, &[&str]); 5] = [
    ("resolution", "resolutions", &["720p", "1080p", "4k"]),
    ("aspect", "aspects", &["16:9", "9:16", "1:1"]),
    ("prefer", "preferences", &["balanced", "cheapest", "smartest"]),
    ("model", "models", &[]),
    ("vendor", "vendors", &[]),
];

pub(super) async fn run(session: &Session) -> Result<u8> {
    let options = describe(&session.client).await?;
    let mut rows = Vec::new();
    for (_, title, _) in DOCUMENTED {
        let values = options[title].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<_>>().join(", ");
        rows.push((title, Some(values).filter(|values| !values.is_empty())));
    }
    if let Some(seconds) = options.get("duration_seconds") {
        rows.push(("seconds", Some(format!("{} to {}", seconds["minimum"], seconds["maximum"]))));
    }
    if options.get("available") == Some(&Value::Bool(false)) {
        rows.push(("available", Some("not at present".to_owned())));
    }
    if let Some(billing) = options.get("billing") {
        rows.extend(prices(billing).into_iter().map(|price| ("price", Some(price))));
    }
    let mut lines = table(rows);
    if let Some(note) = options.get("note").and_then(Value::as_str) {
        lines.push(format!("Documented values, without models, vendors and prices: {note}"));
    }
    session.out.result(&Value::Object(options), &lines)?;
    Ok(exit::OK)
}

/// Returns the values and prices as JSON: those of the API's discovery, else the documented values with a note.
pub(super) async fn describe(client: &InfraiClient) -> Result<Map<String, Value>> {
    let (capability, note) = match client.discover_capability("video.generate").await {
        Ok(capability) => (Some(capability), None),
        Err(error) if error.kind() == ErrorKind::Configuration => return Err(error),
        Err(error) => (None, Some(reason(error))),
    };
    let mut json = Map::new();
    for (field, title, documented) in DOCUMENTED {
        let values = capability.as_ref().and_then(|capability| declared(capability, field));
        let values = values.unwrap_or_else(|| documented.iter().map(|value| (*value).to_owned()).collect());
        json.insert(title.into(), values.into());
    }
    if let Some(capability) = &capability {
        let seconds = capability.parameters.as_ref().map(|schema| &schema["properties"]["duration_seconds"]);
        if let Some((least, most)) =
            seconds.and_then(|schema| Some((schema.get("minimum")?, schema.get("maximum")?)))
        {
            json.insert("duration_seconds".into(), json!({"minimum": least, "maximum": most}));
        }
        if capability.available == Some(false) {
            json.insert("available".into(), false.into());
        }
        if let Some(billing) = capability.to_json().get("billing") {
            json.insert("billing".into(), billing.clone());
        }
    }
    let source = if capability.is_some() { "discovery" } else { "documented" };
    json.insert("source".into(), source.into());
    if let Some(note) = note {
        json.insert("note".into(), note.into());
    }
    Ok(json)
}

fn reason(error: InfraiError) -> String {
    if error.kind() == ErrorKind::NotFound {
        return "the server does not declare its own (404).".to_owned();
    }
    format!("the server could not be asked: {}", error::in_command_words(error))
}

/// Returns the values that a capability declares for a field of the body.
fn declared(capability: &Capability, field: &str) -> Option<Vec<String>> {
    let schema = capability.parameters.as_ref().map(|schema| &schema["properties"]);
    let of = |name: &str| {
        let values = schema?[name].get("enum")?.as_array()?;
        Some(values.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    match field {
        "aspect" => of("aspect").or_else(|| of("aspect_ratio")),
        "vendor" => {
            of("vendor").or_else(|| Some(capability.vendors.clone()).filter(|names| !names.is_empty()))
        }
        other => of(other),
    }
}

/// Returns the price, and the prices of combinations if the server declares them.
fn prices(billing: &Value) -> Vec<String> {
    let unit = billing["unit"].as_str().unwrap_or("unit");
    let price = |entry: &Value| Some(format!("{} per {unit}", dollars(entry.get("price_usd")?.as_f64()?)));
    let combined = billing["prices"].as_array().into_iter().flatten().filter_map(|entry| {
        let text = price(entry)?;
        let names = entry.as_object()?.values().filter_map(Value::as_str).collect::<Vec<_>>();
        Some(format!("{text} ({})", names.join(", ")))
    });
    let combined: Vec<_> = combined.collect();
    if !combined.is_empty() {
        return combined;
    }
    match price(billing) {
        Some(price) => vec![price],
        None if billing["free"] == true => vec!["free".to_owned()],
        None => Vec::new(),
    }
}
