//! What is wrong with a file, before it is an error of a format.

use crate::error::CUT_SHORT;
use crate::header::Fault;
use crate::{DecodeError, Format, Limits};

/// What is wrong with a file, before it is an error of a format.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Flaw {
    Corrupt(&'static str),
    Unsupported(&'static str),
    /// What is not read, and the transfer syntax or class that says so.
    Refused {
        name: &'static str,
        uid: String,
    },
    /// It ends early: so many of the bytes or pixels that the image needs are there.
    Short {
        have: usize,
        need: usize,
    },
    /// It holds no image, but this, with its article; and the class that says so.
    NoImage {
        found: &'static str,
        uid: String,
    },
    /// It takes more memory than allowed.
    TooLarge,
    /// What is an error already.
    Error(DecodeError),
}

impl From<DecodeError> for Flaw {
    fn from(error: DecodeError) -> Self {
        Self::Error(error)
    }
}

impl From<Fault> for Flaw {
    fn from(fault: Fault) -> Self {
        Self::Error(fault.into_error(Format::Dicom))
    }
}

/// What is wrong with a compressed image that is not as large as its file says.
pub(super) const OTHER_SIZE: &str = "its compressed image has another size";

/// What is wrong with run lengths that have another number of segments than the image.
pub(super) const OTHER_RUN_LENGTHS: &str = "its run lengths are of another kind of image";

/// What is wrong with elements that cannot be told apart.
pub(super) const DAMAGED: &str = "its elements are damaged";

impl Flaw {
    pub(super) fn into_error(self, limits: &Limits) -> DecodeError {
        let format = Format::Dicom;
        let corrupt = |detail: String| DecodeError::Corrupt { format, detail };
        match self {
            Self::Corrupt(detail) => corrupt(detail.to_owned()),
            Self::Unsupported(detail) => DecodeError::Unsupported {
                format,
                detail: detail.to_owned(),
            },
            Self::Refused { name, uid } => DecodeError::Unsupported {
                format,
                detail: with_uid(name, &uid),
            },
            Self::Short { have, need } => {
                // At least one, where anything is missing, and not all, where anything is there.
                let (missing, need) = (need.saturating_sub(have) as u64, need.max(1) as u64);
                let most = if have > 0 { 99 } else { 100 };
                let share = ((missing * 100 + need / 2) / need).clamp(1, most);
                corrupt(format!("{CUT_SHORT}: {share}% of it is missing"))
            }
            Self::NoImage { found, uid } => DecodeError::NoImage {
                found: with_uid(found, &uid),
            },
            Self::TooLarge => DecodeError::TooMuchMemory {
                limit: limits.max_decoded_bytes,
            },
            // A compressed image within the file is part of it.
            Self::Error(DecodeError::Corrupt { detail, .. }) => corrupt(detail),
            Self::Error(DecodeError::Unsupported { detail, .. }) => {
                DecodeError::Unsupported { format, detail }
            }
            Self::Error(error) => error,
        }
    }
}

fn with_uid(name: &str, uid: &str) -> String {
    if uid.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({uid})")
    }
}
