//! An options object, taken apart member by member: what is left over at the end is a misspelt option.

use std::time::Duration;

use infrai::{ErrorKind, InfraiError};

use crate::values::Js;

type Result<T> = std::result::Result<T, InfraiError>;

/// What an options object is for: it says of which kind its refusals are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A call's arguments.
    Call,
    /// A client's settings.
    Settings,
}

/// The members of an options object that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Record {
    purpose: Purpose,
    prefix: String,
    members: Vec<(String, Js)>,
    known: Vec<&'static str>,
    /// Names that exist too, and are taken before the object comes here.
    besides: &'static [&'static str],
}

impl Record {
    /// The members of `value`; nothing at all counts as no members.
    pub(crate) fn new(purpose: Purpose, what: &str, value: Js) -> Result<Self> {
        Self::nested(purpose, String::new(), what, value)
    }

    fn nested(purpose: Purpose, prefix: String, what: &str, value: Js) -> Result<Self> {
        let members = match value {
            Js::Record(members) => members,
            Js::Undefined | Js::Null => Vec::new(),
            other => return Err(refusal(purpose, what, &other.describe(), "an object")),
        };
        Ok(Self { purpose, prefix, members, known: Vec::new(), besides: &[] })
    }

    /// The same, with names that a refusal lists although they are taken elsewhere.
    pub(crate) fn besides(self, besides: &'static [&'static str]) -> Self {
        Self { besides, ..self }
    }

    fn know(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    fn refuse(&self, name: &str, got: &str, expected: &str) -> InfraiError {
        refusal(self.purpose, &format!("{}{name}", self.prefix), got, expected)
    }

    /// A member, whatever it is; `null` and `undefined` are as good as none.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Js> {
        self.know(name);
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.swap_remove(at).1).filter(|value| !value.is_nothing())
    }

    /// Whether a time is given as `null` or `Infinity`, which means for ever; it is then taken.
    pub(crate) fn is_unlimited(&mut self, name: &'static str) -> bool {
        self.know(name);
        let unlimited = |value: &Js| matches!(value, Js::Null | Js::Number(f64::INFINITY));
        let at = self.members.iter().position(|(member, value)| member == name && unlimited(value));
        at.map(|at| self.members.swap_remove(at)).is_some()
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Js::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.refuse(name, &other.describe(), "a string")),
        }
    }

    pub(crate) fn number(&mut self, name: &'static str) -> Result<Option<f64>> {
        match self.take(name) {
            None => Ok(None),
            Some(Js::Number(number)) => Ok(Some(number)),
            Some(other) => Err(self.refuse(name, &other.describe(), "a number")),
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Js::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.refuse(name, &other.describe(), "true or false")),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, name: &'static str) -> Result<Option<u32>> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            return Err(self.refuse(name, &Js::Number(number).describe(), "a whole number, 0 or greater"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Some(number as u32))
    }

    /// A number of milliseconds.
    pub(crate) fn milliseconds(&mut self, name: &'static str) -> Result<Option<Duration>> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        if let Ok(duration) = Duration::try_from_secs_f64(number / 1000.0) {
            return Ok(Some(duration));
        }
        let got = Js::Number(number).describe();
        Err(self.refuse(name, &got, "a number of milliseconds, 0 or greater"))
    }

    /// Names and texts, such as headers.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<(String, String)>> {
        let members = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Js::Record(members)) => members,
            Some(other) => return Err(self.refuse(name, &other.describe(), "an object of strings")),
        };
        let mut texts = Vec::with_capacity(members.len());
        for (member, value) in members {
            match value {
                Js::Text(text) => texts.push((member, text)),
                value if value.is_nothing() => {}
                other => return Err(self.refuse(&format!("{name}.{member}"), &other.describe(), "a string")),
            }
        }
        Ok(texts)
    }

    /// A record within this one.
    pub(crate) fn record(&mut self, name: &'static str) -> Result<Option<Record>> {
        let prefix = format!("{}{name}.", self.prefix);
        let what = format!("{}{name}", self.prefix);
        self.take(name).map(|value| Self::nested(self.purpose, prefix, &what, value)).transpose()
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.members.iter().find(|(_, value)| *value != Js::Undefined) {
            None => Ok(()),
            Some((name, value)) => {
                let known = [&self.known[..], self.besides].concat().join(", ");
                let expected = format!("no value: there is no such option (known: {known})");
                // A misspelt name may hold a key: what it got is not repeated.
                let got = if let Js::Text(_) = value { "a string".to_owned() } else { value.describe() };
                Err(self.refuse(name, &got, &expected))
            }
        }
    }
}

/// The refusal of an argument, or of a setting.
pub(crate) fn refusal(purpose: Purpose, field: &str, got: &str, expected: &str) -> InfraiError {
    match purpose {
        Purpose::Call => InfraiError::invalid_argument(field, got, expected),
        Purpose::Settings => InfraiError::new(
            ErrorKind::Configuration,
            "CONFIGURATION_INVALID",
            format!("invalid `{field}`: expected {expected}, got {got}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(members: &[(&str, Js)]) -> Record {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Record::new(Purpose::Call, "options", Js::Record(members)).unwrap()
    }

    #[test]
    fn a_misspelt_option_is_refused_by_name_with_those_that_exist() {
        let mut options = record(&[("timout", Js::Number(5.0)), ("other", Js::Undefined)]);
        assert_eq!(options.number("timeout").unwrap(), None);
        let error = options.finish().unwrap_err();
        assert_eq!(error.details().unwrap()["field"], "timout");
        assert!(error.message().contains("known: timeout"), "{error}");
    }

    #[test]
    fn a_refusal_lists_every_name_once_and_those_that_are_taken_elsewhere() {
        let mut options =
            record(&[("timeoutMs", Js::Null), ("x", Js::Opaque("a function"))]).besides(&["signal"]);
        assert!(options.is_unlimited("timeoutMs"));
        assert_eq!(options.milliseconds("timeoutMs").unwrap(), None);
        assert_eq!(options.flag("force").unwrap(), None);
        let error = options.finish().unwrap_err();
        assert!(error.message().contains("(known: timeoutMs, force, signal), got a function"), "{error}");
    }

    #[test]
    fn null_and_undefined_count_as_not_given() {
        let mut options = record(&[("a", Js::Null), ("b", Js::Undefined)]);
        assert_eq!((options.text("a").unwrap(), options.number("b").unwrap()), (None, None));
        options.finish().unwrap();
    }

    #[test]
    fn a_time_of_null_or_infinity_is_for_ever() {
        for (value, unlimited) in [
            (Js::Null, true),
            (Js::Number(f64::INFINITY), true),
            (Js::Undefined, false),
            (Js::Number(1.0), false),
        ] {
            assert_eq!(record(&[("timeoutMs", value)]).is_unlimited("timeoutMs"), unlimited);
        }
    }

    #[test]
    fn numbers_that_no_duration_holds_are_refused() {
        for number in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = record(&[("timeoutMs", Js::Number(number))]).milliseconds("timeoutMs").unwrap_err();
            assert_eq!(error.details().unwrap()["field"], "timeoutMs", "{number}");
        }
        let mut options = record(&[("timeoutMs", Js::Number(1.5))]);
        assert_eq!(options.milliseconds("timeoutMs").unwrap(), Some(Duration::from_micros(1500)));
    }

    #[test]
    fn a_misspelt_setting_never_repeats_a_key() {
        let members = vec![("apikey".to_owned(), Js::Text("ifr_pk_proj_secret".into()))];
        let mut settings = Record::new(Purpose::Settings, "settings", Js::Record(members)).unwrap();
        assert_eq!(settings.text("apiKey").unwrap(), None);
        let error = settings.finish().unwrap_err();
        assert_eq!((error.kind(), error.message().contains("secret")), (ErrorKind::Configuration, false));
    }
}
