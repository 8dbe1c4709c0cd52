//! What the fuzz targets have in common: the promises that hold of whatever comes in.

use radiograph::{DecodeError, Limits, Radiograph};

/// Limits that keep a run short: what they refuse takes no memory, and what they let through takes as little as it can.
pub fn limits() -> Limits {
    Limits {
        max_bytes: 1 << 20,
        max_pixels: 1 << 18,
        max_decoded_bytes: 16 << 20,
        ..Limits::default()
    }
}

/// Decodes, and checks what [`Radiograph`] promises; panics where it is broken.
pub fn decode(bytes: &[u8]) -> Option<Radiograph> {
    let limits = limits();
    match Radiograph::decode_with(bytes, &limits) {
        Ok(radiograph) => {
            check(&radiograph);
            let pixels = u64::from(radiograph.width()) * u64::from(radiograph.height());
            assert!(pixels <= limits.max_pixels, "{pixels} pixels");
            let shortest = radiograph.width().min(radiograph.height());
            assert!(shortest >= limits.min_side, "{shortest} pixels wide or high");
            Some(radiograph)
        }
        Err(error) => {
            check_error(&error);
            None
        }
    }
}

/// As many values as pixels, each a brightness; a picture within what was asked for.
pub fn check(radiograph: &Radiograph) {
    let pixels = u64::from(radiograph.width()) * u64::from(radiograph.height());
    assert_eq!(radiograph.luma().len() as u64, pixels);
    assert!(radiograph.luma().iter().all(|value| (0.0..=1.0).contains(value)));
    let picture = radiograph.picture(64).expect("a picture");
    assert!(picture.width().max(picture.height()) <= 64.max(1));
    assert_eq!(picture.to_rgba8().len(), 4 * picture.luma().len());
    assert!((1..=8).contains(&radiograph.source().orientation));
    // What is written beside a result has to be JSON.
    serde_json::to_string(&(radiograph.source(), radiograph.dicom(), radiograph.cautions()))
        .expect("JSON");
}

/// A code for programs, and two sentences for people.
fn check_error(error: &DecodeError) {
    assert!(!error.code().is_empty() && error.code().is_ascii());
    let message = error.to_string();
    // It may quote a file, but not at length.
    assert!((1..1000).contains(&message.len()), "{message}");
    assert!(!error.advice().is_empty());
}
