//! From the bytes of a file to its pixels, a reader for each kind of format. No reader knows what a radiograph is.
//!
//! Every decoder is a function of its own that is not inlined: a browser compiles a function when it is called for the first time, and
//! one with all of them inside took 40 ms of the first image.

mod jpeg;
#[cfg(feature = "readers")]
mod jpeg2000;
#[cfg(feature = "readers")]
mod other;
mod raster;
#[cfg(feature = "readers")]
mod tiff;

use crate::header;
#[cfg(feature = "readers")]
use crate::header::Header;
use crate::plane::{Plane, check_dimensions};
use crate::{DecodeError, Format, Limits};
pub(crate) use jpeg::decode_channels;
#[cfg(feature = "readers")]
pub(crate) use jpeg2000::decode_jpeg2000_samples;

/// Returns the brightness in the bytes of a file that is no DICOM file, and how many images it holds.
///
/// # Errors
/// If the file is damaged, is of a kind that is not read, or takes more than `limits` allow.
pub(crate) fn decode_plane(
    format: Format,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(Plane, u32), DecodeError> {
    #[cfg(not(feature = "readers"))]
    if !matches!(format, Format::Png | Format::Jpeg) {
        return crate::elsewhere::ask::plane(format, bytes, limits);
    }
    let header = header::examine(format, bytes)?;
    if let Some((width, height)) = header.dimensions {
        check_dimensions(width, height, limits)?;
    }
    let raster = match format {
        Format::Png => raster::decode_png(bytes, &header, limits)?,
        Format::Jpeg => jpeg::decode_jpeg(bytes, &header, limits)?,
        #[cfg(not(feature = "readers"))]
        _ => return Err(DecodeError::ReaderMissing),
        #[cfg(feature = "readers")]
        _ => return decode_rare(format, bytes, &header, limits),
    };
    Ok((raster.into_plane(format, limits)?, header.images))
}

#[cfg(feature = "readers")]
fn decode_rare(
    format: Format,
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<(Plane, u32), DecodeError> {
    let raster = match format {
        Format::WebP => other::decode_webp(bytes, header, limits)?,
        Format::Bmp => other::decode_bmp(bytes, header, limits)?,
        Format::Gif => other::decode_gif(bytes, header, limits)?,
        Format::Tiff => return tiff::decode_tiff(bytes, limits),
        Format::Jpeg2000 => jpeg2000::decode_jpeg2000(bytes, limits)?,
        _ => return Err(DecodeError::UnknownFormat { found: None }),
    };
    Ok((raster.into_plane(format, limits)?, header.images))
}
