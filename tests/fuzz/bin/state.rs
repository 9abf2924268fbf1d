#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| azulejo_fuzz::state::run(bytes));
