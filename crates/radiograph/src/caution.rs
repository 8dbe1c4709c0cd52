//! What a reader should know before believing what is said of a radiograph.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Why a file that was read may not be what a classifier of frontal chest radiographs takes, by what the file itself says.
///
/// `Display` is one sentence, [`code`](Self::code) a name that stays the same when the sentences change. In JSON it is
/// `{"code": ..., "message": ...}`, with a `"count"` of images where it is of that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caution {
    /// It was made by something else than radiography.
    NotRadiography {
        /// By what, as DICOM abbreviates it: `CT`, `MR`, `US`.
        modality: String,
    },
    /// It shows another part of the body.
    NotChest {
        /// Which, as the file says.
        body_part: String,
    },
    /// It was not taken from the front or the back.
    NotFrontal {
        /// From where, as the file says.
        view: String,
    },
    /// It is one of several images in the file.
    FirstFrame {
        /// How many there are.
        frames: u32,
    },
    /// It is in colour.
    Colour,
    /// It is what the detector gave, not made to be looked at.
    ForProcessing,
    /// Left and right are swapped.
    Mirrored,
    /// It does not stand upright.
    Turned {
        /// By how many degrees: 90, either way round, or 180.
        degrees: u16,
    },
    /// Part of it is to be hidden.
    Shutter,
    /// Its margin was not exposed.
    Collimator,
    /// There is drawing or text beside its pixels.
    Overlay,
    /// There is text in its pixels.
    BurnedInAnnotation,
    /// Its pixels are not as high as they are wide.
    PixelsNotSquare,
    /// The file was not as it should be, though its image was all there.
    Repaired {
        /// What was mended: clauses with semicolons between them.
        repairs: String,
    },
}

impl Caution {
    /// A name for the kind of caution in kebab case, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRadiography { .. } => "not-radiography",
            Self::NotChest { .. } => "not-the-chest",
            Self::NotFrontal { .. } => "not-frontal",
            Self::FirstFrame { .. } => "first-frame-only",
            Self::Colour => "colour-image",
            Self::ForProcessing => "for-processing",
            Self::Mirrored => "mirrored",
            Self::Turned { .. } => "turned",
            Self::Shutter => "shutter",
            Self::Collimator => "collimator",
            Self::Overlay => "overlay",
            Self::BurnedInAnnotation => "burned-in-annotation",
            Self::PixelsNotSquare => "pixels-not-square",
            Self::Repaired { .. } => "read-with-repairs",
        }
    }

    /// How many images the file holds, where the caution is of that; programs and translations name it.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        match self {
            Self::FirstFrame { frames } => Some(*frames),
            _ => None,
        }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRadiography { modality } => {
                let name = match modality.as_str() {
                    "CT" => "computed tomography (CT)",
                    "MR" => "magnetic resonance (MR)",
                    "US" => "ultrasound (US)",
                    "MG" => "mammography (MG)",
                    "NM" => "nuclear medicine (NM)",
                    "PT" => "positron emission tomography (PT)",
                    "RF" => "fluoroscopy (RF)",
                    "XA" => "angiography (XA)",
                    other => other,
                };
                write!(
                    f,
                    "The file says that it comes from {name}, not from radiography."
                )
            }
            Self::NotChest { body_part } => {
                write!(
                    f,
                    "The file says that it shows another part of the body: {body_part}."
                )
            }
            Self::NotFrontal { view } => {
                write!(f, "The file says that it is not a frontal view: {view}.")
            }
            Self::FirstFrame { frames } => {
                write!(
                    f,
                    "The file holds {frames} images, of which only the first was read."
                )
            }
            Self::Colour => f.write_str("The image is in colour, which radiographs are not."),
            Self::ForProcessing => f.write_str(
                "The file says that the image is raw (for processing), not for presentation.",
            ),
            Self::Mirrored => {
                f.write_str("The file says that the image is mirrored: left and right are swapped.")
            }
            Self::Turned { degrees } => {
                write!(
                    f,
                    "The file says that the image is turned by {degrees} degrees."
                )
            }
            Self::Shutter => f.write_str(
                "The file has a shutter: part of the image is to be hidden, and was read too.",
            ),
            Self::Collimator => f.write_str(
                "The file says where a collimator was: the margin of the image is not exposed.",
            ),
            Self::Overlay => f.write_str(
                "The file has an overlay, drawing or text beside the pixels, that is not shown.",
            ),
            Self::BurnedInAnnotation => {
                f.write_str("The file says that annotation (text) is burned into the pixels.")
            }
            Self::PixelsNotSquare => {
                f.write_str("The pixels are not square: the image is squeezed as it is stored.")
            }
            Self::Repaired { repairs } => {
                write!(f, "The file was read with repairs: {repairs}.")
            }
        }
    }
}

impl Serialize for Caution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = self.count();
        let fields = 2 + usize::from(count.is_some());
        let mut caution = serializer.serialize_struct("Caution", fields)?;
        caution.serialize_field("code", self.code())?;
        caution.serialize_field("message", &self.to_string())?;
        if let Some(count) = count {
            caution.serialize_field("count", &count)?;
        }
        caution.end()
    }
}
