//! Entry point of the fuzz target `infrai::fuzzing::url`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai::fuzzing::url(data));
