//! Entry point of the fuzz target `infrai::fuzzing::credentials`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai::fuzzing::credentials(data));
