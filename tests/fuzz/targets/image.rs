//! Any bytes as an image file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lung_fuzz::decode(bytes);
});
