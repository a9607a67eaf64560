//! The causes of an error, and the exception of an application's function as one of them.

use std::{error::Error as StdError, fmt};

use infrai::InfraiError;

/// Exception that an application's function threw. The package keeps the exception itself under the number.
#[derive(Debug)]
pub struct ForeignException {
    number: i64,
    text: String,
}

impl ForeignException {
    /// Wraps an exception's number and description.
    pub fn new(number: impl Into<i64>, text: impl Into<String>) -> Self {
        Self { number: number.into(), text: text.into() }
    }
}

impl fmt::Display for ForeignException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for ForeignException {}

/// Returns the texts of an error's causes, the nearest first, and the number of the exception among them.
pub fn causes(error: &InfraiError) -> (Vec<String>, Option<i64>) {
    let (mut texts, mut exception, mut source) = (Vec::new(), None, error.source());
    while let Some(cause) = source {
        if let Some(ForeignException { number, .. }) = cause.downcast_ref() {
            exception = Some(*number);
        }
        texts.push(cause.to_string());
        source = cause.source();
    }
    (texts, exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_found_among_the_causes() {
        let error = InfraiError::internal("x").with_source(ForeignException::new(7_u32, "it threw"));
        assert_eq!(causes(&error), (vec!["it threw".to_owned()], Some(7)));
        assert_eq!(causes(&InfraiError::internal("x")), (Vec::new(), None));
    }
}
