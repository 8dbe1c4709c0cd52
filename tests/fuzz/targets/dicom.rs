//! Any bytes as the elements of a DICOM file, and what came of them in any window.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (f64, f64, &[u8])| {
    let (centre, width, elements) = input;
    // So that every input is taken for DICOM; a file that brings its own preamble keeps it.
    let mut file = Vec::with_capacity(132 + elements.len());
    if elements.get(128..132) != Some(b"DICM") {
        file.resize(128, 0);
        file.extend_from_slice(b"DICM");
    }
    file.extend_from_slice(elements);
    if let Some(radiograph) = lung_fuzz::decode(&file)
        && let Some(windowed) = radiograph.with_window(centre, width)
    {
        lung_fuzz::check(&windowed);
    }
});
