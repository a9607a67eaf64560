//! See `infrai_sandbox::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai_sandbox::fuzzing::faults(data));
