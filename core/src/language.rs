//! Languages of callers, and their spelling of options and calls in errors.

use std::borrow::Cow;

/// Language of the caller. The core's errors name options and calls as Python does; a binding respells them with
/// [`InfraiError::in_language`](crate::InfraiError::in_language).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Language {
    /// `api_key`, `timeout`, `infra.activate()`.
    Python,
    /// `api_key`, `timeout`, `client.activate()`.
    Rust,
    /// `apiKey`, `timeoutMs`. Fields of a request's body are as on the wire: `reference_image_url`.
    Node,
    /// As [`Node`](Self::Node), for calls whose idempotency key is among the fields of the body.
    NodeBody,
    /// `apiKey`, `timeout`, `referenceImageURL`.
    Swift,
    /// `apiKey`, `timeout`, `referenceImageUrl`.
    Kotlin,
    /// `api_key`, `timeout`, `infrai activate`.
    Command,
}

/// Options that are durations. In Node their names end in `Ms`.
const DURATIONS: [&str; 12] = [
    "timeout",
    "attempt_timeout",
    "connect_timeout",
    "download_idle_timeout",
    "retry_base",
    "retry_cap",
    "min_interval",
    "max_interval",
    "expected_duration",
    "refresh",
    "ttl",
    "idempotency_window",
];

/// Fields of bodies with more than one word in their name. Node spells them as on the wire.
const BODY_FIELDS: [&str; 6] =
    ["reference_image_url", "duration_seconds", "device_kind", "amount_usd", "return_url", "job_id"];

impl Language {
    /// Returns the core's name of an option of Node, and whether its value is in milliseconds. `None` if Node has no
    /// option of this form.
    pub fn node_option(name: &str) -> Option<(Cow<'_, str>, bool)> {
        if BODY_FIELDS.contains(&name) {
            return Some((name.into(), false));
        }
        if name.contains('_') {
            return None;
        }
        if let Some(duration) = name.strip_suffix("Ms").map(snake_case)
            && DURATIONS.contains(&&*duration)
        {
            return Some((duration, true));
        }
        Some((snake_case(name), false))
            .filter(|(name, _)| !DURATIONS.contains(&&**name) && !BODY_FIELDS.contains(&&**name))
    }

    /// Respells the options and calls that a text names in backticks.
    pub(crate) fn respell(self, text: &str) -> Cow<'_, str> {
        if matches!(self, Self::Rust) || !text.contains('`') {
            return text.into();
        }
        let mut spelled = String::with_capacity(text.len());
        for (index, part) in text.split('`').enumerate() {
            if index > 0 {
                spelled.push('`');
            }
            if index % 2 == 0 {
                spelled.push_str(part);
            } else {
                spelled.push_str(&self.respell_name(part));
            }
        }
        spelled.into()
    }

    /// Respells a path of options, such as `polling.max_interval`, or a call.
    pub(crate) fn respell_name(self, name: &str) -> Cow<'_, str> {
        if name == "client.activate()" {
            return match self {
                Self::Python => "infra.activate()",
                Self::Command => "infrai activate",
                _ => name,
            }
            .into();
        }
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.[]".contains(c);
        // Below these are a caller's own names.
        let root = name.split(['.', '[']).next().unwrap_or_default();
        if ["body", "query", "headers", "default_headers"].contains(&root) {
            return format!("{}{}", self.respell_option(root), &name[root.len()..]).into();
        }
        if !name.chars().all(is_path) {
            return name.into();
        }
        let segments: Vec<_> = name.split('.').map(|segment| self.respell_option(segment)).collect();
        segments.join(".").into()
    }

    fn respell_option(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Rust | Self::Python | Self::Command => name.into(),
            Self::NodeBody if name == "idempotency_key" => name.into(),
            Self::Node | Self::NodeBody if BODY_FIELDS.contains(&name) => name.into(),
            Self::Node | Self::NodeBody if DURATIONS.contains(&name) => {
                format!("{}Ms", camel_case(name)).into()
            }
            Self::Swift => match name.rsplit_once('_') {
                Some((start, word @ ("url" | "usd" | "http" | "id"))) => {
                    format!("{}{}", camel_case(start), word.to_ascii_uppercase()).into()
                }
                _ => camel_case(name),
            },
            _ => camel_case(name),
        }
    }
}

fn camel_case(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return name.into();
    }
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel.into()
}

fn snake_case(name: &str) -> Cow<'_, str> {
    if !name.contains(|c: char| c.is_ascii_uppercase()) {
        return name.into();
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_node_has_the_core_name_and_unit() {
        for (node, core) in [
            ("apiKey", Some(("api_key", false))),
            ("timeoutMs", Some(("timeout", true))),
            ("minIntervalMs", Some(("min_interval", true))),
            ("overwrite", Some(("overwrite", false))),
            ("device_kind", Some(("device_kind", false))),
            // What the core would take and Node does not.
            ("timeout", None),
            ("api_key", None),
            ("deviceKind", None),
        ] {
            let found = Language::node_option(node);
            assert_eq!(found.as_ref().map(|(name, ms)| (&**name, *ms)), core, "{node}");
        }
    }

    #[test]
    fn names_in_backticks_are_respelled() {
        let text = "invalid `polling.max_interval`: pass `api_key` or `reference_image_url`, or call `client.activate()`";
        for (language, expected) in [
            (Language::Rust, text),
            (
                Language::Node,
                "invalid `polling.maxIntervalMs`: pass `apiKey` or `reference_image_url`, or call `client.activate()`",
            ),
            (
                Language::Swift,
                "invalid `polling.maxInterval`: pass `apiKey` or `referenceImageURL`, or call `client.activate()`",
            ),
            (
                Language::Python,
                "invalid `polling.max_interval`: pass `api_key` or `reference_image_url`, or call `infra.activate()`",
            ),
        ] {
            assert_eq!(language.respell(text), expected);
        }
    }

    #[test]
    fn a_caller_own_name_stays_as_it_is() {
        for name in ["body.max_retries", "query.job_id", "headers.x_tenant", "X-Max_Retries", "a b_c"] {
            assert_eq!(Language::Node.respell_name(name), name);
        }
        assert_eq!(Language::Node.respell_name("default_headers.X-A_b"), "defaultHeaders.X-A_b");
        assert_eq!(
            Language::Kotlin.respell_name("prompts[0].reference_image_url"),
            "prompts[0].referenceImageUrl"
        );
    }

    #[test]
    fn swift_writes_acronyms_in_capitals() {
        for (name, swift) in [
            ("amount_usd", "amountUSD"),
            ("base_url", "baseURL"),
            ("allow_insecure_http", "allowInsecureHTTP"),
            ("ca_file", "caFile"),
            ("id", "id"),
        ] {
            assert_eq!(Language::Swift.respell_name(name), swift);
        }
    }

    #[test]
    fn an_idempotency_key_of_a_body_is_spelled_as_on_the_wire() {
        assert_eq!(Language::Node.respell_name("idempotency_key"), "idempotencyKey");
        assert_eq!(Language::NodeBody.respell_name("idempotency_key"), "idempotency_key");
    }
}
