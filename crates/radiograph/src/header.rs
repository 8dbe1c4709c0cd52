//! What a file says about itself, read without decoding it: its dimensions, what its decoder will need, whether it is
//! all there.
//!
//! The decoders check limits of their own, but not all of them everything, and not always before they take memory. In
//! WebAssembly memory that cannot be had and panics are the end of the whole instance, so what can be known beforehand
//! is checked here, the same for every format.
//!
//! What is known to get through: a lossless WebP may declare 65,536 groups of Huffman tables, which take its decoder some
//! 200 times the bytes that the tables take in the file. Only decoding it would tell.

pub(crate) mod bmp;
pub(crate) mod gif;
pub(crate) mod png;

use crate::jpeg::{self, Fault};
use crate::{DecodeError, Format, tiff};

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

/// Returns what the header of `bytes`, which begin as those of `format` do, says.
///
/// # Errors
/// [`DecodeError::Corrupt`] if the file contradicts itself, or is cut short in a way that its decoder would not tell.
#[inline(never)]
pub(crate) fn examine(format: Format, bytes: &[u8]) -> Result<Header, DecodeError> {
    let header = match format {
        Format::Png => png::examine(bytes),
        Format::Jpeg => jpeg(bytes),
        Format::WebP => webp(bytes),
        Format::Bmp => Ok(bmp::examine(bytes)),
        Format::Gif => Ok(gif::examine(bytes)),
        // TIFF keeps its header anywhere, and its decoder reads that alone first; so does that of DICOM.
        Format::Tiff | Format::Dicom | Format::Luma => Ok(Header::default()),
    };
    header.map_err(|fault| jpeg::explain_fault(format, fault))
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

pub(crate) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u24_le(bytes: &[u8], at: usize) -> Option<u32> {
    let &[a, b, c] = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn jpeg(bytes: &[u8]) -> Result<Header, Fault> {
    let markers = jpeg::walk(bytes)?;
    Ok(Header {
        dimensions: Some(markers.size()),
        working_bytes: markers.working_bytes(),
        orientation: markers.orientation,
        images: markers.images,
        rare: markers.rare(),
        endless: !markers.ended,
    })
}

/// The chunks of WebP (RFC 9649, 2.7).
const WEBP_CHUNKS: [&[u8]; 9] = [
    b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP",
];

/// Walks over the chunks of a WebP file, which has to hold all that they say they hold, because the decoder takes memory
/// for them first; and compares the dimensions of what is in them with those of the canvas, which the decoder does last.
fn webp(bytes: &[u8]) -> Result<Header, Fault> {
    const CHUNKS: usize = 12;
    let mut canvas = None;
    let mut per_pixel = 4;
    let mut orientation = None;
    let mut images = 0;
    let mut at = CHUNKS;
    while at + 8 <= bytes.len() {
        let name = &bytes[at..at + 4];
        let size = u32_le(bytes, at + 4).ok_or(CUT_SHORT)? as usize;
        let Some(body) = bytes.get(at + 8..).and_then(|rest| rest.get(..size)) else {
            // The decoder takes memory for the chunks that it knows. What else follows the picture is not a chunk.
            if WEBP_CHUNKS.contains(&name) {
                let said = (at + 8 + size) as f64;
                return Err(Fault::Corrupt(cut_short(1.0 - bytes.len() as f64 / said)));
            }
            break;
        };
        let dimensions = match name {
            b"VP8X" if at == CHUNKS => {
                // The planes of the picture, its transparency as if it were a picture of its own.
                per_pixel = 8;
                canvas = u24_le(body, 4)
                    .zip(u24_le(body, 7))
                    .map(|(width, height)| (width + 1, height + 1));
                None
            }
            b"ANMF" => {
                // The same for a frame, the frame, and the canvas that frames are drawn on.
                per_pixel = 16;
                images += 1;
                webp_frame(body)?;
                None
            }
            b"EXIF" => {
                orientation = orientation.or_else(|| tiff::exif_orientation(body));
                None
            }
            _ => webp_bitstream(name, body),
        };
        if let Some((width, height)) = dimensions {
            let (canvas_width, canvas_height) = *canvas.get_or_insert((width, height));
            if width > canvas_width || height > canvas_height {
                return Err("its picture is larger than its canvas".into());
            }
        }
        at += 8 + size + size % 2;
    }
    let Some((width, height)) = canvas else {
        return Err(CUT_SHORT.into());
    };
    Ok(Header {
        dimensions: Some((width, height)),
        working_bytes: per_pixel * u64::from(width) * u64::from(height),
        orientation,
        images,
        ..Header::default()
    })
}

/// Checks that the picture in a frame of an animation has the size that the frame says it has: with transparency before
/// it, the decoder relies on that.
fn webp_frame(body: &[u8]) -> Result<(), &'static str> {
    let said = u24_le(body, 6)
        .zip(u24_le(body, 9))
        .map(|(width, height)| (width + 1, height + 1));
    let first = body.get(16..).ok_or(CUT_SHORT)?;
    let picture = if first.starts_with(b"ALPH") {
        let size = u32_le(first, 4).ok_or(CUT_SHORT)? as usize;
        let after = first.get(8..).and_then(|rest| rest.get(size..));
        after
            .and_then(|rest| rest.get(size % 2..))
            .ok_or(CUT_SHORT)?
    } else {
        first
    };
    let (name, data) = picture.get(..4).zip(picture.get(8..)).ok_or(CUT_SHORT)?;
    if webp_bitstream(name, data) == said {
        Ok(())
    } else {
        Err("the picture in one of its frames has another size")
    }
}

/// Returns the dimensions in the body of a chunk that holds a picture, lossy (RFC 6386, 9.1) or lossless (RFC 9649, 3.4).
fn webp_bitstream(name: &[u8], body: &[u8]) -> Option<(u32, u32)> {
    match name {
        b"VP8 " => {
            let (width, height) = u16_le(body, 6).zip(u16_le(body, 8))?;
            Some((u32::from(width & 0x3fff), u32::from(height & 0x3fff)))
        }
        b"VP8L" => {
            let bits = u32_le(body, 1)?;
            Some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
        }
        _ => None,
    }
}
