//! Exception of an application's function, as a cause of an error.

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

/// Returns the number of the exception among an error's causes.
pub fn exception_number(error: &InfraiError) -> Option<i64> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(ForeignException { number, .. }) = cause.downcast_ref() {
            return Some(*number);
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_found_among_the_causes() {
        let error = InfraiError::internal("x").with_source(ForeignException::new(7_u32, "it threw"));
        assert_eq!(exception_number(&error), Some(7));
        assert_eq!(exception_number(&InfraiError::internal("x")), None);
    }
}
