//! The header of JPEG 2000 (ITU T.800): what a stream is, without decoding it.

use super::summary::Fault;
use crate::bytes::{u16_be, u32_be};
use crate::error::CUT_SHORT;

/// What a sample takes while it is decoded: three floating-point numbers, and its share of tables.
pub(crate) const WORKING_BYTES: u64 = 13;

/// What a codestream begins with: its first two markers.
const CODESTREAM: &[u8] = b"\xff\x4f\xff\x51";
/// What a codestream in a file of its own begins with. In DICOM it should not be.
pub(crate) const BOXED: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";

/// Whether bytes begin as JPEG 2000 does.
pub(crate) fn is_jpeg2000(bytes: &[u8]) -> bool {
    bytes.starts_with(CODESTREAM) || bytes.starts_with(BOXED)
}

/// The codestream in a frame. What is around it only says how it is to be shown, which the DICOM file does.
pub(crate) fn codestream(frame: &[u8]) -> Result<&[u8], Fault> {
    frame
        .windows(CODESTREAM.len())
        .position(|bytes| bytes == CODESTREAM)
        .and_then(|start| frame.get(start..))
        .ok_or_else(|| CUT_SHORT.into())
}

/// Whether a codestream is of part 15, which packs its blocks otherwise: its size says that it needs more than part 1.
pub(crate) fn is_high_throughput(frame: &[u8]) -> bool {
    codestream(frame)
        .and_then(|stream| number16(segment(stream, 2)?, 0))
        .is_ok_and(|needs| needs & 0x4000 != 0)
}

/// How many components a codestream has.
pub(crate) fn channels(frame: &[u8]) -> Result<usize, Fault> {
    let body = segment(codestream(frame)?, 2)?;
    Ok(usize::from(number16(body, 34)?))
}

/// What belongs to the marker at `at`, without its length.
pub(crate) fn segment(stream: &[u8], at: usize) -> Result<&[u8], Fault> {
    let length = usize::from(number16(stream, at + 2)?);
    stream
        .get(at + 2..)
        .and_then(|rest| rest.get(2..length))
        .ok_or_else(|| CUT_SHORT.into())
}

/// The big-endian number at `at`.
pub(crate) fn number16(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    u16_be(bytes, at).ok_or_else(|| CUT_SHORT.into())
}

/// The big-endian number at `at`.
pub(crate) fn number32(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    u32_be(bytes, at).ok_or_else(|| CUT_SHORT.into())
}
