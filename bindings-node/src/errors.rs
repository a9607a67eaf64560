//! Errors on their way to JavaScript, in the spelling of Node.

use infrai::{ErrorRecord, InfraiError, Language};
use infrai_bindings::exception_number;

/// Reason why a call did not start.
pub(crate) enum CallError {
    /// An error of the SDK. JavaScript receives it as JSON and makes the class of its kind.
    Error(Box<InfraiError>),
    /// An exception that JavaScript threw while its values were read. It is pending.
    Exception(napi::Error),
}

impl CallError {
    /// Converts an error of the SDK to a configuration error, for the options of a client.
    pub(crate) fn into_configuration_error(self) -> Self {
        match self {
            Self::Error(error) => error.into_configuration_error().into(),
            exception @ Self::Exception(_) => exception,
        }
    }
}

impl From<InfraiError> for CallError {
    fn from(error: InfraiError) -> Self {
        Self::Error(Box::new(error))
    }
}

impl From<napi::Error> for CallError {
    fn from(error: napi::Error) -> Self {
        Self::Exception(error)
    }
}

/// Result of an exported function: its value, or an error as JSON text.
pub(crate) type NativeResult<T> = napi::Result<napi::Either<T, String>>;

/// Runs the body of an exported function. A panic becomes an error that asks for a report.
pub(crate) fn catch_panic<T>(
    language: Language,
    body: impl FnOnce() -> Result<T, CallError>,
) -> NativeResult<T> {
    let error = match infrai_bindings::catch_panic(body) {
        Ok(Ok(value)) => return Ok(napi::Either::A(value)),
        Ok(Err(CallError::Exception(exception))) => return Err(exception),
        Ok(Err(CallError::Error(error))) => *error,
        Err(panic) => panic,
    };
    Ok(napi::Either::B(error_json(error, language)))
}

/// Returns an error as JSON, with the texts of its causes and the number of the exception among them. Each error leaves
/// the module here.
pub(crate) fn error_json(error: InfraiError, language: Language) -> String {
    let exception = exception_number(&error);
    let record = ErrorRecord::from(&error.in_language(language));
    let mut fields = serde_json::to_value(&record).unwrap_or_default();
    if let Some(number) = exception {
        fields["exception"] = number.into();
    }
    if !record.causes.is_empty() {
        fields["causes"] = record.causes.into();
    }
    fields.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_panic_in_an_exported_function_becomes_an_internal_error() {
        let result = catch_panic::<()>(Language::Node, || panic!("at {}", 7)).unwrap();
        let napi::Either::B(text) = result else { panic!("a value") };
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&error["code"], &error["kind"]), (&"INTERNAL".into(), &"internal".into()));
        assert!(error["message"].as_str().unwrap().ends_with("panicked: at 7"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("report"), "{error}");
    }

    #[test]
    fn an_error_speaks_of_options_as_node_does() {
        let error =
            InfraiError::invalid_argument("idempotency_key", 5, "a string").with_hint("See `api_key`.");
        let fields =
            |language| -> Value { serde_json::from_str(&error_json(error.clone(), language)).unwrap() };
        assert_eq!(fields(Language::Node)["details"]["field"], "idempotencyKey");
        assert_eq!(fields(Language::NodeBody)["details"]["field"], "idempotency_key");
        assert_eq!(fields(Language::Node)["hint"], "See `apiKey`.");
    }
}
