//! The bodies of the fuzz targets: functions that panic when an invariant breaks.
//!
//! `make fuzz` generates inputs; the test below replays those in `fuzz/corpus/`. The module exists in test and fuzz
//! builds only (`cfg(fuzzing)`, which `cargo fuzz` sets) and is not part of the crate's API.

#![allow(missing_docs, clippy::pedantic, reason = "for the targets in fuzz/ alone")]

mod faults;
mod fixture;
mod routes;

pub use self::{faults::faults, routes::routes};

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
    fn every_fault_that_was_ever_a_problem_is_read() {
        replay("faults", faults);
    }

    #[test]
    fn inputs_reach_what_they_name() {
        let statuses = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/routes").join(name);
            routes::statuses(&fs::read(path).expect("an input"))
        };
        assert_eq!(statuses("file"), [200, 206, 200, 200, 304, 416]);
        assert_eq!(statuses("status"), [200, 200, 200]);
        assert_eq!(statuses("topup"), [200, 200, 303, 200]);
        assert_eq!(statuses("generate"), [200, 409]);
        assert_eq!(statuses("fault"), [200, 503, 200, 200]);
        assert_eq!(statuses("fault-drop"), [200, 0]);
        assert_eq!(statuses("other-machine"), [403, 200]);
    }

    #[test]
    fn every_request_that_was_ever_a_problem_is_answered() {
        replay("routes", routes);
    }

    proptest! {
        #[test]
        fn any_fault_is_read(
            text in "((GET |\\* )?[/*][a-z*]{0,6}: ((status|cut|times|retry-after)=[0-9]{1,3} |delay=[0-9]{1,3}(ms|s) |drop=(before|after) |job=fail |probability=0.[0-9] ){0,4}|\\PC{0,30})\n/[a-z]{0,6}\n([0-9]{1,3}/(s|min|h)( burst [0-9]{1,2})?|\\PC{0,9})",
        ) {
            faults(text.as_bytes());
        }
    }

    proptest! {
        // Each case writes to a database several times.
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_request_is_answered(
            method in "GET|POST|DELETE|HEAD|PUT", path in "/(v1/(activate|account/(balance|topup)|video/(generate|jobs/([{]job[}]|\\PC{1,4})(/cancel)?))|sandbox/(credit|topups/.{0,3}/pay|faults|requests|ledger([?]after=-?[0-9]{1,20})?)|topup/[{]topup[}]|checkout/[{]checkout[}]|healthz|[!-~]{0,6})",
            headers in "(Authorization: Bearer [{]key[}]\n)?(Content-Type: application/json\n)?(Idempotency-Key: \\PC{0,3}\n)?",
            body in "[{]\"(prompt|amount_usd|fault|device_fingerprint)\":(\"\\PC{0,9}\"|-?[0-9]{1,6}(e[0-9]{1,3})?|null)[}]|amount_usd=[0-9.e]{0,5}|\\PC{0,9}",
        ) {
            routes(format!("{method} {path}\nHost: localhost\n{headers}\n{body}").as_bytes());
        }
    }
}
