#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chatmesh_fuzz::hello::greeting(bytes));
