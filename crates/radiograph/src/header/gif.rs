//! The blocks of a GIF file (GIF89a): how many images there are, and how much there is of the first.

use std::borrow::Cow;

use super::summary::Header;
use crate::bytes::u16_le;

/// What ends a file.
const TRAILER: u8 = 0x3b;

/// An image among the blocks of a file.
struct Image {
    pixels: u64,
    /// Where the size of its first codes is; blocks of codes follow.
    codes: usize,
}

/// Behind a run of blocks, each with its length, up to an empty one.
fn behind_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&length) = bytes.get(at).filter(|&&length| length > 0) {
        at += 1 + usize::from(length);
    }
    at + 1
}

fn images(bytes: &[u8]) -> impl Iterator<Item = Image> {
    // The size of a table of colours, where the flags say that there is one.
    let table = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            6 << (flags & 7)
        }
    };
    let mut at = 13 + bytes.get(10).copied().map_or(0, table);
    std::iter::from_fn(move || {
        loop {
            match bytes.get(at)? {
                0x2c => {
                    let flags = *bytes.get(at + 9)?;
                    let (width, height) = u16_le(bytes, at + 5).zip(u16_le(bytes, at + 7))?;
                    let codes = at + 10 + table(flags);
                    at = behind_blocks(bytes, codes + 1);
                    return Some(Image {
                        pixels: u64::from(width) * u64::from(height),
                        codes,
                    });
                }
                0x21 => at = behind_blocks(bytes, at + 2),
                // Some writers fill up with zeros.
                0 => at += 1,
                _ => return None,
            }
        }
    })
}

/// The canvas follows the signature. A frame that does not fill it is drawn elsewhere first, within the decoder's own limit.
pub(super) fn examine(bytes: &[u8]) -> Header {
    let dimensions = u16_le(bytes, 6)
        .zip(u16_le(bytes, 8))
        .map(|(width, height)| (u32::from(width), u32::from(height)));
    Header {
        dimensions,
        images: u32::try_from(images(bytes).count()).unwrap_or(u32::MAX),
        ..Header::default()
    }
}

/// Returns the file with an end, where it has none and its first image is all there nevertheless: its decoder does not mind if it is not.
///
/// # Errors
/// The share of the first image that is missing.
pub(crate) fn mended(bytes: &[u8]) -> Result<Cow<'_, [u8]>, f64> {
    if bytes.last() == Some(&TRAILER) {
        return Ok(Cow::Borrowed(bytes));
    }
    match missing(bytes) {
        Some(share) if share > 0.0 => return Err(share),
        Some(_) => {}
        None => return Ok(Cow::Borrowed(bytes)),
    }
    let mut file = bytes.to_vec();
    if let Some(image) = images(bytes).next() {
        let mut at = image.codes + 1;
        while let Some(length) = bytes.get(at).copied().filter(|&length| length > 0) {
            let end = at + 1 + usize::from(length);
            if end > bytes.len() {
                // The last block is as long as what there is of it.
                file[at] = (bytes.len() - at - 1) as u8;
                if file[at] == 0 {
                    file.pop();
                }
            }
            at = end;
        }
    }
    file.extend_from_slice(&[0, TRAILER]);
    Ok(Cow::Owned(file))
}

/// The share of the first image that is missing, `0..=1`.
pub(crate) fn missing(bytes: &[u8]) -> Option<f64> {
    let image = images(bytes).next()?;
    let size = *bytes.get(image.codes)?;
    if !(1..=11).contains(&size) || image.pixels == 0 {
        return None;
    }
    let mut codes = Vec::new();
    let mut at = image.codes + 1;
    while let Some(&length) = bytes.get(at).filter(|&&length| length > 0) {
        let end = (at + 1 + usize::from(length)).min(bytes.len());
        codes.extend_from_slice(&bytes[at + 1..end]);
        at = end;
    }
    let mut decoder = weezl::decode::Decoder::new(weezl::BitOrder::Lsb, size);
    let mut row = [0; 4096];
    let (mut from, mut found) = (0, 0_u64);
    while found < image.pixels {
        let step = decoder.decode_bytes(&codes[from..], &mut row);
        from += step.consumed_in;
        found += step.consumed_out as u64;
        if !matches!(step.status, Ok(weezl::LzwStatus::Ok)) {
            break;
        }
    }
    Some((1.0 - found as f64 / image.pixels as f64).max(0.0))
}
