//! Judges what came over the wire and what the runner reports, and says in words where they differ from the scenario.

use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::matcher::{Matcher, show};
use crate::scenario::{Call, FileExpect, Kind, Order, Origin, Scenario, Step};
use crate::stage::{Record, Stage};

/// What a runner hands in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The runner's language.
    pub language: String,
    /// What came of each call, in the scenario's order.
    #[serde(default)]
    pub outcomes: Vec<Map<String, Value>>,
    /// Why the runner does not run this.
    pub skipped: Option<String>,
}

/// Every difference between a played scenario and what it promises; none is a pass.
pub fn judge(stage: &Stage, report: &Report) -> Vec<String> {
    if let Some(reason) = &report.skipped {
        return match stage.scenario.exempt.get(&report.language) {
            Some(_) => Vec::new(),
            None => {
                vec![format!("skipped by {} ({reason}), which the scenario does not allow", report.language)]
            }
        };
    }
    let (records, used, problems) = stage.account();
    let mut matcher = Matcher::default();
    matcher.differences.extend(problems);
    for (i, record) in records.iter().enumerate() {
        if let Some(exchange) = record.exchange {
            let at = format!("request {} ({})", i + 1, stage.scenario.server[exchange].request);
            judge_request(&mut matcher, stage, exchange, record, &at);
            judge_gap(&mut matcher, &stage.scenario, &records, i, &at);
        }
        judge_leak(&mut matcher, &stage.scenario, record, i);
    }
    for (exchange, used) in stage.scenario.server.iter().zip(used) {
        let (least, most) = exchange.bounds();
        if used < least {
            let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
            matcher.differ(&exchange.request, &format!("{expected} times"), &format!("{used} times"));
        }
    }
    if let Some(bounds) = stage.scenario.at_once {
        let peak = records.iter().map(|r| at_once(&records, r.arrived)).max().unwrap_or_default();
        if !(bounds.least..=bounds.most).contains(&peak) {
            let expected = format!("{} to {}", bounds.least, bounds.most);
            matcher.differ("requests at once", &expected, &peak.to_string());
        }
    }
    judge_outcomes(&mut matcher, &stage.scenario, &report.outcomes);
    judge_files(&mut matcher, stage);
    matcher.differences
}

fn judge_request(matcher: &mut Matcher, stage: &Stage, exchange: usize, record: &Record, at: &str) {
    let exchange = &stage.scenario.server[exchange];
    if record.request.method.is_empty() {
        return;
    }
    for (name, expected) in expected_headers(stage, record, exchange.effective_kind()) {
        if !exchange.headers.keys().any(|n| n.eq_ignore_ascii_case(&name)) {
            let actual = record.request.header(&name).map(Value::String);
            matcher.compare(&format!("{at}: header {name}"), &expected, actual.as_ref());
        }
    }
    for (name, expected) in &exchange.headers {
        let actual = record.request.header(name).map(Value::String);
        matcher.compare(&format!("{at}: header {name}"), expected, actual.as_ref());
    }
    let body = match std::str::from_utf8(&record.request.body) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("not UTF-8: {:?}", record.request.body),
    };
    match &exchange.body {
        Some(expected) => matcher.compare(&format!("{at}: body"), expected, Some(&json!(body))),
        None if matches!(record.request.method.as_str(), "GET" | "HEAD") && !body.is_empty() => {
            matcher.differ(&format!("{at}: body"), "none", &show(&json!(body)));
        }
        None => {}
    }
}

/// What a request of a kind always carries, and what it never does.
fn expected_headers(stage: &Stage, record: &Record, kind: Kind) -> Vec<(String, Value)> {
    let mut expected: Vec<(String, Value)> = Vec::new();
    let mut expect = |name: &str, value: Value| expected.push((name.to_owned(), value));
    let absent = || json!({"$absent": true});
    match kind {
        Kind::File => {
            expect("Authorization", absent());
            expect("Idempotency-Key", absent());
            expect("Accept-Encoding", json!("identity"));
            for name in
                stage.scenario.client.get("default_headers").and_then(Value::as_object).into_iter().flatten()
            {
                expect(name.0, absent());
            }
        }
        Kind::Api => {
            let path = record.request.target.split('?').next().unwrap_or_default();
            if path.ends_with("/v1/activate") || path.contains("/v1/discovery") {
                expect("Authorization", absent());
            } else {
                match stage.client().get("api_key") {
                    Some(Value::String(key)) => expect("Authorization", json!(format!("Bearer {key}"))),
                    _ => expect("Authorization", json!({"$match": "^Bearer ."})),
                }
            }
            expect("User-Agent", json!({"$is": "user_agent"}));
            let reads = matches!(record.request.method.as_str(), "GET" | "HEAD");
            expect("Idempotency-Key", if reads { absent() } else { json!({"$is": "idempotency_key"}) });
            if !record.request.body.is_empty() {
                expect("Content-Type", json!({"$match": r"^application/json(; ?charset=utf-8)?$"}));
            }
        }
    }
    expected
}

/// In script order the gap is counted from the answer before; in any order, from the same exchange's. The least gap
/// counts from the first moment at which the client can have had that answer, the most from the last.
fn judge_gap(matcher: &mut Matcher, scenario: &Scenario, records: &[Record], index: usize, at: &str) {
    let record = &records[index];
    let Some(gap) = record.exchange.and_then(|e| scenario.server[e].gap) else { return };
    let mut earlier = records[..index].iter().rev();
    let before = earlier.find(|r| scenario.order == Order::Script || r.exchange == record.exchange);
    let Some(before) = before else { return };
    if let (Some(least), Some(answering)) = (gap.least, before.answering) {
        let seconds = since(answering, record.arrived);
        if seconds < least {
            matcher.differ(&format!("{at}: gap"), &format!("at least {least} s"), &format!("{seconds:.3} s"));
        }
    }
    if let (Some(most), Some(answered)) = (gap.most, before.answered) {
        let seconds = since(answered, record.arrived);
        if seconds > most {
            matcher.differ(&format!("{at}: gap"), &format!("at most {most} s"), &format!("{seconds:.3} s"));
        }
    }
}

/// How many requests waited for their answers at a moment. Each counts until its answer begins: the end of one may reach the client,
/// and the client's next request this server, before the server comes to note it.
fn at_once(records: &[Record], moment: Instant) -> usize {
    records
        .iter()
        .filter(|r| r.arrived <= moment && r.answering.is_none_or(|answering| answering > moment))
        .count()
}

fn since(before: Instant, after: Instant) -> f64 {
    after.checked_duration_since(before).unwrap_or_default().as_secs_f64()
}

/// No key goes to the other origin, unless the scenario says that it must.
fn judge_leak(matcher: &mut Matcher, scenario: &Scenario, record: &Record, index: usize) {
    let wanted = record.exchange.is_some_and(|e| {
        scenario.server[e]
            .headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("Authorization") && value.get("$absent").is_none())
    });
    if record.origin == Origin::Other && !wanted && record.request.mentions("ifr_pk_proj_") {
        matcher.differ(&format!("request {}", index + 1), "no key at the other origin", "the key");
    }
}

fn judge_outcomes(matcher: &mut Matcher, scenario: &Scenario, outcomes: &[Map<String, Value>]) {
    let calls: Vec<&Call> = calls(&scenario.calls);
    if calls.len() != outcomes.len() {
        let (expected, got) = (format!("{} outcomes", calls.len()), format!("{}", outcomes.len()));
        return matcher.differ("report", &expected, &got);
    }
    for (i, (call, outcome)) in calls.iter().zip(outcomes).enumerate() {
        let at = format!("call {} ({})", i + 1, call.call);
        for part in ["value", "error"] {
            if let (Some(got), false) = (outcome.get(part), call.outcome.contains_key(part)) {
                matcher.differ(&format!("{at}: {part}"), "none", &show(got));
            }
        }
        for (part, expected) in &call.outcome {
            let actual = outcome.get(part).map(|actual| without_nulls(part, actual));
            let expected = if part == "error" { &json!({"$has": expected}) } else { expected };
            matcher.compare(&format!("{at}: {part}"), expected, actual.as_ref());
        }
        let error = outcome.get("error").map(Value::to_string).unwrap_or_default();
        if let Some(place) = error.find("ifr_pk_proj_")
            && error[place + "ifr_pk_proj_".len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            matcher.differ(&format!("{at}: error"), "no key in it", "a key");
        }
    }
}

/// An error's member that is null is an absent one.
fn without_nulls(part: &str, value: &Value) -> Value {
    match value.as_object() {
        Some(object) if part == "error" => Value::Object(
            object.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect(),
        ),
        _ => value.clone(),
    }
}

/// The calls in the order in which their outcomes are reported.
pub fn calls(steps: &[Step]) -> Vec<&Call> {
    steps
        .iter()
        .flat_map(|step| match step {
            Step::Together { together } => together.as_slice(),
            Step::Single(call) => std::slice::from_ref(call),
        })
        .flat_map(|call| vec![call; call.repeat])
        .collect()
}

fn judge_files(matcher: &mut Matcher, stage: &Stage) {
    let folder = stage.folder.path();
    for (name, expected) in &stage.scenario.files_after {
        let at = format!("file {name}");
        match expected {
            Some(expected) => judge_file(matcher, &at, &folder.join(name), expected),
            None if name == "*" => {
                for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                    let found = entry.file_name().to_string_lossy().into_owned();
                    if !stage.scenario.files_after.contains_key(&found) {
                        matcher.differ("files", "no other file", &found);
                    }
                }
            }
            None if folder.join(name).exists() => matcher.differ(&at, "none", "one"),
            None => {}
        }
    }
}

fn judge_file(matcher: &mut Matcher, at: &str, path: &std::path::Path, expected: &FileExpect) {
    if let Some(mode) = &expected.mode
        && let Some(actual) = mode_of(path)
        && actual != *mode
    {
        matcher.differ(&format!("{at}: mode"), mode, &actual);
    }
    if path.is_dir() && expected.bytes.is_none() && expected.text.is_none() {
        return;
    }
    let Ok(content) = std::fs::read(path) else { return matcher.differ(at, "a file", "none") };
    if let Some(bytes) = expected.bytes {
        let right = crate::reply::generated(bytes, expected.seed);
        if content.len() != bytes {
            matcher.differ(at, &format!("{bytes} bytes"), &format!("{} bytes", content.len()));
        } else if let Some(place) = right.iter().zip(&content).position(|(a, b)| a != b) {
            matcher.differ(at, "the file that was served", &format!("another from byte {place}"));
        }
    }
    if let Some(text) = &expected.text {
        matcher.compare(at, text, Some(&json!(String::from_utf8_lossy(&content))));
    }
}

#[cfg(unix)]
fn mode_of(path: &std::path::Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).ok().map(|m| format!("{:o}", m.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn mode_of(_: &std::path::Path) -> Option<String> {
    None
}
