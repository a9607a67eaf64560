//! Fuzz targets: properties that hold for any input. Each is a function that panics if its property fails.
//!
//! `make fuzz` calls them with generated inputs, and the tests below with those in `fuzz/corpus/`. They exist only in test
//! and fuzz builds (`cfg(fuzzing)`, which `cargo fuzz` sets) and are not part of the crate's API.

#![allow(missing_docs, clippy::pedantic, reason = "only for the targets in fuzz/")]

mod credentials;
mod json;
mod response;
mod retry_after;
mod url;

pub use crate::fuzzing::{
    credentials::credentials, json::json, response::response, retry_after::retry_after, url::url,
};

/// Returns the first line and the text after it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}

/// Returns `N` lines of text. The last one includes the rest of the text. Returns `None` if the input is not UTF-8.
fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut parts = std::str::from_utf8(data).ok()?.splitn(N, '\n');
    Some(std::array::from_fn(|_| parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    /// Runs a target on every input of its corpus.
    fn replay(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).expect("a corpus") {
            let path = entry.expect("an entry").path();
            let data = fs::read(&path).expect("an input");
            if let Err(panic) = std::panic::catch_unwind(|| target(&data)) {
                eprintln!("the input is {}", path.display());
                std::panic::resume_unwind(panic);
            }
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }

    #[test]
    fn corpus_of_responses_passes() {
        replay("response", response);
    }

    #[test]
    fn corpus_of_retry_after_passes() {
        replay("retry_after", retry_after);
    }

    #[test]
    fn corpus_of_credentials_files_passes() {
        replay("credentials", credentials);
    }

    #[test]
    fn corpus_of_json_passes() {
        replay("json", json);
    }

    #[test]
    fn corpus_of_urls_passes() {
        replay("url", url);
    }

    /// Returns random bytes, random text, and text that matches a pattern of the parser's syntax.
    fn inputs(pattern: &'static str) -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            any::<String>().prop_map(String::into_bytes),
            proptest::string::string_regex(pattern).expect("an expression").prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn any_response_is_handled(
            data in inputs("[2-5]0[0-9]( cancel| cut)?\n(Retry-After: [0-9]\n)?\n[{]\"(ok|id|job_id)\":(true|false|7|\"x\"),\"(data|error|status|state)\":(null|[{]\"code\":\"[{]key[}]\"[}]|\"[a-z]{0,3}\")[}]"),
        ) {
            response(&data);
        }

        #[test]
        fn any_retry_after_is_handled(data in inputs("[-+]?[0-9]{0,20}[.eE]?[0-9]{0,5}\n")) {
            retry_after(&data);
        }

        #[test]
        fn any_credentials_file_is_handled(
            data in inputs("(a|default)\n(# x\n|\\[(a|b|a\\.b)\\]\n|\\[\\[c\\]\\]\n|(api_key|base_url|b|a) = (1|\"k\"|'k'|[{] x = 1 [}]|\\[1, 2\\])( # y)?\n){0,6}"),
        ) {
            credentials(&data);
        }

        #[test]
        fn any_json_is_handled(data in inputs("[\\[{](\"(\\\\u00[0-7][0-9a-f]|.)?\":)?-?[0-9]{1,22}([.][0-9]{1,18})?([eE][-+]?[0-9]{1,3})?[\\]}]")) {
            json(&data);
        }

        #[test]
        fn any_url_is_handled(data in inputs("https://[a-z]{1,3}(:[0-9]{1,3})?(/[a-z%.2e]{0,6})?\n/[a-z%.2eF/:@?&]{0,12}\n[a-z%./@:]{0,6}\n")) {
            url(&data);
        }
    }
}
