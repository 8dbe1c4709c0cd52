//! Readers for a build that has none of rare formats.

use crate::DecodeError;
use crate::dicom::decode_samples;
use crate::elsewhere::{Answer, Question, Wanted};
use crate::plane::zeros;
use crate::reader::decode_plane;

/// Returns what a build without the feature `readers` has asked of `bytes`: their pixels or an error, which that build understands if it
/// is of the same version.
#[must_use]
pub fn answer(question: &[u8], bytes: &[u8]) -> Answer {
    read(question, bytes).unwrap_or_else(Answer::of_error)
}

fn read(question: &[u8], bytes: &[u8]) -> Result<Answer, DecodeError> {
    let Question { wanted, limits } =
        Question::from_bytes(question).ok_or(DecodeError::ReaderMissing)?;
    match wanted {
        Wanted::Plane(format) => {
            let (plane, images) = decode_plane(format, bytes, &limits)?;
            Ok(Answer::of_plane(plane, images))
        }
        Wanted::Samples(stream, size) => {
            let count = size
                .iter()
                .fold(1_u64, |all, &side| all.saturating_mul(u64::from(side)));
            let mut cells = zeros(count, &limits)?;
            let size = size.map(|side| side as usize);
            let samples = decode_samples(stream, bytes, size, &limits, &mut cells)?;
            Ok(Answer::of_samples(samples, cells))
        }
    }
}
