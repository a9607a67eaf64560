//! Entry point of the fuzz target `infrai::fuzzing::retry_after`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai::fuzzing::retry_after(data));
