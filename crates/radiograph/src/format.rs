//! The formats of files that can be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The format of a file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// WebP, lossy or lossless.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// Tagged Image File Format.
    Tiff,
    /// Graphics Interchange Format.
    Gif,
    /// JPEG 2000: a codestream, or one in the boxes of JP2.
    Jpeg2000,
    /// DICOM, with or without its preamble.
    Dicom,
    /// No file: values in memory, given to [`Radiograph::from_luma`](crate::Radiograph::from_luma).
    Luma,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
            Self::Jpeg2000 => "JPEG 2000",
            Self::Dicom => "DICOM",
            Self::Luma => "luma",
        })
    }
}
