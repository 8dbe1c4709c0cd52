//! Why a file is not a radiograph.

use crate::Format;

/// Why some bytes could not be read as a radiograph.
///
/// `Display` is one sentence of what happened, [`advice`](Self::advice) one sentence of what to do about it, and
/// [`code`](Self::code) a name that stays the same when the sentences change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("The file is empty.")]
    Empty,
    /// The first bytes belong to no image format that can be read here.
    #[error("The file is {}, not an image in a format that can be read here.", .found.unwrap_or("of an unknown kind"))]
    UnknownFormat {
        /// What the file seems to be instead, with its article: `a PDF document`.
        found: Option<&'static str>,
    },
    /// A DICOM file of something else than an image.
    #[error("The DICOM file holds no image but {found}.")]
    NoImage {
        /// What it holds instead, with its article, and the class that says so: `a report`.
        found: String,
    },
    /// The format is known, but this variant of it is not supported.
    #[error("This {format} file uses a feature that cannot be read: {detail}.")]
    Unsupported {
        /// The format of the file.
        format: Format,
        /// What is not supported, in the decoder's words.
        detail: String,
    },
    /// The file is damaged or cut short.
    #[error("The {format} file is damaged or incomplete: {detail}.")]
    Corrupt {
        /// The format of the file.
        format: Format,
        /// What is wrong with it, in the decoder's words.
        detail: String,
    },
    /// The file is larger than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("The file has {bytes} bytes, more than the {limit} that are allowed.")]
    TooManyBytes {
        /// Size of the file in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The image is larger than [`Limits::max_pixels`](crate::Limits::max_pixels).
    #[error("The image has {width} x {height} pixels, more than the {limit} that are allowed.")]
    TooManyPixels {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// Decoding would take more than [`Limits::max_decoded_bytes`](crate::Limits::max_decoded_bytes).
    #[error("Decoding the image would take more than the {} MB of memory that are allowed.", .limit / 1_000_000)]
    TooMuchMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// A side is shorter than [`Limits::min_side`](crate::Limits::min_side).
    #[error("The image has only {width} x {height} pixels, too few to show a chest.")]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The shortest side that is allowed, in pixels.
        limit: u32,
    },
    /// The image is longer and narrower than [`Limits::max_aspect`](crate::Limits::max_aspect).
    #[error("The image has {width} x {height} pixels, too long and narrow for a chest X-ray.")]
    BadShape {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Every pixel has the same brightness, or nearly so.
    #[error("The image is blank: every pixel has the same brightness.")]
    Blank,
    /// This build does not read such files, and the one that does is not there.
    #[error("This kind of file needs a part of the program that could not be fetched.")]
    ReaderMissing,
    /// The values given to [`Radiograph::from_luma`](crate::Radiograph::from_luma) do not make an image.
    #[error("The pixel values do not make an image: {detail}.")]
    BadLuma {
        /// What is wrong with them.
        detail: String,
    },
}

impl DecodeError {
    /// A name for the kind of error in kebab case, for programs; it stays the same when the sentences change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty-file",
            Self::UnknownFormat { .. } => "unknown-format",
            Self::NoImage { .. } => "no-image",
            Self::Unsupported { .. } => "unsupported-variant",
            Self::Corrupt { .. } => "corrupt-file",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::TooManyPixels { .. } => "too-many-pixels",
            Self::TooMuchMemory { .. } => "too-much-memory",
            Self::TooSmall { .. } => "too-small",
            Self::BadShape { .. } => "bad-shape",
            Self::Blank => "blank-image",
            Self::ReaderMissing => "reader-missing",
            Self::BadLuma { .. } => "bad-luma",
        }
    }

    /// One sentence of what to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Empty => "Check that the file was saved or downloaded completely, and try again.",
            Self::UnknownFormat { .. } => {
                "Choose a chest X-ray saved as DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF."
            }
            Self::NoImage { .. } => {
                "Choose the file of the X-ray itself, which is usually the largest of its folder."
            }
            Self::Unsupported {
                format: Format::Dicom,
                ..
            } => "Export the image from your DICOM viewer as PNG or JPEG and choose that file.",
            Self::Unsupported { .. } => {
                "Save the image as an ordinary PNG or JPEG and choose that file."
            }
            Self::Corrupt { .. } => {
                "Get the file again from where it came from, or open it in an image viewer and save it as PNG."
            }
            Self::TooManyBytes { .. } => {
                "Save the image as JPEG or at a lower resolution and choose that file."
            }
            Self::TooManyPixels { .. } | Self::TooMuchMemory { .. } => {
                "Save the image at a lower resolution, such as 3000 pixels on its longer side, and choose that file."
            }
            Self::TooSmall { .. } => {
                "Choose the X-ray itself rather than a thumbnail or an icon of it."
            }
            Self::BadShape { .. } => "Choose a frontal chest X-ray that is not cropped to a strip.",
            Self::Blank => {
                "Check that the right image was exported, and that it shows something in an image viewer."
            }
            Self::ReaderMissing => {
                "Check the connection and try again, or save the image as PNG or JPEG and choose that file."
            }
            Self::BadLuma { .. } => {
                "Give width x height finite values between 0 (black) and 1 (white)."
            }
        }
    }
}

/// What is wrong with a file that ends too early.
pub(crate) const CUT_SHORT: &str = "it ends before its image does";

/// The same, with the share of the image that is missing, `0..=1`.
pub(crate) fn cut_short(missing: f64) -> String {
    match (missing * 100.0).round() {
        ..1.0 => format!("{CUT_SHORT}, of which less than 1% is missing"),
        percent => format!(
            "{CUT_SHORT}, of which {:.0}% is missing",
            percent.min(100.0)
        ),
    }
}

/// Returns `detail` on one line, short enough to show, and without the full stop that our own sentence brings.
pub(crate) fn sentence(detail: &str) -> String {
    let line = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(160).collect();
    while short.ends_with(['.', ' ']) {
        short.pop();
    }
    short
}
