//! Options as text, such as the cells of a table. The declared type of an option decides how its text is read.

use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer, Visitor, value},
    forward_to_deserialize_any,
};

use super::parse;

/// Parses a set of options from their names and texts. An empty text is an option that is not set.
///
/// # Errors
/// As `parse`.
pub fn parse_texts<'a, T: for<'de> Deserialize<'de>>(
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> crate::Result<T> {
    let set = options.into_iter().filter(|(_, text)| !text.is_empty());
    parse(value::MapDeserializer::<_, value::Error>::new(set.map(|(name, text)| (name, Text(text)))))
}

/// Value of an option.
struct Text<'a>(&'a str);

impl IntoDeserializer<'_, value::Error> for Text<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident as $type:ty => $visit:ident;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
            match self.0.trim().parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = value::Error;

    parsed! {
        deserialize_bool as bool => visit_bool;
        deserialize_f64 as f64 => visit_f64;
        deserialize_i64 as i64 => visit_i64;
        deserialize_u64 as u64 => visit_u64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_str(self.0)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::GenerateRequest;

    #[test]
    fn texts_are_read_by_their_declared_type() {
        let read = |options: &[(&str, &str)]| parse_texts::<GenerateRequest>(options.iter().copied());
        let request =
            read(&[("prompt", "7"), ("duration_seconds", " 2.5"), ("aspect", "1:1"), ("model", "")]);
        assert_eq!(request.unwrap(), GenerateRequest::new("7").duration_seconds(2.5).aspect("1:1"));
        for (name, text, message) in [
            ("duration_seconds", "long", "invalid `duration_seconds`: expected a number, got \"long\""),
            ("duration", "2", "unknown option `duration`"),
        ] {
            let error = read(&[("prompt", "a kite"), (name, text)]).unwrap_err();
            assert!(error.message().starts_with(message), "{error}");
        }
        assert_eq!(read(&[("aspect", "1:1")]).unwrap_err().message(), "missing option `prompt`");
    }
}
