#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chatmesh_fuzz::frames::event_stream(bytes));
