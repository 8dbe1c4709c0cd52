//! Any bytes as a TIFF file, in either byte order.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for start in [b"II*\0", b"MM\0*"] {
        lung_fuzz::decode(&[start, bytes].concat());
    }
});
