//! Arguments of calls as the core's types: plain conversions, no Node-API in sight.

use infrai::{
    GenerateRequest, InfraiError, JobId, VideoJob,
    video::JobRef,
    wire::json::{canonical, out_of_range},
};
use serde_json::{Map, Number, Value};

use crate::{
    record::{Purpose, Record},
    values::Js,
};

type Result<T> = std::result::Result<T, InfraiError>;

/// A string argument.
pub(crate) fn text(field: &str, value: Js) -> Result<String> {
    match value {
        Js::Text(text) => Ok(text),
        other => Err(InfraiError::invalid_argument(field, other.describe(), "a string")),
    }
}

/// A number argument.
pub(crate) fn number(field: &str, value: &Js) -> Result<f64> {
    match value {
        Js::Number(number) => Ok(*number),
        other => Err(InfraiError::invalid_argument(field, other.describe(), "a number")),
    }
}

/// What every call takes besides, and JavaScript keeps to itself.
const EVERY_CALL: [&str; 2] = ["signal", "unref"];

/// The options of a call, by name.
pub(crate) fn record(value: Js) -> Result<Record> {
    Ok(Record::new(Purpose::Call, "options", value)?.besides(&EVERY_CALL))
}

/// The options of a call that has none of its own.
pub(crate) fn none(value: Js) -> Result<()> {
    record(value)?.finish()
}

/// What to generate, by the option names of every language, and the idempotency key if one was given.
pub(crate) fn generate_request(what: &str, value: Js) -> Result<(GenerateRequest, Option<String>)> {
    let mut options = Record::new(Purpose::Call, what, value)?;
    let mut request = GenerateRequest::new(options.text("prompt")?.unwrap_or_default());
    if let Some(url) = options.text("reference_image_url")? {
        request = request.reference_image_url(url);
    }
    if let Some(seconds) = options.number("duration_seconds")? {
        request = request.duration_seconds(seconds);
    }
    if let Some(aspect) = options.text("aspect")? {
        request = request.aspect(aspect);
    }
    if let Some(resolution) = options.text("resolution")? {
        request = request.resolution(resolution);
    }
    if let Some(prefer) = options.text("prefer")? {
        request = request.prefer(prefer);
    }
    if let Some(model) = options.text("model")? {
        request = request.model(model);
    }
    if let Some(vendor) = options.text("vendor")? {
        request = request.vendor(vendor);
    }
    let key = options.text("idempotency_key")?;
    options.finish()?;
    Ok((request, key))
}

/// Prompts, option records, or a mixture.
pub(crate) fn generate_requests(value: Js) -> Result<Vec<GenerateRequest>> {
    let Js::List(items) = value else {
        return Err(InfraiError::invalid_argument(
            "items",
            value.describe(),
            "an array of prompts or options",
        ));
    };
    let request = |(at, item)| match item {
        Js::Text(prompt) => Ok(GenerateRequest::new(prompt)),
        other => Ok(match generate_request(&format!("items[{at}]"), other)? {
            (request, Some(key)) => request.idempotency_key(key),
            (request, None) => request,
        }),
    };
    items.into_iter().enumerate().map(request).collect()
}

/// A query: an object, or a list of pairs; a list as a value repeats its name.
pub(crate) fn query(value: Option<Js>) -> Result<Vec<(String, String)>> {
    let refuse =
        |field: &str, got: &Js, expected| InfraiError::invalid_argument(field, got.describe(), expected);
    let pairs = match value {
        None => return Ok(Vec::new()),
        Some(Js::Record(members)) => members,
        Some(Js::List(items)) => {
            let pair = |(at, item): (usize, Js)| {
                if let Js::List(pair) = &item
                    && let [Js::Text(name), value] = &pair[..]
                {
                    return Ok((name.clone(), value.clone()));
                }
                Err(refuse(&format!("query[{at}]"), &item, "a pair of a name and a value"))
            };
            items.into_iter().enumerate().map(pair).collect::<Result<_>>()?
        }
        Some(other) => return Err(refuse("query", &other, "an object or a list of pairs")),
    };
    let mut query = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let values = match value {
            Js::List(values) => values,
            value if value.is_nothing() => continue,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Js::Text(text) | Js::Integer(text) => text,
                Js::Number(number) if number.is_finite() => printed(number),
                Js::Bool(flag) => flag.to_string(),
                other => {
                    return Err(refuse(&format!("query.{name}"), &other, "a string, a number or a boolean"));
                }
            };
            query.push((name.clone(), text));
        }
    }
    Ok(query)
}

/// A number as JavaScript prints it.
fn printed(number: f64) -> String {
    String::from_utf8_lossy(&canonical(&Value::from(number))).trim_end().to_owned()
}

/// A job: its id, or the job as it was last seen.
pub(crate) fn job(value: Js) -> Result<JobRef> {
    match value {
        Js::Text(id) => Ok(JobRef::from(JobId::from(id))),
        Js::Record(_) => {
            let job = VideoJob::from_json(json("job", value)?).map_err(|error| {
                InfraiError::invalid_argument("job", error.message(), "a job id or a job")
            })?;
            Ok(JobRef::from(job))
        }
        other => Err(InfraiError::invalid_argument("job", other.describe(), "a job id or a job")),
    }
}

/// A value as JSON, as it is sent: `undefined` members are left out, what JSON cannot say is refused by its path.
pub(crate) fn json(path: &str, value: Js) -> Result<Value> {
    let refuse = |got: String, expected| Err(InfraiError::invalid_argument(path, got, expected));
    Ok(match value {
        Js::Null => Value::Null,
        Js::Bool(flag) => Value::Bool(flag),
        Js::Text(text) => Value::String(text),
        Js::Number(number) => match Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => return refuse(Js::Number(number).describe(), "a finite number"),
        },
        Js::Integer(digits) => match (digits.parse::<i64>(), digits.parse::<u64>()) {
            (Ok(integer), _) => integer.into(),
            (_, Ok(integer)) => integer.into(),
            _ => return Err(out_of_range(path, &digits)),
        },
        Js::List(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(at, item)| json(&format!("{path}[{at}]"), item)).collect::<Result<_>>()?
        }
        Js::Record(members) => {
            let mut map = Map::new();
            for (name, member) in members {
                if member != Js::Undefined {
                    let member = json(&format!("{path}.{name}"), member)?;
                    map.insert(name, member);
                }
            }
            Value::Object(map)
        }
        Js::Undefined => return refuse("undefined".into(), "plain data (null for nothing)"),
        Js::Opaque(what) => return refuse(what.into(), "plain data"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json as literal;

    use super::*;

    fn record(members: &[(&str, Js)]) -> Js {
        Js::Record(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn undefined_members_are_left_out_and_everything_else_is_itself() {
        let value = record(&[
            ("a", Js::Undefined),
            ("b", Js::List(vec![Js::Number(5.0), Js::Integer("9007199254740993".into()), Js::Null])),
        ]);
        assert_eq!(json("body", value).unwrap(), literal!({ "b": [5.0, 9_007_199_254_740_993_u64, null] }));
    }

    #[test]
    fn what_json_cannot_say_is_refused_by_its_path() {
        let cases = [
            (Js::Number(f64::NAN), "NaN"),
            (Js::Number(f64::NEG_INFINITY), "-Infinity"),
            (Js::Undefined, "undefined"),
            (Js::Integer("18446744073709551616".into()), "the integer 18446744073709551616"),
        ];
        for (value, got) in cases {
            let error = json("body", record(&[("list", Js::List(vec![Js::Null, value]))])).unwrap_err();
            let details = error.details().unwrap();
            assert_eq!((&details["field"], &details["got"]), (&"body.list[1]".into(), &got.into()));
        }
    }

    #[test]
    fn a_request_takes_the_seeds_names_and_no_others() {
        let options = record(&[("prompt", Js::Text("a kite".into())), ("resolution", Js::Null)]);
        assert_eq!(generate_request("options", options).unwrap(), (GenerateRequest::new("a kite"), None));
        let error = generate_request("options", record(&[("durationSeconds", Js::Number(5.0))])).unwrap_err();
        assert_eq!(error.details().unwrap()["field"], "durationSeconds");
        let error = generate_request("options", record(&[("prompt", Js::Number(5.0))])).unwrap_err();
        assert_eq!(error.message(), "invalid `prompt`: expected a string, got 5");
    }

    #[test]
    fn a_query_takes_numbers_as_javascript_prints_them_and_lists_as_repetition() {
        let given = record(&[
            ("a", Js::Number(5.0)),
            ("b", Js::List(vec![Js::Text("x".into()), Js::Bool(true)])),
            ("c", Js::Undefined),
        ]);
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        assert_eq!(query(Some(given)).unwrap(), pairs(&[("a", "5"), ("b", "x"), ("b", "true")]));
        let listed = Js::List(vec![Js::List(vec![Js::Text("a".into()), Js::Text("1".into())])]);
        assert_eq!(query(Some(listed)).unwrap(), pairs(&[("a", "1")]));
        let error = query(Some(record(&[("a", Js::Number(f64::NAN))]))).unwrap_err();
        assert_eq!(error.details().unwrap()["field"], "query.a");
    }

    #[test]
    fn a_job_is_an_id_or_what_a_call_returned() {
        assert!(job(Js::Text("vid_1".into())).is_ok());
        let known = record(&[("job_id", Js::Text("vid_1".into())), ("state", Js::Text("queued".into()))]);
        assert!(job(known).is_ok());
        for wrong in [Js::Undefined, Js::Number(1.0), record(&[("state", Js::Text("queued".into()))])] {
            assert_eq!(job(wrong).unwrap_err().details().unwrap()["field"], "job");
        }
    }
}
