//! Deserialization of option values.

use std::{collections::BTreeMap, fmt, marker::PhantomData, time::Duration};

use http::HeaderMap;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use super::{headers::header, proxy::ProxyUrl, routes::VideoRoutes};
use crate::error::InfraiError;

/// A number of seconds.
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds that is not negative")
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
        let duration = Duration::try_from_secs_f64(seconds);
        duration.map(Seconds).map_err(|_| E::invalid_value(Unexpected::Float(seconds), &self))
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
        Ok(Seconds(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
        match u64::try_from(seconds) {
            Ok(seconds) => self.visit_u64(seconds),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(seconds), &self)),
        }
    }
}

/// A count: a whole number from 0 to 2³²−1.
struct Count(u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
        let count = u32::try_from(number);
        count.map(Count).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    /// Accepts `3.0`, as JavaScript has no other numbers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Count, E> {
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            return Ok(Count(number as u32));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Seconds::deserialize(deserializer)?.0)
}

/// Reads a number of seconds, or null for none.
pub(super) fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<Seconds>::deserialize(deserializer)?.map(|seconds| seconds.0))
}

pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(Count::deserialize(deserializer)?.0)
}

/// Reads a count, or null for none.
pub(super) fn some_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<Count>::deserialize(deserializer)?.map(|count| count.0))
}

pub(super) fn usize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count(deserializer).map(|count| count as usize)
}

/// Reads the name of a route family. An empty one counts as unset.
pub(super) fn routes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VideoRoutes, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.as_str() {
        "" | "auto" => Ok(VideoRoutes::Auto),
        "jobs" => Ok(VideoRoutes::Jobs),
        "status" => Ok(VideoRoutes::Status),
        other => Err(D::Error::invalid_value(Unexpected::Str(other), &"\"auto\", \"jobs\" or \"status\"")),
    }
}

/// Reads an object of strings as pairs.
pub(super) fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
}

/// Reads an object of strings as headers.
pub(super) fn header_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let pairs = pairs(deserializer)?;
    let headers = pairs.iter().map(|(name, value)| header("default_headers", name, value));
    headers.collect::<Result<_, _>>().map_err(|error| without_field(&error))
}

/// Reads the URL of a proxy.
pub(super) fn proxy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ProxyUrl>, D::Error> {
    let url = Option::<String>::deserialize(deserializer)?.filter(|url| !url.is_empty());
    let parsed = url.map(|url| ProxyUrl::parse("proxy", &url)).transpose();
    parsed.map_err(|error| without_field(&error))
}

/// Returns an option's error without the field's name, which [`parse`](super::parse) knows by its path.
fn without_field<E: Error>(error: &InfraiError) -> E {
    let message = error.message();
    E::custom(message.split_once("`: ").map_or(message, |(_, rest)| rest))
}

/// Reads a set of options from an object alone: derived readers also accept a list of values.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of options")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
