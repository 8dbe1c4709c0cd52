//! The header of a file in any format.

use super::summary::Header;
#[cfg(feature = "readers")]
use super::{bmp, gif, webp};
use super::{jpeg, png};
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
        #[cfg(feature = "readers")]
        Format::WebP => webp::examine(bytes),
        #[cfg(feature = "readers")]
        Format::Bmp => Ok(bmp::examine(bytes)),
        #[cfg(feature = "readers")]
        Format::Gif => Ok(gif::examine(bytes)),
        // TIFF keeps its header anywhere, and its decoder reads that alone first; so do those of
        // JPEG 2000 and DICOM.
        _ => Ok(Header::default()),
    };
    header.map_err(|fault| fault.into_error(format))
}
