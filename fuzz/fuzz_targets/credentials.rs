//! See `infrai::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai::fuzzing::credentials(data));
