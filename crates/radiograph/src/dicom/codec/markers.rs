//! The markers of a compressed image, up to its scans.

use crate::dicom::flaw::Flaw;
use crate::error::CUT_SHORT;

/// A marker of JPEG and what belongs to it, without its length.
pub(in crate::dicom) struct Segment<'a> {
    pub(in crate::dicom) marker: u8,
    pub(in crate::dicom) body: &'a [u8],
}

/// A walk over the segments of a JPEG stream. Behind that of a scan, [`skip`](Self::skip) has to be told of its data.
pub(in crate::dicom) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(in crate::dicom) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// What follows the last segment.
    pub(in crate::dicom) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(in crate::dicom) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// The next segment, or `None` at the end of the image.
    pub(in crate::dicom) fn next(&mut self) -> Result<Option<Segment<'a>>, Flaw> {
        let marker = loop {
            // Any number of bytes may fill up the space before a marker; some encoders leave others.
            let rest = self.rest();
            let found = rest
                .iter()
                .zip(rest.iter().skip(1))
                .position(|(&a, &b)| a == 0xff && !matches!(b, 0 | 0xff))
                .ok_or(Flaw::Corrupt(CUT_SHORT))?;
            self.at += found + 2;
            match rest[found + 1] {
                0xd9 => return Ok(None),
                // These stand alone.
                0x01 | 0xd0..=0xd8 => {}
                marker => break marker,
            }
        };
        let length = usize::from(u16_be(self.bytes, self.at)?);
        let body = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.get(2..length))
            .ok_or(Flaw::Corrupt(CUT_SHORT))?;
        self.at += length;
        Ok(Some(Segment { marker, body }))
    }
}

/// The big-endian number at `at`.
pub(in crate::dicom) fn u16_be(bytes: &[u8], at: usize) -> Result<u16, Flaw> {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    Ok(u16::from_be_bytes(*bytes.ok_or(Flaw::Corrupt(CUT_SHORT))?))
}
