//! Any bytes as a zip archive, and as the directory of a CD.
#![no_main]

use std::io::Cursor;

use radiograph::archive::{Archive, ArchiveError, Limits, images_of_dicomdir};

/// Limits that keep a run short.
const LIMITS: Limits = Limits {
    max_entries: 100,
    max_entry_bytes: 1 << 20,
    max_total_bytes: 8 << 20,
    max_depth: 2,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut unpacked = 0;
    let visited = Archive::open(Cursor::new(bytes), LIMITS).and_then(|mut archive| {
        assert!(archive.entries().len() as u64 <= LIMITS.max_entries);
        archive.visit(&mut |_, read| {
            match read {
                Ok(bytes) => unpacked += bytes.len() as u64,
                Err(error) => check(&error),
            }
            Ok(())
        })
    });
    if let Err(error) = visited {
        check(&error);
    }
    assert!(unpacked <= LIMITS.max_total_bytes, "{unpacked} bytes");
    for image in images_of_dicomdir(bytes) {
        assert!(image.split('/').all(|part| !part.is_empty() && part != ".."), "{image}");
    }
});

/// A code for programs, and two sentences for people.
fn check(error: &ArchiveError) {
    assert!(!error.code().is_empty() && error.code().is_ascii());
    assert!(!error.to_string().is_empty() && !error.advice().is_empty());
}
