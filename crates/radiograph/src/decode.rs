//! From the bytes of a file to a radiograph: what kind of file it is, whether it may be read, and who reads it.

use crate::dicom::{Decoded, decode_dicom};
use crate::plane::Plane;
use crate::reader::decode_plane;
use crate::sniff::{Sniffed, sniff};
use crate::{Caution, DecodeError, Format, Limits, Radiograph, Source};

impl Radiograph {
    /// Returns the radiograph in the bytes of an image file, decoded within [`Limits::default`].
    ///
    /// # Errors
    /// [`DecodeError`] says what is wrong with the file, and what to do about it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(bytes, &Limits::default())
    }

    /// Returns the radiograph in the bytes of an image file, decoded within `limits`.
    ///
    /// # Errors
    /// [`DecodeError`] says what is wrong with the file, and what to do about it.
    pub fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        decode(bytes, limits)
    }
}

/// Returns the radiograph in `bytes`; see [`Radiograph::decode_with`].
fn decode(bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(DecodeError::TooManyBytes {
            bytes: bytes.len() as u64,
            limit: limits.max_bytes,
        });
    }
    let format = match sniff(bytes) {
        Sniffed::Image(format) => format,
        Sniffed::Other(found) => return Err(DecodeError::UnknownFormat { found }),
    };
    contain_panics(format, || decode_image(format, bytes, limits))
}

/// Returns what `work` returns, or [`DecodeError::Corrupt`] if a decoder underneath it panics.
///
/// The decoders are other people's and meant not to panic, but a user's file must not be what proves them wrong. Nothing
/// that `work` touches outlives it, so there is no broken state to see afterwards. Where a panic aborts, as in
/// WebAssembly, there is nothing to catch, and the checks of [`crate::header`] have to do.
fn contain_panics(
    format: Format,
    work: impl FnOnce() -> Result<Radiograph, DecodeError>,
) -> Result<Radiograph, DecodeError> {
    #[cfg(panic = "unwind")]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(DecodeError::Corrupt {
            format,
            detail: "its decoder gave up on it".to_owned(),
        })
    });
    #[cfg(not(panic = "unwind"))]
    {
        let _ = format;
        work()
    }
}

fn decode_image(format: Format, bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    let (plane, images) = match format {
        Format::Dicom => return Ok(assemble(format, decode_dicom(bytes, limits)?)),
        Format::Luma => return Err(DecodeError::UnknownFormat { found: None }),
        _ => decode_plane(format, bytes, limits)?,
    };
    let mut cautions = Vec::new();
    if images > 1 {
        cautions.push(Caution::FirstFrame { frames: images });
    }
    let decoded = Decoded {
        plane: plane.checked()?,
        greys: None,
        facts: None,
        cautions,
    };
    Ok(assemble(format, decoded))
}

/// Makes a radiograph of what a file of this format holds.
fn assemble(format: Format, decoded: Decoded) -> Radiograph {
    let Decoded {
        plane,
        greys,
        facts,
        cautions,
    } = decoded;
    let Plane {
        width,
        height,
        luma,
        bits,
        false_colour,
        orientation,
    } = plane;
    Radiograph {
        width,
        height,
        luma,
        source: Source {
            format,
            bits,
            false_colour,
            orientation,
        },
        greys,
        dicom: facts,
        cautions,
    }
}
