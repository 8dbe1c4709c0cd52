//! What kind of file some bytes are, by their first few.

use std::fmt;

use serde::Serialize;

/// The format of a file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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
            Self::Dicom => "DICOM",
            Self::Luma => "luma",
        })
    }
}

/// What some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A format that can be read.
    Image(Format),
    /// Something else, named with its article where it is recognised.
    Other(Option<&'static str>),
}

/// Returns what `bytes` are, by their content alone: file names lie.
pub(crate) fn sniff(bytes: &[u8]) -> Kind {
    // Before the others: a DICOM preamble may hold the header of a TIFF file, which says less of the same image.
    if bytes.get(128..132) == Some(b"DICM".as_slice()) {
        return Kind::Image(Format::Dicom);
    }
    if let Some(format) = image_format(bytes) {
        return Kind::Image(format);
    }
    if is_dicom(bytes) {
        return Kind::Image(Format::Dicom);
    }
    Kind::Other(other(bytes))
}

fn image_format(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some(Format::Jpeg)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice()) {
        Some(Format::WebP)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else if bytes.starts_with(b"II*\0")
        || bytes.starts_with(b"MM\0*")
        || bytes.starts_with(b"II+\0")
        || bytes.starts_with(b"MM\0+")
    {
        Some(Format::Tiff)
    } else if bytes.starts_with(b"BM")
        && bytes.len() >= 18
        && matches!(
            u32::from_le_bytes([bytes[14], bytes[15], bytes[16], bytes[17]]),
            12..=256
        )
    {
        // "BM" alone begins many a text; the header size that follows makes it a bitmap.
        Some(Format::Bmp)
    } else {
        None
    }
}

/// The value representations of DICOM PS3.5 that the first elements of a file can have.
const DICOM_VRS: [&[u8; 2]; 20] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"OB", b"OW", b"PN",
    b"SH", b"SQ", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Whether `bytes` are DICOM without its preamble: a first element of group 0002 or 0008.
fn is_dicom(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"DICM") {
        return true;
    }
    let Some(&[g0, g1, e0, e1, a, b, c, d]) = bytes.first_chunk::<8>() else {
        return false;
    };
    let little = matches!([g0, g1], [2 | 8, 0]);
    let big = matches!([g0, g1], [0, 2 | 8]);
    if !little && !big {
        return false;
    }
    if DICOM_VRS.iter().any(|vr| **vr == [a, b]) {
        return true;
    }
    // Implicit VR has a length instead: accept the small, even ones that first elements have.
    let element = u16::from_le_bytes([e0, e1]);
    let length = u32::from_le_bytes([a, b, c, d]);
    little && element <= 0x0060 && length > 0 && length <= 64 && length % 2 == 0
}

fn other(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, what: &[u8]| bytes.get(offset..offset + what.len()) == Some(what);
    if at(0, b"%PDF") {
        return Some("a PDF document");
    }
    if at(4, b"ftyp") {
        return Some(match bytes.get(8..12) {
            Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1") => "a HEIC photograph",
            Some(b"avif" | b"avis") => "an AVIF image",
            _ => "a video",
        });
    }
    if at(0, b"PK\x03\x04") || at(0, b"\x1f\x8b") || at(0, b"7z\xbc\xaf\x27\x1c") || at(0, b"Rar!")
    {
        return Some("a compressed archive");
    }
    if at(0, b"\0\0\0\x0cjP  ") || at(0, b"\xff\x4f\xff\x51") {
        return Some("a JPEG 2000 image");
    }
    if at(0, b"\xff\x0a") || at(0, b"\0\0\0\x0cJXL ") {
        return Some("a JPEG XL image");
    }
    if at(0, b"8BPS") {
        return Some("a Photoshop document");
    }
    if at(0, b"\x5c\x01\0\0") || at(344, b"n+1\0") || at(344, b"ni1\0") {
        return Some("a NIfTI volume");
    }
    if at(0, b"\xd0\xcf\x11\xe0") {
        return Some("an Office document");
    }
    let head = &bytes[..bytes.len().min(512)];
    let text = head.trim_ascii_start();
    let starts = |what: &[u8]| {
        text.get(..what.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(what))
    };
    if starts(b"<!doctype html") || starts(b"<html") {
        return Some("a web page");
    }
    if starts(b"<svg") {
        return Some("an SVG drawing");
    }
    // A multi-byte character may be cut at the end of the head: up to 3 bytes of it are not held against the text.
    let readable = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    if readable
        && !head.is_empty()
        && !head
            .iter()
            .any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
    {
        return Some("text");
    }
    None
}
