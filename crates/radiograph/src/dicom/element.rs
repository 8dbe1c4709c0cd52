//! One element of a DICOM file after the other, strictly as they are written.
//!
//! The headers of elements are decoded by dicom-rs, which knows the encodings.

use dicom_core::dictionary::stub::StubDataDictionary;
use dicom_core::header::{HasLength as _, Header as _};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::decode::Decode as _;
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::ImplicitVRLittleEndianDecoder;

use super::flaw::{DAMAGED, Flaw};
use crate::error::CUT_SHORT;

/// Sequences within sequences that are stepped into.
pub(super) const MAX_DEPTH: usize = 32;

/// How the elements of a data set are written (PS3.5, annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// An element of a data set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    pub(super) vr: VR,
    /// Without the item that ends it, where its length was not given.
    pub(super) value: &'a [u8],
    /// Whether its length was not given.
    pub(super) open: bool,
    /// Whether the file ends before it does.
    pub(super) cut: bool,
}

/// Goes from one element to the next.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) encoding: Encoding,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next element, or `None` at the end.
    ///
    /// Pixel data whose length is not given has everything behind it as its value.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Flaw> {
        if self.rest().is_empty() {
            return Ok(None);
        }
        let (tag, vr, length, header_bytes) = header(self.rest(), self.encoding)?;
        self.at += header_bytes;
        let Some(length) = length else {
            let (end, next) = match tag {
                tags::PIXEL_DATA => (self.bytes.len(), self.bytes.len()),
                _ => self.close(within(vr, self.encoding))?,
            };
            let value = &self.bytes[self.at..end];
            self.at = next;
            return Ok(Some(Element {
                tag,
                vr,
                value,
                open: true,
                cut: false,
            }));
        };
        let value = self.rest().get(..length).ok_or(Flaw::Corrupt(CUT_SHORT))?;
        self.at += length;
        Ok(Some(Element {
            tag,
            vr,
            value,
            open: false,
            cut: false,
        }))
    }

    /// Returns where the sequence or item that has been opened ends, and where the next element is.
    fn close(&self, encoding: Encoding) -> Result<(usize, usize), Flaw> {
        let mut open = vec![(encoding, SEQUENCE_END)];
        let mut at = self.at;
        while let Some(&(encoding, expected)) = open.last() {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (tag, vr, length, header_bytes) = header(rest, encoding)?;
            let start = at;
            at += header_bytes;
            match (tag, length) {
                (ITEM_END | SEQUENCE_END, Some(0)) if tag == expected => {
                    open.pop();
                    if open.is_empty() {
                        return Ok((start, at));
                    }
                }
                (ITEM_END | SEQUENCE_END, _) => return Err(Flaw::Corrupt(DAMAGED)),
                (_, Some(length)) => {
                    at = at
                        .checked_add(length)
                        .filter(|&at| at <= self.bytes.len())
                        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
                }
                (_, None) if open.len() < MAX_DEPTH => {
                    let end = if tag == ITEM { ITEM_END } else { SEQUENCE_END };
                    open.push((within(vr, encoding), end));
                }
                (_, None) => return Err(Flaw::Corrupt("its sequences are nested too deeply")),
            }
        }
        Err(Flaw::Corrupt(CUT_SHORT))
    }
}

pub(super) const ITEM: Tag = Tag(0xfffe, 0xe000);
pub(super) const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
pub(super) const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

/// How what is within an element is written: what does not name its kind was copied from where kinds are not named (PS3.5, 6.2.2).
pub(super) fn within(vr: VR, encoding: Encoding) -> Encoding {
    if vr == VR::UN && encoding == Encoding::ExplicitLittle {
        Encoding::ImplicitLittle
    } else {
        encoding
    }
}

/// Returns tag, kind, length and the bytes of the header that `bytes` begin with; no length where it is not given.
fn header(mut bytes: &[u8], encoding: Encoding) -> Result<(Tag, VR, Option<usize>, usize), Flaw> {
    let explicit = encoding != Encoding::ImplicitLittle;
    let kind = bytes.get(4..6).and_then(|kind| kind.first_chunk::<2>());
    let delimits = matches!(bytes, [0xfe, 0xff, ..] | [0xff, 0xfe, ..]);
    if explicit && !delimits && kind.is_some_and(|kind| VR::from_binary(*kind).is_none()) {
        return Err(Flaw::Corrupt(DAMAGED));
    }
    let decoded = match encoding {
        Encoding::ImplicitLittle => {
            ImplicitVRLittleEndianDecoder::with_dict(StubDataDictionary).decode_header(&mut bytes)
        }
        Encoding::ExplicitLittle => {
            ExplicitVRLittleEndianDecoder::default().decode_header(&mut bytes)
        }
        Encoding::ExplicitBig => ExplicitVRBigEndianDecoder::default().decode_header(&mut bytes),
    };
    let (header, header_bytes) = decoded.map_err(|_| Flaw::Corrupt(CUT_SHORT))?;
    let tag = header.tag();
    let length = header.length().get().map(|length| length as usize);
    // An item has no kind, and what is in it is written as it is around it.
    let vr = if tag == ITEM { VR::SQ } else { header.vr() };
    Ok((tag, vr, length, header_bytes))
}

/// What text may be filled up with.
pub(super) const FILLING: [char; 5] = [' ', '\0', '\t', '\r', '\n'];

/// The first of the texts in `value`, if it is ASCII and not empty.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.is_ascii())?;
    let first = text.split('\\').next()?.trim_matches(FILLING);
    (!first.is_empty()).then_some(first)
}
