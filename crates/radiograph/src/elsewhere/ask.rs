//! The side that asks.
#![cfg_attr(
    feature = "readers",
    allow(dead_code, reason = "a build with all readers asks nobody")
)]

use std::sync::OnceLock;

use super::{Answer, ERROR, Numbers, PLANE, Question, SAMPLES, Samples, Stream, Wanted};
use crate::plane::Plane;
use crate::{DecodeError, Format, Limits};

/// Takes a question and the bytes that it is about to a build with the readers; `None` where there is none.
pub type Ask = fn(question: &[u8], bytes: &[u8]) -> Option<Answer>;

static ASK: OnceLock<Ask> = OnceLock::new();

/// Says who is asked for what this build does not read; the first to be named stays. Without one those files are refused with
/// [`DecodeError::ReaderMissing`].
pub fn ask_with(ask: Ask) {
    // A second one would be the same.
    let _ = ASK.set(ask);
}

/// Returns the brightness in a file, and how many images it holds.
pub(crate) fn plane(
    format: Format,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(Plane, u32), DecodeError> {
    ask(Wanted::Plane(format), bytes, limits)?.into_plane()
}

/// Writes the samples of a stream to `cells`.
pub(crate) fn samples(
    stream: Stream,
    bytes: &[u8],
    size: [usize; 3],
    limits: &Limits,
    cells: &mut [u16],
) -> Result<Samples, DecodeError> {
    // Each came from fewer bits.
    let size = size.map(|side| side as u32);
    ask(Wanted::Samples(stream, size), bytes, limits)?.into_samples(cells)
}

fn ask(wanted: Wanted, bytes: &[u8], limits: &Limits) -> Result<Answer, DecodeError> {
    let limits = limits.clone();
    let question = Question { wanted, limits }.to_bytes();
    ASK.get()
        .and_then(|ask| ask(&question, bytes))
        .ok_or(DecodeError::ReaderMissing)
}

impl Question {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, which, size) = match self.wanted {
            Wanted::Plane(format) => (PLANE, format as u8, [0; 3]),
            Wanted::Samples(stream, size) => (SAMPLES, stream as u8, size),
        };
        let Limits {
            max_bytes,
            max_pixels,
            max_decoded_bytes,
            min_side,
            max_aspect,
        } = self.limits;
        let mut bytes = vec![kind, which];
        bytes.extend(size.map(u32::to_le_bytes).as_flattened());
        for limit in [max_bytes, max_pixels, max_decoded_bytes] {
            bytes.extend(limit.to_le_bytes());
        }
        bytes.extend(min_side.to_le_bytes());
        bytes.extend(max_aspect.to_le_bytes());
        bytes
    }
}

impl Answer {
    pub(super) fn into_plane(self) -> Result<(Plane, u32), DecodeError> {
        let mut head = Numbers(&self.head);
        let mut read = || {
            if head.byte()? != PLANE {
                return None;
            }
            let (width, height, images) = (head.word()?, head.word()?, head.word()?);
            let (bits, orientation, false_colour) = (head.byte()?, head.byte()?, head.flag()?);
            let plane = (width, height, images, bits, orientation, false_colour);
            head.0.is_empty().then_some(plane)
        };
        let Some((width, height, images, bits, orientation, false_colour)) =
            read().filter(|&(width, height, ..)| {
                self.luma.len() as u64 == u64::from(width) * u64::from(height)
            })
        else {
            return Err(self.error());
        };
        let plane = Plane {
            width,
            height,
            luma: self.luma,
            bits,
            false_colour,
            orientation,
        };
        Ok((plane, images))
    }

    pub(super) fn into_samples(self, cells: &mut [u16]) -> Result<Samples, DecodeError> {
        let mut head = Numbers(&self.head);
        let mut read = || {
            if head.byte()? != SAMPLES {
                return None;
            }
            let samples = Samples {
                precision: head.byte()?,
                signed: head.flag()?,
                ended: head.flag()?,
            };
            head.0.is_empty().then_some(samples)
        };
        match read() {
            Some(samples) if self.cells.len() == cells.len() => {
                cells.copy_from_slice(&self.cells);
                Ok(samples)
            }
            _ => Err(self.error()),
        }
    }

    /// The error that it is; whatever else it is comes from another version.
    fn error(&self) -> DecodeError {
        let mut head = Numbers(&self.head);
        let mut read = || {
            if head.byte()? != ERROR {
                return None;
            }
            let (code, format) = (head.byte()?, head.format()?);
            let (width, height, limit) = (head.word()?, head.word()?, head.long()?);
            let detail = String::from_utf8_lossy(head.0).into_owned();
            Some(match code {
                0 => DecodeError::Unsupported { format, detail },
                1 => DecodeError::Corrupt { format, detail },
                2 => DecodeError::TooManyPixels {
                    width,
                    height,
                    limit,
                },
                3 => DecodeError::TooMuchMemory { limit },
                4 => DecodeError::TooSmall {
                    width,
                    height,
                    limit: u32::try_from(limit).ok()?,
                },
                5 => DecodeError::BadShape { width, height },
                _ => return None,
            })
        };
        read().unwrap_or(DecodeError::ReaderMissing)
    }
}
