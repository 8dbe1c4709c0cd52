//! What pixels are compressed with, a codec a file. JPEG 2000 is [`crate::reader`]'s, because it is in files of its own too.

pub(super) mod dct;
#[cfg(feature = "readers")]
pub(super) mod jpeg_ls;
pub(super) mod lossless;
pub(super) mod markers;
pub(super) mod raw;
pub(super) mod rle;

use super::flaw::Flaw;
use super::syntax::Codec;
use crate::Limits;
use crate::elsewhere::{Samples, Stream};

/// Writes the samples of a stream of a rare kind, JPEG-LS or JPEG 2000, to `cells`, interleaved: `[height * width * samples]`.
///
/// # Errors
/// If the stream is of another size, is damaged, or ends early.
#[cfg(feature = "readers")]
pub(super) fn decode_rare(
    codec: Codec,
    bytes: &[u8],
    [width, height, samples]: [usize; 3],
    _: &Limits,
    cells: &mut [u16],
) -> Result<Samples, Flaw> {
    match codec {
        Codec::JpegLs => Ok(Samples {
            precision: jpeg_ls::decode_jpeg_ls(bytes, width, height, samples, cells)?,
            signed: false,
            ended: true,
        }),
        _ => {
            let decode = crate::reader::decode_jpeg2000_samples;
            Ok(decode(bytes, width, height, samples, cells)?)
        }
    }
}

/// The same by a build that has the readers.
#[cfg(not(feature = "readers"))]
pub(super) fn decode_rare(
    codec: Codec,
    bytes: &[u8],
    size: [usize; 3],
    limits: &Limits,
    cells: &mut [u16],
) -> Result<Samples, Flaw> {
    let stream = match codec {
        Codec::JpegLs => Stream::JpegLs,
        _ => Stream::Jpeg2000,
    };
    Ok(crate::elsewhere::ask::samples(
        stream, bytes, size, limits, cells,
    )?)
}

/// The same for a build that has no readers.
///
/// # Errors
/// If the stream is of another size, is damaged, or ends early.
#[cfg(feature = "readers")]
pub(crate) fn decode_samples(
    stream: Stream,
    bytes: &[u8],
    size: [usize; 3],
    limits: &Limits,
    cells: &mut [u16],
) -> Result<Samples, crate::DecodeError> {
    let codec = match stream {
        Stream::JpegLs => Codec::JpegLs,
        Stream::Jpeg2000 => Codec::Jpeg2000,
    };
    decode_rare(codec, bytes, size, limits, cells).map_err(|flaw| flaw.into_error(limits))
}
