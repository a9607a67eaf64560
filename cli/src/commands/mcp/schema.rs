//! JSON Schemas of tools, in the plain form that models and their hosts read.

use rmcp::{
    model::JsonObject,
    schemars::{JsonSchema, generate::SchemaSettings},
};
use serde_json::{Value, json};

use super::result::Failure;

/// Returns the schema of a tool's arguments.
pub(super) fn input<T: JsonSchema>() -> JsonObject {
    plain::<T>(settings().for_deserialize())
}

/// Returns the schema of a tool's result: the documented fields, or an error.
pub(super) fn output<T: JsonSchema>() -> JsonObject {
    let mut schema = plain::<T>(settings().for_serialize());
    let required = schema.remove("required").unwrap_or_else(|| json!([]));
    if !schema["properties"].as_object().is_some_and(|properties| properties.contains_key("error")) {
        schema["properties"]["error"] = Value::Object(plain::<Failure>(settings().for_serialize()));
    }
    schema.insert("anyOf".into(), json!([{ "required": required }, { "required": ["error"] }]));
    schema
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true)
}

/// Adds the properties of a second set of arguments.
pub(super) fn merge(mut schema: JsonObject, other: &JsonObject) -> JsonObject {
    for (name, property) in other["properties"].as_object().into_iter().flatten() {
        schema["properties"][name] = property.clone();
    }
    schema
}

/// Returns a schema without what only validators of Rust types need: names of types, and null beside each optional
/// field's type.
fn plain<T: JsonSchema>(settings: SchemaSettings) -> JsonObject {
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    for name in ["$schema", "title"] {
        schema.remove(name);
    }
    simplify(&mut schema);
    schema
}

fn simplify(schema: &mut JsonObject) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            schema["type"] = only.clone();
        }
    }
    if let Some(Value::Array(variants)) = schema.get_mut("anyOf") {
        variants.retain(|variant| variant["type"] != "null");
        if let [Value::Object(only)] = &variants[..] {
            let only = only.clone();
            schema.remove("anyOf");
            for (name, value) in only {
                schema.entry(name).or_insert(value);
            }
        }
    }
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    // Formats of Rust's numbers, which no validator knows.
    if schema.get("format").is_some_and(|format| {
        format.as_str().is_some_and(|name| name.starts_with(['u', 'i', 'd', 'f']) && name != "uri")
    }) {
        schema.remove("format");
    }
    let nested = ["properties", "items"].into_iter();
    for name in nested {
        match schema.get_mut(name) {
            Some(Value::Object(map)) if name == "items" => simplify(map),
            Some(Value::Object(map)) => map.values_mut().filter_map(Value::as_object_mut).for_each(simplify),
            _ => {}
        }
    }
}
