//! Any bytes as a JPEG stream, as it is and without an end, which is for the slow decoder to judge.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = [b"\xff\xd8\xff", bytes].concat();
    lung_fuzz::decode(&file);
    if let Some(endless) = file.strip_suffix(b"\xff\xd9") {
        lung_fuzz::decode(endless);
    }
});
