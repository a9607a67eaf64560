//! Entry point of the fuzz target `infrai_sandbox::fuzzing::routes`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infrai_sandbox::fuzzing::routes(data));
