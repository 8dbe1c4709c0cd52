//! Run lengths (DICOM PS3.5, annex G): one segment for each byte of each sample, each of them packed as in PackBits.

use super::Flaw;
use crate::header::CUT_SHORT;

/// Number and offsets of the segments come first, in as much room as the most of them need.
const HEADER_BYTES: usize = 64;

/// Writes `samples` values a pixel, of `bytes_each` bytes, to `cells`, interleaved.
///
/// # Errors
/// If the segments are not those of such an image, or end before it does.
#[inline(never)]
pub(super) fn decode(
    frame: &[u8],
    samples: usize,
    bytes_each: usize,
    cells: &mut [u16],
) -> Result<(), Flaw> {
    let (header, _) = frame.as_chunks::<4>();
    let header = header
        .get(..HEADER_BYTES / 4)
        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
    let word = |index: usize| u32::from_le_bytes(header[index]) as usize;
    let segments = samples * bytes_each;
    if word(0) != segments {
        return Err(Flaw::Corrupt(
            "its run lengths are of another kind of image",
        ));
    }
    for segment in 0..segments {
        let from = word(1 + segment);
        // The next one begins where this one ends.
        let to = match word(2 + segment) {
            next if segment + 1 < segments => next,
            _ => frame.len(),
        };
        let packed = frame
            .get(from..to)
            .filter(|_| from >= HEADER_BYTES)
            .ok_or(Flaw::Corrupt(CUT_SHORT))?;
        // The most significant byte comes first.
        let (sample, shift) = (
            segment / bytes_each,
            8 * (bytes_each - 1 - segment % bytes_each),
        );
        let mut place = cells.iter_mut().skip(sample).step_by(samples);
        unpack(packed, |byte| match place.next() {
            Some(cell) => {
                *cell |= u16::from(byte) << shift;
                true
            }
            None => false,
        });
        if place.next().is_some() {
            return Err(Flaw::Corrupt(CUT_SHORT));
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
