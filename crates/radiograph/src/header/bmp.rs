//! The header of a BMP file: its dimensions, and an offset that does not lead to its pixels.

use std::borrow::Cow;

use super::summary::Header;
use crate::bytes::{u16_le, u32_le};

/// The header of the file itself; that of the image follows.
const FILE_HEADER: usize = 14;

/// What the header of the image says.
struct Image {
    width: u32,
    height: u32,
    bits: u16,
    compression: u32,
    /// Where the pixels begin if nothing stands between them and what belongs before them.
    pixels: usize,
}

impl Image {
    /// Width and height are signed and 32 bits, the height negative for rows from the top; 16 bits in the oldest header.
    fn read(bytes: &[u8]) -> Option<Self> {
        let size = u32_le(bytes, FILE_HEADER)? as usize;
        if size == 12 {
            let (width, height) = (u16_le(bytes, 18)?, u16_le(bytes, 20)?);
            let bits = u16_le(bytes, 24)?;
            let palette = if bits <= 8 { 3 << bits } else { 0 };
            return Some(Self {
                width: u32::from(width),
                height: u32::from(height),
                bits,
                compression: 0,
                pixels: FILE_HEADER + size + palette,
            });
        }
        let side = |at| Some(u32_le(bytes, at)?.cast_signed().unsigned_abs());
        let bits = u16_le(bytes, 28)?;
        let compression = u32_le(bytes, 30)?;
        let used = u32_le(bytes, 46)? as usize;
        let palette = match bits {
            1..=8 => {
                4 * if used == 0 {
                    1 << bits
                } else {
                    used.min(1 << bits)
                }
            }
            _ => 0,
        };
        // Which bits are red, green and blue, where the header itself has no place for them.
        let masks = if compression == 3 && size == 40 {
            12
        } else {
            0
        };
        Some(Self {
            width: side(18)?,
            height: side(22)?,
            bits,
            compression,
            pixels: FILE_HEADER + size + masks + palette,
        })
    }

    /// The bytes of its pixels, where they are not compressed, and how many of those only fill up the last row.
    fn bytes(&self) -> Option<(u64, u64)> {
        matches!(self.compression, 0 | 3).then(|| {
            let row = (u64::from(self.width) * u64::from(self.bits)).div_ceil(8);
            let padded = row.next_multiple_of(4);
            (padded * u64::from(self.height), padded - row)
        })
    }
}

pub(super) fn examine(bytes: &[u8]) -> Header {
    Header {
        dimensions: Image::read(bytes).map(|image| (image.width, image.height)),
        ..Header::default()
    }
}

/// Returns the file with an offset that leads to its pixels, where its own leads into what belongs before them, or to nothing; and with
/// what fills up its last row.
pub(crate) fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    const OFFSET: usize = 10;
    let Some((image, said)) = Image::read(bytes).zip(u32_le(bytes, OFFSET)) else {
        return Cow::Borrowed(bytes);
    };
    let length = bytes.len() as u64;
    let end = |from: u64| image.bytes().map(|(bytes, _)| from + bytes);
    let fits = |from: u64| {
        let filling = image.bytes().map_or(0, |(_, filling)| filling);
        end(from).is_none_or(|end| end <= length + filling)
    };
    // A palette may be shorter than it could be, so that the pixels that the offset leads to are all there, and those behind a
    // whole palette are not.
    let before = (said as usize) < image.pixels && fits(image.pixels as u64);
    let beyond = !fits(u64::from(said)) && fits(image.pixels as u64);
    let from = if before || beyond {
        image.pixels as u32
    } else {
        said
    };
    let end = end(u64::from(from)).filter(|&end| end > length && fits(u64::from(from)));
    if from == said && end.is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut file = bytes.to_vec();
    file[OFFSET..OFFSET + 4].copy_from_slice(&from.to_le_bytes());
    if let Some(end) = end {
        file.resize(end as usize, 0);
    }
    Cow::Owned(file)
}

/// The share of the pixels that is missing, `0..=1`, where they are not compressed.
pub(crate) fn missing(bytes: &[u8]) -> Option<f64> {
    let image = Image::read(bytes)?;
    let offset = u64::from(u32_le(bytes, 10)?);
    let found = (bytes.len() as u64).saturating_sub(offset) as f64;
    Some((1.0 - found / image.bytes()?.0 as f64).max(0.0))
}
