//! Arguments of calls as the core's types.

use std::{mem, time::Duration};

use infrai::{
    CallOptions, GenerateRequest, InfraiClient, InfraiError, JobId, Language, PollingOptions, VideoJob,
    options::{self, names},
    video::JobRef,
    wire::json::{canonical, out_of_range},
};
use serde::{
    Deserialize, Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{Error, MapDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Number, Value};

use crate::values::JsValue;

type Result<T> = std::result::Result<T, InfraiError>;
type Names = &'static [&'static str];
type Members = Vec<(String, JsValue)>;

/// Options of every call that the TypeScript layer handles.
const LOCAL: Names = &["signal", "unref"];

/// Parameters of a call, under the core's names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    /// Fields of the body. The first argument has them, spelled as on the wire.
    body: Names,
    /// The call's own options. The last argument has them.
    own: Names,
    /// Options of every call.
    call: Names,
    /// Options of the last argument that the TypeScript layer handles.
    local: Names,
    /// A `timeoutMs` of null or Infinity is no limit.
    unlimited: bool,
}

impl Signature {
    /// Returns the parameters of a call with these options of its own.
    pub(crate) fn new(own: Names) -> Self {
        Self { body: &[], own, call: names::<CallOptions>(), local: LOCAL, unlimited: false }
    }

    /// Returns the parameters of a call that has the timeout `timeoutMs` of its own.
    pub(crate) fn with_timeout(own: Names) -> Self {
        Self { unlimited: true, ..Self::new(own) }
    }

    /// Returns the options of a client, or those that replace some of them.
    pub(crate) fn of_client(own: Names, local: Names) -> Self {
        Self { call: &[], local, ..Self::new(own) }
    }

    /// Moves these options to the body.
    pub(crate) fn body(self, body: Names) -> Self {
        Self { body, ..self }
    }

    /// Sets the options that the TypeScript layer handles.
    pub(crate) fn local(self, local: Names) -> Self {
        Self { local, ..self }
    }

    /// Reads the last argument of a call.
    pub(crate) fn read(self, options: JsValue) -> Result<Arguments> {
        let mut arguments = Arguments { own: Vec::new(), call: Vec::new() };
        for (name, value) in members("options", options)? {
            let option = Language::node_option(&name).filter(|(name, _)| !self.body.contains(&&**name));
            let members = match &option {
                Some((name, _)) if self.own.contains(&&**name) => &mut arguments.own,
                Some((name, _)) if self.call.contains(&&**name) => &mut arguments.call,
                _ => {
                    let place = "first argument, with the fields of the body";
                    return Err(Self::unknown(&name, &self.options(), self.body, place));
                }
            };
            members.extend(option_value(option.unwrap_or_default(), "", value, self.unlimited)?);
        }
        Ok(arguments)
    }

    /// Reads the first argument of a call, the fields of a body.
    pub(crate) fn read_body(self, what: &str, body: JsValue) -> Result<Members> {
        let mut fields = members(what, body)?;
        if let Some((name, _)) = fields.iter().find(|(name, _)| !self.body.contains(&&**name)) {
            let place = "last argument, with the options of the SDK";
            return Err(Self::unknown(name, self.body, &self.options(), place));
        }
        fields.retain(|(_, value)| !value.is_nullish());
        Ok(fields)
    }

    fn options(&self) -> Vec<&'static str> {
        let own = self.own.iter().chain(self.call.iter().filter(|name| !self.own.contains(name)));
        own.filter(|name| !self.body.contains(name)).chain(self.local).copied().collect()
    }

    /// Returns the error of a name that is not known, with a hint if it belongs to the other argument.
    fn unknown(name: &str, known: &[&str], others: &[&str], place: &str) -> InfraiError {
        let error = options::unknown_option(name, known);
        let option = Language::node_option(name).map_or(name.into(), |(name, _)| name);
        if others.contains(&&*option) {
            return error.with_hint(format!("Pass `{option}` in the {place}."));
        }
        error
    }
}

/// Options of a call, under the core's names.
#[derive(Debug)]
pub(crate) struct Arguments {
    own: Members,
    call: Members,
}

impl Arguments {
    /// Adds the fields of the body.
    pub(crate) fn with_body(mut self, fields: Members) -> Self {
        self.own.extend(fields);
        self
    }

    /// Takes an option that is not parsed with the others.
    pub(crate) fn take(&mut self, name: &str) -> Option<JsValue> {
        let at = self.own.iter().position(|(member, _)| member == name)?;
        Some(self.own.swap_remove(at).1)
    }

    /// Returns the call's idempotency key. A call that its caller may abort gets its key here, so that the caller learns
    /// it and can repeat the call safely.
    pub(crate) fn idempotency_key(&mut self, abortable: bool) -> Result<Option<String>> {
        match self.own.iter().find(|(name, _)| name == "idempotency_key") {
            Some((_, JsValue::Text(key))) => Ok(Some(key.clone())),
            None if abortable => {
                let key = infrai::new_idempotency_key()?;
                self.own.push(("idempotency_key".into(), JsValue::Text(key.clone())));
                Ok(Some(key))
            }
            _ => Ok(None),
        }
    }

    /// Returns the client with the options of this call.
    pub(crate) fn client(&mut self, client: &InfraiClient) -> Result<InfraiClient> {
        match mem::take(&mut self.call) {
            call if call.is_empty() => Ok(client.clone()),
            call => client.with_options(options::parse(JsValue::Record(call))?),
        }
    }

    /// Parses the call's own options.
    pub(crate) fn parse<T: for<'de> Deserialize<'de>>(self) -> Result<T> {
        options::parse(JsValue::Record(self.own))
    }
}

fn members(what: &str, value: JsValue) -> Result<Members> {
    match value {
        JsValue::Record(mut members) => {
            members.retain(|(_, value)| *value != JsValue::Undefined);
            Ok(members)
        }
        JsValue::Undefined | JsValue::Null => Ok(Vec::new()),
        other => Err(InfraiError::invalid_argument(what, other.describe(), "an object")),
    }
}

/// Returns an option under the core's name, a duration in seconds, or nothing if it is unset.
fn option_value(
    (name, is_milliseconds): (std::borrow::Cow<'_, str>, bool),
    parent: &str,
    value: JsValue,
    unlimited: bool,
) -> Result<Option<(String, JsValue)>> {
    let value = match value {
        JsValue::Null | JsValue::Number(f64::INFINITY) if unlimited && name == "timeout" => JsValue::Null,
        value if value.is_nullish() => return Ok(None),
        value if is_milliseconds => {
            let seconds = match value {
                JsValue::Number(number) => number / 1000.0,
                _ => f64::NAN,
            };
            if Duration::try_from_secs_f64(seconds).is_err() {
                let expected = "a number of milliseconds that is not negative";
                let field = format!("{parent}{name}");
                return Err(InfraiError::invalid_argument(&field, value.describe(), expected));
            }
            JsValue::Number(seconds)
        }
        JsValue::Record(members) if name == "polling" => {
            let mut polling = Vec::with_capacity(members.len());
            for (name, value) in members {
                let known = names::<PollingOptions>();
                match Language::node_option(&name).filter(|(name, _)| known.contains(&&**name)) {
                    Some(option) => polling.extend(option_value(option, "polling.", value, false)?),
                    None => return Err(options::unknown_option(&format!("polling.{name}"), known)),
                }
            }
            JsValue::Record(polling)
        }
        JsValue::Record(mut members) => {
            members.retain(|(_, value)| !value.is_nullish());
            JsValue::Record(members)
        }
        value => value,
    };
    Ok(Some((name.into_owned(), value)))
}

/// Options have no lists. `Signature::read` has converted their names and units.
impl<'de> Deserializer<'de> for JsValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Error> {
        const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(flag) => visitor.visit_bool(flag),
            #[expect(clippy::cast_possible_truncation, reason = "a whole number in range")]
            Self::Number(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER => {
                visitor.visit_i64(number as i64)
            }
            Self::Number(number) if !number.is_infinite() => visitor.visit_f64(number),
            Self::Text(text) => visitor.visit_string(text),
            Self::Record(members) => visitor.visit_map(MapDeserializer::new(members.into_iter())),
            Self::Integer(digits) => {
                let got = format!("a BigInt `{digits}n`");
                Err(Error::invalid_type(Unexpected::Other(&got), &visitor))
            }
            other => Err(Error::invalid_type(Unexpected::Other(&other.describe()), &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Error> {
        if self.is_nullish() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_> for JsValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Converts a string argument.
pub(crate) fn text(field: &str, value: JsValue) -> Result<String> {
    match value {
        JsValue::Text(text) => Ok(text),
        other => Err(InfraiError::invalid_argument(field, other.describe(), "a string")),
    }
}

/// Converts a number argument.
pub(crate) fn number(field: &str, value: &JsValue) -> Result<f64> {
    match value {
        JsValue::Number(number) => Ok(*number),
        other => Err(InfraiError::invalid_argument(field, other.describe(), "a number")),
    }
}

/// Converts the items of a batch: prompts, requests, or a mixture.
pub(crate) fn generate_requests(value: JsValue) -> Result<Vec<GenerateRequest>> {
    let JsValue::List(items) = value else {
        let expected = "an array of prompts or options";
        return Err(InfraiError::invalid_argument("items", value.describe(), expected));
    };
    let signature = Signature::new(&[]).body(names::<GenerateRequest>());
    let request = |(at, item)| match item {
        JsValue::Text(prompt) => Ok(GenerateRequest::new(prompt)),
        item => options::parse(JsValue::Record(signature.read_body(&format!("items[{at}]"), item)?)),
    };
    items.into_iter().enumerate().map(request).collect()
}

/// Converts a query: an object, or a list of pairs. A list as a value repeats its name.
pub(crate) fn query(value: Option<JsValue>) -> Result<Vec<(String, String)>> {
    let invalid =
        |field: &str, got: &JsValue, expected| InfraiError::invalid_argument(field, got.describe(), expected);
    let pairs = match value {
        None => return Ok(Vec::new()),
        Some(JsValue::Record(members)) => members,
        Some(JsValue::List(items)) => {
            let pair = |(at, item): (usize, JsValue)| {
                if let JsValue::List(pair) = &item
                    && let [JsValue::Text(name), value] = &pair[..]
                {
                    return Ok((name.clone(), value.clone()));
                }
                Err(invalid(&format!("query[{at}]"), &item, "a pair of a name and a value"))
            };
            items.into_iter().enumerate().map(pair).collect::<Result<_>>()?
        }
        Some(other) => return Err(invalid("query", &other, "an object or a list of pairs")),
    };
    let mut query = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let values = match value {
            JsValue::List(values) => values,
            value if value.is_nullish() => continue,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                JsValue::Text(text) | JsValue::Integer(text) => text,
                JsValue::Number(number) if number.is_finite() => format_js_number(number),
                JsValue::Bool(flag) => flag.to_string(),
                other => {
                    let field = format!("query.{name}");
                    return Err(invalid(&field, &other, "a string, a number or a boolean"));
                }
            };
            query.push((name.clone(), text));
        }
    }
    Ok(query)
}

/// Formats a number as JavaScript does.
fn format_js_number(number: f64) -> String {
    String::from_utf8_lossy(&canonical(&Value::from(number))).trim_end().to_owned()
}

/// Converts a job: its id, or the job as a call returned it.
pub(crate) fn job(value: JsValue) -> Result<JobRef> {
    match value {
        JsValue::Text(id) => Ok(JobRef::from(JobId::from(id))),
        JsValue::Record(_) => {
            let job = VideoJob::from_json(json("job", value)?).map_err(|error| {
                let got = format!("an object that is none: {}", error.message());
                InfraiError::invalid_argument("job", got, "a job id or a job")
            })?;
            Ok(JobRef::from(job))
        }
        other => Err(InfraiError::invalid_argument("job", other.describe(), "a job id or a job")),
    }
}

/// Converts a value to JSON. Members that are `undefined` are left out. The path names a value that JSON does not have.
pub(crate) fn json(path: &str, value: JsValue) -> Result<Value> {
    let invalid = |got: String, expected| Err(InfraiError::invalid_argument(path, got, expected));
    Ok(match value {
        JsValue::Null => Value::Null,
        JsValue::Bool(flag) => Value::Bool(flag),
        JsValue::Text(text) => Value::String(text),
        JsValue::Number(number) => match Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => return invalid(JsValue::Number(number).describe(), "a finite number"),
        },
        JsValue::Integer(digits) => match (digits.parse::<i64>(), digits.parse::<u64>()) {
            (Ok(integer), _) => integer.into(),
            (_, Ok(integer)) => integer.into(),
            _ => return Err(out_of_range(path, &digits)),
        },
        JsValue::List(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(at, item)| json(&format!("{path}[{at}]"), item)).collect::<Result<_>>()?
        }
        JsValue::Record(members) => {
            let mut map = Map::new();
            for (name, member) in members {
                if member != JsValue::Undefined {
                    let member = json(&format!("{path}.{name}"), member)?;
                    map.insert(name, member);
                }
            }
            Value::Object(map)
        }
        JsValue::Undefined => return invalid("undefined".into(), "plain data (null for nothing)"),
        JsValue::Opaque(what) => return invalid(what.into(), "plain data"),
    })
}

#[cfg(test)]
mod tests {
    use infrai::{
        ErrorKind,
        options::{BatchOptions, ClientOptions, RequestOptions, WaitOptions},
    };
    use serde_json::json as literal;

    use super::*;

    fn record(members: &[(&str, JsValue)]) -> JsValue {
        JsValue::Record(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn wait(members: &[(&str, JsValue)]) -> Result<String> {
        let options = Signature::with_timeout(names::<WaitOptions>()).read(record(members))?;
        Ok(format!("{:?}", options.parse::<WaitOptions>()?))
    }

    #[test]
    fn undefined_members_are_left_out_of_json() {
        let value = record(&[
            ("a", JsValue::Undefined),
            (
                "b",
                JsValue::List(vec![
                    JsValue::Number(5.0),
                    JsValue::Integer("9007199254740993".into()),
                    JsValue::Null,
                ]),
            ),
        ]);
        assert_eq!(json("body", value).unwrap(), literal!({ "b": [5.0, 9_007_199_254_740_993_u64, null] }));
    }

    #[test]
    fn a_value_that_json_lacks_is_named_by_its_path() {
        let cases = [
            (JsValue::Number(f64::NAN), "NaN"),
            (JsValue::Number(f64::NEG_INFINITY), "-Infinity"),
            (JsValue::Undefined, "undefined"),
            (JsValue::Integer("18446744073709551616".into()), "the integer 18446744073709551616"),
        ];
        for (value, got) in cases {
            let body = record(&[("list", JsValue::List(vec![JsValue::Null, value]))]);
            let error = json("body", body).unwrap_err();
            let details = error.details().unwrap();
            assert_eq!((&details["field"], &details["got"]), (&"body.list[1]".into(), &got.into()));
        }
    }

    #[test]
    fn an_unset_option_is_null_or_undefined() {
        let default = wait(&[]).unwrap();
        let unset = [("cancelOnTimeout", JsValue::Null), ("timeoutMs", JsValue::Undefined)];
        assert_eq!(wait(&unset).unwrap(), default);
        // Not even unset does an option exist under another name.
        assert!(wait(&[("cancelontimeout", JsValue::Null)]).is_err());
    }

    #[test]
    fn a_timeout_of_null_or_infinity_is_no_limit() {
        for value in [JsValue::Null, JsValue::Number(f64::INFINITY)] {
            assert!(wait(&[("timeoutMs", value)]).unwrap().contains("timeout: None"));
        }
        assert!(wait(&[("timeoutMs", JsValue::Number(1.5))]).unwrap().contains("timeout: Some(1.5ms)"));
    }

    #[test]
    fn unknown_option_is_rejected() {
        let error = wait(&[("timeout", JsValue::Number(5.0))]).unwrap_err().in_language(Language::Node);
        assert_eq!(
            error.message(),
            "unknown option `timeout`, expected one of `timeoutMs`, `cancelOnTimeout`, `cancelOnAbort`, `maxRetries`, \
             `headers`, `signal`, `unref`; did you mean `timeoutMs`?"
        );
        assert_eq!(error.details().unwrap()["field"], "timeout");
    }

    #[test]
    fn options_of_every_call_are_for_the_client() {
        let options = [
            ("keyPrefix", JsValue::Text("k".into())),
            ("timeoutMs", JsValue::Number(1.0)),
            ("maxRetries", JsValue::Number(0.0)),
            ("headers", record(&[("x-tenant", JsValue::Text("a".into())), ("x-none", JsValue::Undefined)])),
        ];
        let arguments = Signature::with_timeout(names::<BatchOptions>()).read(record(&options)).unwrap();
        let names = |members: &Members| members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&arguments.own), ["key_prefix", "timeout"]);
        assert_eq!(names(&arguments.call), ["max_retries", "headers"]);
        let call: CallOptions = options::parse(JsValue::Record(arguments.call)).unwrap();
        assert_eq!(
            format!("{call:?}"),
            format!("{:?}", CallOptions::new().max_retries(0).header("x-tenant", "a"))
        );
    }

    #[test]
    fn a_call_that_can_be_aborted_has_its_key_before() {
        let read = |options: &[(&str, JsValue)]| {
            Signature::new(names::<RequestOptions>()).body(&["body"]).read(record(options)).unwrap()
        };
        assert_eq!(read(&[]).idempotency_key(false).unwrap(), None);
        let mut arguments = read(&[]);
        let key = arguments.idempotency_key(true).unwrap();
        assert!(key.is_some());
        assert_eq!(arguments.idempotency_key(true).unwrap(), key);
        let mut given = read(&[("idempotencyKey", JsValue::Text("mine".into()))]);
        assert_eq!(given.idempotency_key(true).unwrap().as_deref(), Some("mine"));
    }

    #[test]
    fn client_options_have_their_names_and_units() {
        let polling = |name: &str, value: f64| ("polling", record(&[(name, JsValue::Number(value))]));
        let build = |members: &[(&str, JsValue)]| {
            let signature = Signature::of_client(names::<ClientOptions>(), &[]);
            let options = signature.read(record(members))?.parse()?;
            InfraiClient::builder().options(options).build()
        };
        let client = build(&[
            ("apiKey", JsValue::Text("ifr_pk_proj_0123456789abcdefghijWXYZ".into())),
            ("baseUrl", JsValue::Text("http://127.0.0.1:9/base".into())),
            polling("refreshMs", 1500.0),
        ])
        .unwrap();
        assert_eq!(client.base_url().unwrap(), "http://127.0.0.1:9/base");
        assert_eq!(client.key_hint().unwrap().unwrap(), "ifr_pk_proj_…WXYZ");
        let cases: [(&str, (&str, JsValue)); 7] = [
            ("invalid `timeoutMs`: expected ", ("timeoutMs", JsValue::Text("5".into()))),
            ("invalid `timeoutMs`: expected ", ("timeoutMs", JsValue::Number(-1.0))),
            ("invalid `timeoutMs`: expected ", ("timeoutMs", JsValue::Number(0.0))),
            ("invalid `maxRetries`: expected ", ("maxRetries", JsValue::Number(1.5))),
            ("unknown option `apikey`, expected ", ("apikey", JsValue::Text("ifr_pk_proj_secret".into()))),
            ("invalid `polling.minIntervalMs`: expected ", polling("minIntervalMs", 0.0)),
            ("unknown option `polling.often`, expected ", polling("often", 1.0)),
        ];
        for (start, member) in cases {
            let error = build(&[member]).unwrap_err().into_configuration_error().in_language(Language::Node);
            assert!(error.message().starts_with(start), "{error}");
            assert_eq!((error.kind(), error.message().contains("secret")), (ErrorKind::Configuration, false));
        }
    }

    #[test]
    fn a_query_has_numbers_as_javascript_formats_them() {
        let given = record(&[
            ("a", JsValue::Number(5.0)),
            ("b", JsValue::List(vec![JsValue::Text("x".into()), JsValue::Bool(true)])),
            ("c", JsValue::Undefined),
        ]);
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        assert_eq!(query(Some(given)).unwrap(), pairs(&[("a", "5"), ("b", "x"), ("b", "true")]));
        let pair = JsValue::List(vec![JsValue::Text("a".into()), JsValue::Text("1".into())]);
        assert_eq!(query(Some(JsValue::List(vec![pair]))).unwrap(), pairs(&[("a", "1")]));
        let error = query(Some(record(&[("a", JsValue::Number(f64::NAN))]))).unwrap_err();
        assert_eq!(error.details().unwrap()["field"], "query.a");
    }

    #[test]
    fn a_job_is_an_id_or_a_result_of_a_call() {
        assert!(job(JsValue::Text("vid_1".into())).is_ok());
        let known =
            record(&[("job_id", JsValue::Text("vid_1".into())), ("state", JsValue::Text("queued".into()))]);
        assert!(job(known).is_ok());
        let other = record(&[("state", JsValue::Text("queued".into()))]);
        for wrong in [JsValue::Undefined, JsValue::Number(1.0), other] {
            assert_eq!(job(wrong).unwrap_err().details().unwrap()["field"], "job");
        }
    }
}
