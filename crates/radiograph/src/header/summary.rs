//! What a header says, and what may be wrong with one.

use crate::{DecodeError, Format};

/// What a header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Width and height in pixels, where they can be read here; the decoder will say so if they cannot.
    pub(crate) dimensions: Option<(u32, u32)>,
    /// An upper bound on the bytes that the decoder takes beside the pixels that it returns.
    pub(crate) working_bytes: u64,
    /// The orientation that is given outside the picture, as in EXIF, 1 to 8.
    pub(crate) orientation: Option<u8>,
    /// How many pictures the file holds; 0 where it does not say so here.
    pub(crate) images: u32,
    /// Whether it is JPEG of a kind that only the slow decoder reads.
    pub(crate) rare: bool,
    /// Whether it is JPEG without an end marker, so that the slow decoder has to say whether it is complete.
    pub(crate) endless: bool,
}

/// What is wrong with a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    Corrupt(String),
    Unsupported(String),
    /// What is an error already.
    Error(DecodeError),
}

impl From<&'static str> for Fault {
    fn from(detail: &'static str) -> Self {
        Self::Corrupt(detail.to_owned())
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Error(error)
    }
}

impl Fault {
    /// The fault of a file of this format, as an error.
    pub(crate) fn into_error(self, format: Format) -> DecodeError {
        match self {
            Self::Corrupt(detail) => DecodeError::Corrupt { format, detail },
            Self::Unsupported(detail) => DecodeError::Unsupported { format, detail },
            Self::Error(error) => error,
        }
    }
}
