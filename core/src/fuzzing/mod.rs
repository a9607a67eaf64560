//! What must hold whatever bytes come in: the bodies of the fuzz targets, each a function that panics where it does not.
//!
//! `make fuzz` feeds them with inputs of its own making, the test below with those that are kept in `fuzz/corpus/`. They
//! exist in test and fuzz builds only (`cfg(fuzzing)`, which `cargo fuzz` sets) and are no part of the crate's API.

#![allow(missing_docs, clippy::pedantic, reason = "for the targets in fuzz/ alone")]

mod credentials;
mod json;
mod response;
mod retry_after;
mod url;

pub use crate::fuzzing::{
    credentials::credentials, json::json, response::response, retry_after::retry_after, url::url,
};

/// The first line, and what comes after it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}

/// Up to `N` lines of text, the last of them with all that follows; `None` for what is no UTF-8.
fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut parts = std::str::from_utf8(data).ok()?.splitn(N, '\n');
    Some(std::array::from_fn(|_| parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    /// Runs a target on every input that is kept for it.
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
    fn every_response_that_was_ever_a_problem_is_read() {
        replay("response", response);
    }

    #[test]
    fn every_retry_after_that_was_ever_a_problem_is_read() {
        replay("retry_after", retry_after);
    }

    #[test]
    fn every_credentials_file_that_was_ever_a_problem_is_changed() {
        replay("credentials", credentials);
    }

    #[test]
    fn every_json_that_was_ever_a_problem_is_canonical() {
        replay("json", json);
    }

    #[test]
    fn every_url_that_was_ever_a_problem_is_built() {
        replay("url", url);
    }

    /// Bytes, text, and text of the characters that mean something to whoever reads it.
    fn inputs(of: &'static str) -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            any::<String>().prop_map(String::into_bytes),
            proptest::string::string_regex(of).expect("an expression").prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn any_response_is_read(
            data in inputs("[2-5]0[0-9]( cancel| cut)?\n(Retry-After: [0-9]\n)?\n[{]\"(ok|id|job_id)\":(true|false|7|\"x\"),\"(data|error|status|state)\":(null|[{]\"code\":\"[{]key[}]\"[}]|\"[a-z]{0,3}\")[}]"),
        ) {
            response(&data);
        }

        #[test]
        fn any_retry_after_is_read(data in inputs("[-+]?[0-9]{0,20}[.eE]?[0-9]{0,5}\n")) {
            retry_after(&data);
        }

        #[test]
        fn any_credentials_file_is_changed(
            data in inputs("(a|default)\n(# x\n|\\[(a|b|a\\.b)\\]\n|\\[\\[c\\]\\]\n|(api_key|base_url|b|a) = (1|\"k\"|'k'|[{] x = 1 [}]|\\[1, 2\\])( # y)?\n){0,6}"),
        ) {
            credentials(&data);
        }

        #[test]
        fn any_json_is_canonical(data in inputs("[\\[{](\"(\\\\u00[0-7][0-9a-f]|.)?\":)?-?[0-9]{1,22}([.][0-9]{1,18})?([eE][-+]?[0-9]{1,3})?[\\]}]")) {
            json(&data);
        }

        #[test]
        fn any_url_is_built(data in inputs("https://[a-z]{1,3}(:[0-9]{1,3})?(/[a-z%.2e]{0,6})?\n/[a-z%.2eF/:@?&]{0,12}\n[a-z%./@:]{0,6}\n")) {
            url(&data);
        }
    }
}
