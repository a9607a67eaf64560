//! Every scenario file keeps to its schema, and every scenario can be played.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use infrai_conformance_server::expand::{Names, expand};
use infrai_conformance_server::judge::calls;
use infrai_conformance_server::load::{files, load};
use infrai_conformance_server::scenario::Scenario;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn names() -> Names {
    ["base_url", "other_url", "other_host", "closed_url", "tmp", "key"]
        .into_iter()
        .map(|name| (name.to_owned(), json!(format!("http://{name}.example"))))
        .collect()
}

fn scenarios() -> Vec<Scenario> {
    let templates = load(&folder().join("scenarios")).unwrap();
    templates.iter().map(|template| template.fill(&names()).unwrap()).collect()
}

#[test]
fn every_file_keeps_to_the_schema() {
    let schema = read(&folder().join("scenario.schema.json"));
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut wrong = Vec::new();
    for file in files(&folder().join("scenarios")).unwrap() {
        for error in validator.iter_errors(&read(&file)) {
            let shown: String = error.to_string().chars().take(300).collect();
            wrong.push(format!("{} at {}: {shown}", file.display(), error.instance_path()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_refuses_what_nobody_would_notice() {
    let validator = jsonschema::validator_for(&read(&folder().join("scenario.schema.json"))).unwrap();
    let whole = json!({"$schema": "x", "about": "x", "scenarios": [{
        "name": "a promise of some length",
        "server": [{"request": "GET /", "reply": {"ok": 1}}],
        "calls": [{"call": "account.balance", "outcome": {"value": 1}}],
    }]});
    assert!(validator.is_valid(&whole));
    let changes = [
        ("/scenarios/0/calls/0", json!({"call": "account.balance"})),
        ("/scenarios/0/calls/0/call", json!("account.balanse")),
        ("/scenarios/0/calls/0/outcome", json!({})),
        ("/scenarios/0/calls/0/outcome", json!({"error": {"kind": "rate_limited"}})),
        ("/scenarios/0/calls/0/outcome", json!({"error": {"kind": "server", "attempt": 1}})),
        ("/scenarios/0/server/0", json!({"request": "GET /"})),
        ("/scenarios/0/server/0/request", json!("/v1")),
        ("/scenarios/0/server/0/reply", json!({"stauts": 500})),
        ("/scenarios/0/calls", json!([])),
    ];
    for (place, change) in changes {
        let mut broken = whole.clone();
        *broken.pointer_mut(place).unwrap() = change.clone();
        assert!(!validator.is_valid(&broken), "{place} = {change}");
    }
}

#[test]
fn every_scenario_has_a_name_of_its_own_and_finds_all_its_names() {
    let mut seen = BTreeSet::new();
    for template in load(&folder().join("scenarios")).unwrap() {
        assert!(seen.insert(template.name.clone()), "{} stands twice", template.name);
        let text = expand(&template.json, &names()).to_string();
        assert!(!text.contains("${"), "{}: a name is not filled in: {text}", template.name);
    }
    assert!(seen.len() >= 120, "{} scenarios", seen.len());
}

#[test]
fn every_scenario_can_fail() {
    for scenario in scenarios() {
        for call in calls(&scenario.calls) {
            assert!(!call.outcome.is_empty(), "{}: {} has no outcome", scenario.name, call.call);
        }
        for exchange in &scenario.server {
            assert!(
                !exchange.all_replies().is_empty(),
                "{}: {} has no reply",
                scenario.name,
                exchange.request
            );
        }
    }
}

#[test]
fn every_pattern_can_be_read_and_every_matcher_is_known() {
    for template in load(&folder().join("scenarios")).unwrap() {
        check_matchers(&template.json, &template.name);
    }
}

/// Operators of matchers, and the forms that the server or the runner writes out.
const KNOWN: [&str; 21] = [
    "$any",
    "$absent",
    "$has",
    "$starts",
    "$json",
    "$all",
    "$bind",
    "$match",
    "$contains",
    "$lacks",
    "$longest",
    "$between",
    "$is",
    "$repeat",
    "$concat",
    "$function",
    "$context",
    "$utf16",
    "$number",
    "$integer",
    "$schema",
];

fn check_matchers(value: &Value, name: &str) {
    match value {
        Value::Object(object) => {
            for (key, operand) in object {
                assert!(
                    !key.starts_with('$') || key.starts_with("${") || KNOWN.contains(&key.as_str()),
                    "{name}: {key}"
                );
                if let ("$match", Some(pattern)) = (key.as_str(), operand.as_str()) {
                    assert!(regex::Regex::new(pattern).is_ok(), "{name}: {pattern}");
                }
                check_matchers(operand, name);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_matchers(item, name)),
        _ => {}
    }
}
