//! What kind of file some bytes are, by their first few.

use crate::header::jpeg2000::is_jpeg2000;
use crate::{Format, dicom};

impl Format {
    /// The format of a file that begins with `head`; `None` for what cannot be read. 512 bytes are enough.
    ///
    /// ```
    /// use radiograph::Format;
    /// assert_eq!(Format::sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(Format::Png));
    /// assert_eq!(Format::sniff(b"file,label,group"), None);
    /// ```
    #[must_use]
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match sniff(head) {
            Sniffed::Image(format) => Some(format),
            Sniffed::Other(_) => None,
        }
    }
}

/// What some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// A format that can be read.
    Image(Format),
    /// Something else, named with its article where it is recognised.
    Other(Option<&'static str>),
}

/// Returns what `bytes` are, by their content alone: file names lie.
pub(crate) fn sniff(bytes: &[u8]) -> Sniffed {
    // Before the others: a DICOM preamble may hold the header of a TIFF file, which says less of the same image.
    if bytes.get(128..132) == Some(b"DICM".as_slice()) {
        return Sniffed::Image(Format::Dicom);
    }
    if let Some(format) = image_format(bytes) {
        return Sniffed::Image(format);
    }
    if is_dicom(bytes) {
        return Sniffed::Image(Format::Dicom);
    }
    // What is known to be something else may have a DICOM file in it: an archive, which is opened as such.
    let other = other(bytes);
    if other.is_none() && dicom::is_within(bytes) {
        return Sniffed::Image(Format::Dicom);
    }
    Sniffed::Other(other.or_else(|| text(&bytes[..bytes.len().min(2048)])))
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
    } else if is_jpeg2000(bytes) {
        Some(Format::Jpeg2000)
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

/// What bytes are that are no text.
fn other(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, what: &[u8]| bytes.get(offset..offset + what.len()) == Some(what);
    if at(4, b"ftyp") {
        return Some(media(bytes));
    }
    let known: [(usize, &[u8], &str); 33] = [
        (0, b"%PDF", "a PDF document"),
        (0, b"PK\x03\x04", "an archive (zip)"),
        (0, b"PK\x05\x06", "an empty archive (zip)"),
        (0, b"PK\x07\x08", "a part of an archive (zip)"),
        (0, b"7z\xbc\xaf\x27\x1c", "a compressed archive (7z)"),
        (0, b"Rar!", "a compressed archive (rar)"),
        (0, b"\x1f\x8b", "a compressed archive (gzip)"),
        (0, b"BZh", "a compressed archive (bzip2)"),
        (0, b"\xfd7zXZ\0", "a compressed archive (xz)"),
        (0, b"\x28\xb5\x2f\xfd", "a compressed archive (Zstandard)"),
        (0, b"MSCF", "a compressed archive (cab)"),
        (257, b"ustar", "an archive (tar)"),
        (32769, b"CD001", "an image of a CD"),
        (0, b"\xff\x0a", "a JPEG XL image"),
        (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
        (0, b"8BPS", "a Photoshop document"),
        (0, b"\0\0\x01\0", "an icon"),
        (0, b"qoif", "a QOI image"),
        (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
        (0, b"#?RADIANCE", "a Radiance image"),
        (0, b"farbfeld", "a farbfeld image"),
        (0, b"DDS ", "a DirectDraw texture"),
        (0, b"gimp xcf", "a GIMP image"),
        (0, b"II\xbc\x01", "a JPEG XR image"),
        (0, b"%!PS", "a PostScript document"),
        (0, b"{\\rtf", "a text document (RTF)"),
        (0, b"\x93NUMPY", "a NumPy array"),
        (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (0, b"NRRD", "an NRRD volume"),
        (0, b"\x5c\x01\0\0", "a NIfTI volume"),
        (344, b"n+1\0", "a NIfTI volume"),
        (344, b"ni1\0", "a NIfTI volume"),
        (0, b"\xd0\xcf\x11\xe0", "an Office document"),
    ];
    if let Some((_, _, name)) = known.iter().find(|(offset, what, _)| at(*offset, what)) {
        return Some(name);
    }
    // P1 to P7: bitmaps of Netpbm.
    if let [b'P', b'1'..=b'7', blank, ..] = bytes
        && blank.is_ascii_whitespace()
    {
        return Some("a Netpbm image");
    }
    // Anything may stand before it (ISO 32000-1, annex H).
    let start = &bytes[..bytes.len().min(1024)];
    if start.windows(5).any(|part| part == b"%PDF-") {
        return Some("a PDF document");
    }
    None
}

/// What a file in boxes is (ISO/IEC 14496-12, 4.3): by its brand, and where that is one of several formats, by those it is
/// compatible with.
fn media(bytes: &[u8]) -> &'static str {
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u32::from_be_bytes(*length));
    let end = bytes.len().min(length.clamp(12, 512) as usize);
    let mut brands = bytes
        .get(8..end)
        .unwrap_or_default()
        .as_chunks::<4>()
        .0
        .iter();
    let of = |brand: &[u8; 4]| match brand {
        b"avif" | b"avis" => Some("an AVIF image"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some("a HEIC photograph"),
        b"jxl " => Some("a JPEG XL image"),
        b"jp2 " | b"jpx " | b"jph " => Some("a JPEG 2000 image"),
        b"crx " => Some("a raw photograph of a camera"),
        _ => None,
    };
    let general = matches!(bytes.get(8..12), Some(b"mif1" | b"msf1" | b"miaf"));
    brands.find_map(of).unwrap_or(if general {
        "a HEIF image, such as HEIC or AVIF"
    } else {
        "a video"
    })
}

/// What text is, by its beginning.
fn text(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        // UTF-16, of which every second byte is zero where it is English.
        let letters: Vec<u8> = head[2..].iter().copied().filter(|&b| b != 0).collect();
        let english = 3 * (head.len() - 2 - letters.len()) > head.len();
        return english.then(|| markup(&letters).unwrap_or("text"));
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // A multi-byte character may be cut at the end of the head: up to 3 bytes of it are not held against the text.
    let unicode = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    // Older encodings have a letter in a byte, most of them as in ASCII.
    let ascii = head.iter().filter(|byte| byte.is_ascii()).count();
    let readable = unicode || 4 * ascii >= 3 * head.len();
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if head.is_empty() || !readable || head.iter().any(control) {
        return None;
    }
    Some(markup(head).unwrap_or("text"))
}

/// What text in a language of marks is: a web page, a drawing, or data.
fn markup(head: &[u8]) -> Option<&'static str> {
    let lower = head.trim_ascii_start().to_ascii_lowercase();
    let begins = |what: &str| lower.starts_with(what.as_bytes());
    let holds = |what: &[u8]| lower.windows(what.len()).any(|part| part == what);
    match lower.first() {
        Some(b'<') => {}
        Some(b'{' | b'[') => return Some("text (JSON)"),
        _ => return None,
    }
    // A page may begin with any of these, and what a server says of an error often does.
    let page = [
        "<head",
        "<body",
        "<title",
        "<meta",
        "<script",
        "<style",
        "<link",
        "<div",
        "<p>",
        "<h1",
        "<table",
        "<center",
        "<frameset",
        "<iframe",
        "<form",
        "<a ",
    ];
    Some(
        if holds(b"<!doctype html") || holds(b"<html") || page.iter().any(|tag| begins(tag)) {
            "a web page"
        } else if holds(b"<svg") {
            "an SVG drawing"
        } else {
            "text (XML)"
        },
    )
}
