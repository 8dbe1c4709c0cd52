//! The chunks of a PNG file (PNG specification, third edition): what they say, and a file whose last ones are missing.

use std::borrow::Cow;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::directory::exif_orientation;
use super::summary::{Fault, Header};
use crate::bytes::u32_be;
use crate::error::CUT_SHORT;

/// What a PNG decoder may take for metadata and rows.
pub(crate) const WORKING_BYTES: u64 = 16 * 1024 * 1024;

const SIGNATURE: usize = 8;

/// The last chunk, with its length and its checksum.
const IEND: &[u8; 12] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// A chunk as far as the file has it.
struct Chunk<'a> {
    at: usize,
    name: [u8; 4],
    body: &'a [u8],
    whole: bool,
}

/// The chunks up to the last one.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = SIGNATURE;
    std::iter::from_fn(move || {
        let length = u32_be(bytes, at)? as usize;
        let name = *bytes.get(at + 4..)?.first_chunk::<4>()?;
        let rest = bytes.get(at + 8..)?;
        let chunk = Chunk {
            at,
            name,
            body: &rest[..length.min(rest.len())],
            whole: rest.len() >= length.saturating_add(4),
        };
        at = if name == *b"IEND" || !chunk.whole {
            bytes.len()
        } else {
            at + 12 + length
        };
        Some(chunk)
    })
}

/// Width and height are in the first chunk, which has to be IHDR; orientation and the number of frames are in any.
pub(super) fn examine(bytes: &[u8]) -> Result<Header, Fault> {
    let dimensions = u32_be(bytes, 16).zip(u32_be(bytes, 20)).ok_or(CUT_SHORT)?;
    let mut header = Header {
        dimensions: Some(dimensions),
        // A few rows, the window of deflate, and metadata up to the limit that the decoder is given.
        working_bytes: WORKING_BYTES,
        ..Header::default()
    };
    for chunk in chunks(bytes) {
        match &chunk.name {
            b"eXIf" if header.orientation.is_none() => {
                header.orientation = exif_orientation(chunk.body);
            }
            b"acTL" => header.images = u32_be(chunk.body, 0).unwrap_or(0),
            _ => {}
        }
    }
    Ok(header)
}

/// Returns the file with an end, where it stops behind or within its pixels. Whether all of those are there, its decoder finds out.
pub(crate) fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(last) = chunks(bytes).last() else {
        return Cow::Borrowed(bytes);
    };
    if last.name == *b"IEND" && last.whole {
        return Cow::Borrowed(bytes);
    }
    if last.whole {
        // Up to an odd byte or a length without a name.
        let end = last.at + 12 + last.body.len();
        return Cow::Owned([&bytes[..end], IEND].concat());
    }
    let mut file = bytes[..last.at].to_vec();
    if last.name == *b"IDAT" && !last.body.is_empty() {
        file.extend_from_slice(&(last.body.len() as u32).to_be_bytes());
        let from = file.len();
        file.extend_from_slice(&last.name);
        file.extend_from_slice(last.body);
        let sum = checksum(&file[from..]);
        file.extend_from_slice(&sum.to_be_bytes());
    }
    file.extend_from_slice(IEND);
    Cow::Owned(file)
}

/// The share of the image that is missing, `0..=1`.
pub(crate) fn missing(bytes: &[u8]) -> f64 {
    let number = |at| u32_be(bytes, at).unwrap_or(0) as usize;
    let (width, height) = (number(16), number(20));
    let (depth, colour, interlaced) = match bytes.get(24..29) {
        Some(&[depth, colour, _, _, interlaced]) => (usize::from(depth), colour, interlaced),
        _ => return 1.0,
    };
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let rows = |width: usize, height: usize| {
        if width == 0 {
            0
        } else {
            height * (1 + (width * channels * depth).div_ceil(8))
        }
    };
    // Of the seven images of which an interlaced one consists, where they begin and how far their pixels are apart.
    const PASSES: [(usize, usize, usize, usize); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let needed: usize = if interlaced == 1 {
        let of = |side: usize, from: usize, step: usize| side.saturating_sub(from).div_ceil(step);
        PASSES
            .iter()
            .map(|&(x, y, dx, dy)| rows(of(width, x, dx), of(height, y, dy)))
            .sum()
    } else {
        rows(width, height)
    };
    let data: Vec<u8> = chunks(bytes)
        .filter(|chunk| chunk.name == *b"IDAT")
        .flat_map(|chunk| chunk.body.iter().copied())
        .collect();
    let found = inflated(&data);
    1.0 - found as f64 / needed.max(1) as f64
}

/// How many bytes come out of as much as there is of a deflated stream.
fn inflated(data: &[u8]) -> usize {
    let mut decoder = Box::new(DecompressorOxide::new());
    let mut window = vec![0; 32 * 1024];
    let (mut from, mut found) = (0, 0_usize);
    loop {
        let at = found % window.len();
        let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER;
        let (status, read, written) =
            decompress(&mut decoder, &data[from..], &mut window, at, flags);
        from += read;
        found += written;
        if status != TINFLStatus::HasMoreOutput {
            return found;
        }
    }
}

/// The checksum of a chunk (annex D).
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            sum >> 1 ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1))
        })
    })
}
