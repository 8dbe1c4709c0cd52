//! Run lengths (DICOM PS3.5, annex G): one segment for each byte of each sample, each of them packed as in PackBits.

use crate::dicom::flaw::{Flaw, OTHER_RUN_LENGTHS};
use crate::error::CUT_SHORT;

/// Number and offsets of the segments come first, in as much room as the most of them need.
const HEADER_BYTES: usize = 64;

/// Whether bytes begin with a table of segments.
pub(in crate::dicom) fn is_rle(frame: &[u8]) -> bool {
    let Some(header) = header(frame) else {
        return false;
    };
    let count = header[0] as usize;
    let offsets = &header[1..];
    (1..offsets.len() + 1).contains(&count)
        && offsets[0] == HEADER_BYTES as u32
        && offsets[..count].is_sorted()
        && offsets[count..].iter().all(|&offset| offset == 0)
}

/// How many segments there are.
pub(in crate::dicom) fn segments(frame: &[u8]) -> Result<usize, Flaw> {
    let header = header(frame).ok_or(Flaw::Corrupt(CUT_SHORT))?;
    Ok(header[0] as usize)
}

fn header(frame: &[u8]) -> Option<[u32; HEADER_BYTES / 4]> {
    let words = frame
        .as_chunks::<4>()
        .0
        .first_chunk::<{ HEADER_BYTES / 4 }>()?;
    Some(words.map(u32::from_le_bytes))
}

/// Writes `samples` values a pixel, of `bytes_each` bytes, to `cells`, interleaved.
///
/// # Errors
/// If the segments are not those of such an image, or end before it does.
#[inline(never)]
pub(in crate::dicom) fn decode_rle(
    frame: &[u8],
    samples: usize,
    bytes_each: usize,
    cells: &mut [u16],
) -> Result<(), Flaw> {
    let header = header(frame).ok_or(Flaw::Corrupt(CUT_SHORT))?;
    let word = |index: usize| header.get(index).map_or(0, |&word| word as usize);
    let segments = samples * bytes_each;
    if word(0) != segments || segments >= header.len() {
        return Err(Flaw::Corrupt(OTHER_RUN_LENGTHS));
    }
    for segment in 0..segments {
        let from = word(1 + segment);
        // The next one begins where this one ends.
        let to = match word(2 + segment) {
            next if segment + 1 < segments => next,
            _ => frame.len(),
        };
        let need = cells.len() / samples;
        let short = |have: usize| Flaw::Short {
            have: segment * need + have,
            need: segments * need,
        };
        let packed = frame
            .get(from..to)
            .filter(|_| from >= HEADER_BYTES)
            .ok_or(short(0))?;
        // The most significant byte comes first.
        let (sample, place) = (segment / bytes_each, bytes_each - 1 - segment % bytes_each);
        let mut have = 0;
        if place > 1 {
            // Bytes above those that are kept: nothing, or a sign.
            let mut extreme = true;
            unpack(packed, |byte| {
                extreme &= matches!(byte, 0 | 0xff);
                have += 1;
                have < need
            });
            if !extreme {
                return Err(Flaw::Unsupported("pixels of more than 16 bits"));
            }
            continue;
        }
        let mut places = cells.iter_mut().skip(sample).step_by(samples);
        unpack(packed, |byte| match places.next() {
            Some(cell) => {
                *cell |= u16::from(byte) << (8 * place);
                have += 1;
                true
            }
            None => false,
        });
        if have < need {
            return Err(short(have));
        }
    }
    Ok(())
}

/// Gives the bytes in `packed` to `take`, until there are no more of them or it wants no more.
fn unpack(mut packed: &[u8], mut take: impl FnMut(u8) -> bool) {
    while let [control, rest @ ..] = packed {
        let control = control.cast_signed();
        if control >= 0 {
            let count = rest.len().min(control as usize + 1);
            if !rest[..count].iter().all(|&byte| take(byte)) {
                return;
            }
            packed = &rest[count..];
        } else if control == i8::MIN {
            packed = rest;
        } else {
            let Some((&byte, after)) = rest.split_first() else {
                return;
            };
            if !(0..=control.unsigned_abs()).all(|_| take(byte)) {
                return;
            }
            packed = after;
        }
    }
}
