//! What a file says about itself, read without decoding it: its dimensions, what its decoder will need, whether it is
//! all there.
//!
//! The decoders check limits of their own, but not all of them everything, and not always before they take memory. In
//! WebAssembly memory that cannot be had and panics are the end of the whole instance, so what can be known beforehand
//! is checked here, the same for every format.
//!
//! What is known to get through: a lossless WebP may declare 65,536 groups of Huffman tables, which take its decoder some
//! 200 times the bytes that the tables take in the file. Only decoding it would tell.

use crate::{DecodeError, Format};

/// More scans than any encoder writes; each one makes the decoder walk over the whole image again.
const MAX_SCANS: usize = 100;

/// What a header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Width and height in pixels, where they can be read here; the decoder will say so if they cannot.
    pub(crate) dimensions: Option<(u32, u32)>,
    /// An upper bound on the bytes that the decoder takes beside the pixels that it returns.
    pub(crate) working_bytes: u64,
}

/// Returns what the header of `bytes`, which begin as those of `format` do, says.
///
/// # Errors
/// [`DecodeError::Corrupt`] if the file contradicts itself, or is cut short in a way that its decoder would not tell.
#[inline(never)]
pub(crate) fn examine(format: Format, bytes: &[u8]) -> Result<Header, DecodeError> {
    let header = match format {
        Format::Png => png(bytes),
        Format::Jpeg => jpeg(bytes),
        Format::WebP => webp(bytes),
        Format::Bmp => Ok(bmp(bytes)),
        Format::Gif => Ok(gif(bytes)),
        // TIFF keeps its header anywhere, and its decoder reads that alone first; so does that of DICOM.
        Format::Tiff | Format::Dicom | Format::Luma => Ok(Header::default()),
    };
    header.map_err(|detail| DecodeError::Corrupt {
        format,
        detail: detail.to_owned(),
    })
}

/// What is wrong with a file that ends too early.
pub(crate) const CUT_SHORT: &str = "it ends before its image does";

fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u24_le(bytes: &[u8], at: usize) -> Option<u32> {
    let &[a, b, c] = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Width and height follow the signature, the length and the name of the first chunk, which has to be IHDR.
fn png(bytes: &[u8]) -> Result<Header, &'static str> {
    let dimensions = u32_be(bytes, 16).zip(u32_be(bytes, 20)).ok_or(CUT_SHORT)?;
    // A few rows, the window of deflate, and metadata up to the limit that the decoder is given.
    Ok(Header {
        dimensions: Some(dimensions),
        working_bytes: PNG_WORKING_BYTES,
    })
}

/// What a PNG decoder may take for metadata and rows.
pub(crate) const PNG_WORKING_BYTES: u64 = 16 * 1024 * 1024;

/// What the markers of a JPEG file say (ITU T.81, B.1).
#[derive(Debug, Default)]
struct Markers {
    dimensions: Option<(u32, u32)>,
    components: u64,
    /// Whether coefficients are kept for the whole image, because its components come in several scans.
    buffered: bool,
    scans: usize,
}

fn jpeg(bytes: &[u8]) -> Result<Header, &'static str> {
    let markers = jpeg_markers(bytes)?;
    let Some((width, height)) = markers.dimensions else {
        return Err("it has no image");
    };
    // Up to 32 pixels of padding to whole blocks at each edge; 16-bit coefficients of every component. A row of blocks at
    // a time otherwise, with some room for interpolation.
    let (padded_width, padded_height) = (u64::from(width) + 32, u64::from(height) + 32);
    let rows = if markers.buffered { padded_height } else { 128 };
    Ok(Header {
        dimensions: Some((width, height)),
        working_bytes: 2 * markers.components * padded_width * rows,
    })
}

/// Walks over the markers of a JPEG file from its beginning to its end.
///
/// The decoder fills what is missing with grey. In a radiograph that would be read as a finding, so a file without its end
/// is refused.
fn jpeg_markers(bytes: &[u8]) -> Result<Markers, &'static str> {
    let mut markers = Markers::default();
    let mut at = 2;
    loop {
        // To the next marker: a run of FF and a byte that is neither FF nor 00, which means an FF in the data.
        at += bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|&byte| byte == 0xff))
            .ok_or(CUT_SHORT)?;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let marker = *bytes.get(at).ok_or(CUT_SHORT)?;
        at += 1;
        match marker {
            // Data, TEM, restarts, a second start: nothing follows that would have to be skipped.
            0x00 | 0x01 | 0xd0..=0xd8 => continue,
            0xd9 => break,
            _ => {}
        }
        let length = usize::from(u16_be(bytes, at).ok_or(CUT_SHORT)?);
        match marker {
            // Start of frame: precision, height, width, number of components.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                if markers.dimensions.is_some() {
                    return Err("it has more than one frame");
                }
                let (height, width) = u16_be(bytes, at + 3)
                    .zip(u16_be(bytes, at + 5))
                    .ok_or(CUT_SHORT)?;
                markers.dimensions = Some((u32::from(width), u32::from(height)));
                markers.components = u64::from(*bytes.get(at + 7).ok_or(CUT_SHORT)?);
                markers.buffered = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
                check_sampling(bytes, at + 8, markers.components)?;
            }
            // Start of scan: number of components in it.
            0xda => {
                markers.scans += 1;
                if markers.scans > MAX_SCANS {
                    return Err("it has too many scans");
                }
                let in_scan = u64::from(*bytes.get(at + 2).ok_or(CUT_SHORT)?);
                markers.buffered |= in_scan < markers.components;
            }
            _ => {}
        }
        at += length.max(2);
    }
    if markers.scans == 0 {
        return Err("it has no image");
    }
    Ok(markers)
}

/// Refuses components that are sampled more finely than the first, or not a whole number of times as coarsely: the decoder takes
/// the first for the finest, and runs out of its rows otherwise. No device writes such files.
fn check_sampling(bytes: &[u8], at: usize, components: u64) -> Result<(), &'static str> {
    let factors = |component: u64| {
        let factors = *bytes
            .get(at + 3 * component as usize + 1)
            .ok_or(CUT_SHORT)?;
        Ok::<_, &'static str>((factors >> 4, factors & 15))
    };
    let finest = factors(0)?;
    for component in 0..components {
        let (across, down) = factors(component)?;
        let divides = |whole: u8, part: u8| part != 0 && whole.is_multiple_of(part);
        if !(divides(finest.0, across) && divides(finest.1, down)) {
            return Err("its channels are sampled unevenly");
        }
    }
    Ok(())
}

/// Returns the bytes that decoding a JPEG stream of at most `max_pixels` within another file takes, or `None` if it has
/// more or is not one.
pub(crate) fn embedded_jpeg(bytes: &[u8], max_pixels: u64) -> Option<u64> {
    if !bytes.starts_with(b"\xff\xd8") {
        return None;
    }
    let header = jpeg(bytes).ok()?;
    let (width, height) = header.dimensions?;
    let pixels = u64::from(width) * u64::from(height);
    (pixels <= max_pixels).then_some(header.working_bytes + 4 * pixels)
}

/// The chunks of WebP (RFC 9649, 2.7).
const WEBP_CHUNKS: [&[u8]; 9] = [
    b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP",
];

/// Walks over the chunks of a WebP file, which has to hold all that they say they hold, because the decoder takes memory
/// for them first; and compares the dimensions of what is in them with those of the canvas, which the decoder does last.
fn webp(bytes: &[u8]) -> Result<Header, &'static str> {
    const CHUNKS: usize = 12;
    let mut canvas = None;
    let mut per_pixel = 4;
    let mut at = CHUNKS;
    while at + 8 <= bytes.len() {
        let name = &bytes[at..at + 4];
        let size = u32_le(bytes, at + 4).ok_or(CUT_SHORT)? as usize;
        let Some(body) = bytes.get(at + 8..).and_then(|rest| rest.get(..size)) else {
            // The decoder takes memory for the chunks that it knows. What else follows the picture is not a chunk.
            if WEBP_CHUNKS.contains(&name) {
                return Err(CUT_SHORT);
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
                webp_frame(body)?;
                None
            }
            _ => webp_bitstream(name, body),
        };
        if let Some((width, height)) = dimensions {
            let (canvas_width, canvas_height) = *canvas.get_or_insert((width, height));
            if width > canvas_width || height > canvas_height {
                return Err("its picture is larger than its canvas");
            }
        }
        at += 8 + size + size % 2;
    }
    let Some((width, height)) = canvas else {
        return Err(CUT_SHORT);
    };
    Ok(Header {
        dimensions: Some((width, height)),
        working_bytes: per_pixel * u64::from(width) * u64::from(height),
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

/// Width and height are signed and 32 bits, the height negative for rows from the top; 16 bits in the oldest header.
fn bmp(bytes: &[u8]) -> Header {
    let dimensions = if u32_le(bytes, 14) == Some(12) {
        u16_le(bytes, 18)
            .zip(u16_le(bytes, 20))
            .map(|(width, height)| (u32::from(width), u32::from(height)))
    } else {
        u32_le(bytes, 18)
            .zip(u32_le(bytes, 22))
            .map(|(width, height)| {
                (
                    width.cast_signed().unsigned_abs(),
                    height.cast_signed().unsigned_abs(),
                )
            })
    };
    Header {
        dimensions,
        working_bytes: 0,
    }
}

/// The canvas follows the signature. A frame that does not fill it is drawn elsewhere first, within the decoder's own limit.
fn gif(bytes: &[u8]) -> Header {
    let dimensions = u16_le(bytes, 6)
        .zip(u16_le(bytes, 8))
        .map(|(width, height)| (u32::from(width), u32::from(height)));
    Header {
        dimensions,
        working_bytes: 0,
    }
}
