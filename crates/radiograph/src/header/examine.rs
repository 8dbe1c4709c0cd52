//! The header of a file in any format.

use super::summary::Header;
use super::{bmp, gif, jpeg, png, webp};
use crate::{DecodeError, Format};

/// Returns what the header of `bytes`, which begin as those of `format` do, says.
///
/// # Errors
/// [`DecodeError::Corrupt`] if the file contradicts itself, or is cut short in a way that its decoder would not tell.
#[inline(never)]
pub(crate) fn examine(format: Format, bytes: &[u8]) -> Result<Header, DecodeError> {
    let header = match format {
        Format::Png => png::examine(bytes),
        Format::Jpeg => jpeg::examine(bytes),
        Format::WebP => webp::examine(bytes),
        Format::Bmp => Ok(bmp::examine(bytes)),
        Format::Gif => Ok(gif::examine(bytes)),
        // TIFF keeps its header anywhere, and its decoder reads that alone first; so do those of
        // JPEG 2000 and DICOM.
        Format::Tiff | Format::Jpeg2000 | Format::Dicom | Format::Luma => Ok(Header::default()),
    };
    header.map_err(|fault| fault.into_error(format))
}
