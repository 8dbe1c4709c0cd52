//! The chunks of a WebP file (RFC 9649), and that its pictures are as large as it says.

use super::directory::exif_orientation;
use super::summary::{Fault, Header};
use crate::bytes::{u16_le, u24_le, u32_le};
use crate::error::{CUT_SHORT, cut_short};

/// The chunks of WebP (RFC 9649, 2.7).
const WEBP_CHUNKS: [&[u8]; 9] = [
    b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP",
];

/// Walks over the chunks of a WebP file, which has to hold all that they say they hold, because the decoder takes memory
/// for them first; and compares the dimensions of what is in them with those of the canvas, which the decoder does last.
pub(super) fn examine(bytes: &[u8]) -> Result<Header, Fault> {
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
                let said = (at + 8) as f64 + size as f64;
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
                orientation = orientation.or_else(|| exif_orientation(body));
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
