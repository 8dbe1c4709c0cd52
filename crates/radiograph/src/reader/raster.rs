//! PNG, and what all formats have in common that `image` decodes.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{ImageDecoder, ImageError};

use crate::error::{CUT_SHORT, cut_short, sentence};
use crate::header::{Header, png};
use crate::plane::{Raster, check_dimensions, check_memory, zeros};
use crate::{DecodeError, Format, Limits};

/// Returns the pixels of a PNG file.
#[inline(never)]
pub(super) fn decode_png(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    let file = png::mended(bytes);
    // Takes its limits when it is made or not at all, and they do not count the image itself.
    let mut theirs = image::Limits::no_limits();
    theirs.max_alloc = Some(png::WORKING_BYTES);
    let decoder = || PngDecoder::with_limits(Cursor::new(&*file), theirs);
    decode_with(Format::Png, decoder, header, limits)
        .map_err(|error| with_share(error, || Some(png::missing(bytes))))
}

/// Returns the error of a decoder, with the share of the image that is missing where one is: only then did the file end too early.
pub(super) fn with_share(error: DecodeError, share: impl FnOnce() -> Option<f64>) -> DecodeError {
    match error {
        DecodeError::Corrupt { format, detail } => {
            let detail = match share() {
                Some(share) if share > 0.0 => cut_short(share),
                Some(_) if detail == CUT_SHORT => "its last bytes are damaged".to_owned(),
                _ => detail,
            };
            DecodeError::Corrupt { format, detail }
        }
        error => error,
    }
}

/// Reads the pixels that the decoder is ready to give, once it is certain that they fit.
#[inline(never)]
pub(super) fn decode_with<D: ImageDecoder>(
    format: Format,
    decoder: impl FnOnce() -> Result<D, ImageError>,
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    let fail = |error| explain(format, error, limits);
    let mut decoder = decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    check_dimensions(width, height, limits)?;
    let raw_bytes = decoder.total_bytes();
    check_memory(width, height, raw_bytes, header.working_bytes, limits)?;

    let color_type = decoder.color_type();
    let mut theirs = image::Limits::no_limits();
    theirs.max_alloc = Some(limits.max_decoded_bytes - raw_bytes);
    decoder.set_limits(theirs).map_err(fail)?;
    let mut raw = zeros::<u8>(raw_bytes, limits)?;
    decoder.read_image(&mut raw).map_err(fail)?;
    Ok(Raster {
        width,
        height,
        orientation: header.orientation.unwrap_or(1),
        color_type,
        raw,
    })
}

/// Returns the error of a decoder in our terms.
fn explain(format: Format, error: ImageError, limits: &Limits) -> DecodeError {
    match error {
        ImageError::Limits(_) => DecodeError::TooMuchMemory {
            limit: limits.max_decoded_bytes,
        },
        ImageError::Unsupported(error) => DecodeError::Unsupported {
            format,
            detail: sentence(&error.to_string()),
        },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Corrupt {
                format,
                detail: CUT_SHORT.to_owned(),
            }
        }
        error => DecodeError::Corrupt {
            format,
            detail: sentence(&error.to_string()),
        },
    }
}
