//! Entry point of the fuzz target `infrai::fuzzing::response`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai::fuzzing::response(data));
