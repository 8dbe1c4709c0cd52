//! Transfer syntaxes: how a file says that its elements and its pixels are written (PS3.5, annex A).

use dicom_dictionary_std::uids;

use super::flaw::Flaw;

/// What pixels are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not compressed.
    Raw,
    /// Run lengths.
    Rle,
    /// JPEG with loss: baseline, extended or progressive, of 8 bits.
    Dct,
    /// JPEG without loss.
    Lossless,
    JpegLs,
    Jpeg2000,
}

impl Codec {
    /// Whether it is a stream with markers, whose own first bytes say what it is more reliably than any transfer syntax.
    pub(super) fn has_markers(self) -> bool {
        !matches!(self, Self::Raw | Self::Rle)
    }
}

/// What a transfer syntax says.
#[derive(Debug, Clone)]
pub(super) struct Syntax {
    pub(super) deflated: bool,
    /// What it says that pixels are stored as; `None` where it says nothing, or what is not known here. JPEG of all kinds is mixed up
    /// too often to tell them apart by it.
    pub(super) claim: Option<Codec>,
    /// Whether pixels have their high byte first, whatever the elements do: a syntax of GE's own.
    pub(super) big_pixels: bool,
    /// What it is called, if it is not read.
    pub(super) refused: Option<&'static str>,
    /// As it is written, if it is a UID.
    pub(super) uid: String,
}

/// The name of a syntax that nobody has registered.
pub(super) const UNKNOWN: &str = "an unknown transfer syntax";

#[expect(deprecated, reason = "what is retired is in the archives")]
impl Syntax {
    pub(super) fn of(uid: &str) -> Self {
        let claim = match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            | GE_BIG_PIXELS => Some(Codec::Raw),
            uids::RLE_LOSSLESS => Some(Codec::Rle),
            uids::JPEG_BASELINE8_BIT
            | uids::JPEG_EXTENDED12_BIT
            | uids::JPEG_SPECTRAL_SELECTION_NON_HIERARCHICAL68
            | uids::JPEG_FULL_PROGRESSION_NON_HIERARCHICAL1012 => Some(Codec::Dct),
            uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => Some(Codec::Lossless),
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Some(Codec::JpegLs),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Some(Codec::Jpeg2000),
            _ => None,
        };
        let is_uid = uid.len() <= 64
            && uid
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        Self {
            deflated: uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
            claim,
            big_pixels: uid == GE_BIG_PIXELS,
            refused: claim.is_none().then(|| unsupported(uid)),
            uid: if is_uid {
                uid.to_owned()
            } else {
                String::new()
            },
        }
    }

    /// Why pixels cannot be read that are, or may be, what the syntax says; `name` where they say better what they are.
    pub(super) fn refusal(&self, name: &'static str, standard: &str) -> Flaw {
        let uid = if self.uid.is_empty() {
            standard.to_owned()
        } else {
            self.uid.clone()
        };
        Flaw::Refused { name, uid }
    }
}

/// GE's own: implicit elements, low byte first, and pixels with the high byte first.
const GE_BIG_PIXELS: &str = "1.2.840.113619.5.2";

/// What a transfer syntax that is not read is called.
fn unsupported(uid: &str) -> &'static str {
    const JPEG: &str = "1.2.840.10008.1.2.4.";
    match uid {
        uids::JPEG2000MC | uids::JPEG2000MC_LOSSLESS => "JPEG 2000 across components",
        "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203" => {
            "high-throughput JPEG 2000"
        }
        uids::JPEGXL | uids::JPEGXL_LOSSLESS | uids::JPEGXLJPEG_RECOMPRESSION => "JPEG XL",
        uids::DEFLATED_IMAGE_FRAME_COMPRESSION => "deflated frames",
        "1.2.840.10008.1.2.6.1" => "encapsulation for e-mail (RFC 2557)",
        "1.2.840.10008.1.2.6.2" => "XML instead of elements",
        _ if uid.starts_with("1.2.840.10008.1.2.7.") => "video as it is broadcast (SMPTE 2110)",
        _ => match uid
            .strip_prefix(JPEG)
            .and_then(|rest| rest.split('.').next())
        {
            Some("94" | "95" | "204" | "205") => "pixels kept on a server (JPIP)",
            Some("100" | "101") => "MPEG-2 video",
            Some("102" | "103" | "104" | "105" | "106") => "MPEG-4 video",
            Some("107" | "108") => "HEVC video",
            Some(_) => "hierarchical or arithmetic-coded JPEG",
            None => UNKNOWN,
        },
    }
}
