//! A file up to its elements: where they begin, how they are written, and what is said of the pixels.

use std::borrow::Cow;

use dicom_dictionary_std::tags;

use super::element::{Element, Encoding, Reader, text};
use super::elements::Elements;
use super::flaw::{DAMAGED, Flaw};
use super::goodwill::Walk;
use super::repairs::{Repair, Repairs};
use super::syntax::{Syntax, UNKNOWN};
use crate::error::CUT_SHORT;

/// Bytes in which the beginning of a file that lies within another is looked for.
const WRAPPED: usize = 64 * 1024;

/// The part of a file behind its meta information.
pub(super) struct Body<'a> {
    bytes: Cow<'a, [u8]>,
    encoding: Encoding,
    pub(super) syntax: Syntax,
}

impl Body<'_> {
    /// Bytes of memory that it takes beside the file.
    pub(super) fn memory(&self) -> u64 {
        match &self.bytes {
            Cow::Borrowed(_) => 0,
            Cow::Owned(bytes) => bytes.capacity() as u64,
        }
    }

    /// The elements that are read: as they are written, or with goodwill, where that shows pixels.
    pub(super) fn elements<'a>(&'a self, repairs: &'a Repairs) -> Result<Elements<'a>, Flaw> {
        let strict = Elements::read(&self.bytes, self.encoding, repairs);
        strict.or_else(|flaw| {
            let elements = Elements::read_with_goodwill(&self.bytes, self.encoding, repairs);
            let found = [
                tags::PIXEL_DATA,
                tags::ENCAPSULATED_DOCUMENT,
                tags::DIRECTORY_RECORD_SEQUENCE,
            ];
            match found.iter().any(|&tag| elements.has(tag)) {
                true => Ok(elements),
                false => Err(flaw),
            }
        })
    }
}

/// Whether a DICOM file begins somewhere in `bytes`, behind other things: the head of an answer, a preamble that is too long.
pub(crate) fn is_within(bytes: &[u8]) -> bool {
    wrapped(bytes).is_some()
}

/// Where the elements of a file within another begin.
fn wrapped(bytes: &[u8]) -> Option<usize> {
    let repairs = Repairs::default();
    let walk = Walk::new(bytes, false, true, &repairs);
    let head = bytes.get(..bytes.len().min(WRAPPED))?;
    let found = head
        .windows(4)
        .enumerate()
        .find(|&(at, letters)| letters == b"DICM" && walk.begins(at + 4))?;
    Some(found.0 + 4)
}

/// Where the first element is.
fn start(bytes: &[u8], repairs: &Repairs) -> usize {
    let unheard = Repairs::default();
    let begins = |at: usize| {
        [false, true]
            .iter()
            .any(|&big| Walk::new(bytes, big, true, &unheard).begins(at))
    };
    let named = bytes.get(128..132) == Some(b"DICM".as_slice());
    if named && (bytes.get(132..134) == Some(&[2, 0]) || begins(132) || !begins(0)) {
        // Four letters do not make a preamble: they may be in a value.
        132
    } else if bytes.starts_with(b"DICM") {
        4
    } else if matches!(bytes, [2 | 8, 0, ..] | [0, 2 | 8, ..]) {
        0
    } else {
        wrapped(bytes).map_or(0, |start| {
            repairs.note(Repair::Wrapped);
            start
        })
    }
}

/// Opens a file: with or without its preamble and its meta information. What is deflated may take `most` bytes.
pub(super) fn open_body<'a>(
    bytes: &'a [u8],
    most: usize,
    repairs: &Repairs,
) -> Result<Body<'a>, Flaw> {
    let start = start(bytes, repairs);
    let file = bytes.get(start..).unwrap_or_default();
    let (syntax, rest) = meta(file, repairs);
    let (mut syntax, known) = match syntax {
        Some(syntax) => (syntax, true),
        None => (Syntax::of(""), false),
    };
    // Without meta information nothing is said, and nothing is wrong with that.
    let has_meta = file.starts_with(&[2, 0]);
    if has_meta && (!known || syntax.refused == Some(UNKNOWN)) {
        repairs.note(Repair::Syntax);
    }
    if !has_meta {
        syntax.refused = None;
    }
    let inflated = inflated(rest, syntax.deflated, most, repairs)?;
    let bytes = inflated.map_or(Cow::Borrowed(rest), Cow::Owned);
    // What the elements look like counts: they are not always written as the meta information says.
    let encoding = if !written_explicitly(&bytes) {
        Encoding::ImplicitLittle
    } else {
        match &*bytes {
            // Groups are small numbers.
            [0, low, ..] if *low != 0 => Encoding::ExplicitBig,
            _ => Encoding::ExplicitLittle,
        }
    };
    Ok(Body {
        bytes,
        encoding,
        syntax,
    })
}

/// Reads the group of the meta information, which is little-endian in every file; its elements say how long they are. Returns the
/// transfer syntax and what follows.
fn meta<'a>(file: &'a [u8], repairs: &Repairs) -> (Option<Syntax>, &'a [u8]) {
    let encoding = match written_explicitly(file) || !file.starts_with(&[2, 0]) {
        true => Encoding::ExplicitLittle,
        false => Encoding::ImplicitLittle,
    };
    let mut reader = Reader {
        bytes: file,
        at: 0,
        encoding,
    };
    let mut syntax = None;
    let mut found = |element: Element<'_>| {
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            syntax = text(element.value).map(Syntax::of);
        }
    };
    while reader.rest().starts_with(&[2, 0]) {
        match reader.next() {
            Ok(Some(element)) => found(element),
            Ok(None) => break,
            Err(_) => {
                let explicit = encoding == Encoding::ExplicitLittle;
                let walk = Walk::new(file, false, explicit, repairs);
                reader.at = walk.elements(reader.at, true, &mut found);
                break;
            }
        }
    }
    (syntax, reader.rest())
}

/// Inflates elements that are deflated: as they are said to be, or behind a header of zlib or gzip, or though they are not said to.
fn inflated(
    rest: &[u8],
    said: bool,
    most: usize,
    repairs: &Repairs,
) -> Result<Option<Vec<u8>>, Flaw> {
    let unheard = Repairs::default();
    let plain = [false, true]
        .iter()
        .any(|&big| Walk::new(rest, big, true, &unheard).begins(0));
    if plain {
        if said {
            repairs.note(Repair::Deflated);
        }
        return Ok(None);
    }
    let gzip = rest.starts_with(b"\x1f\x8b\x08").then(|| gzip_header(rest));
    let zlib = matches!(rest, [first, second, ..] if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31));
    let starts = [Some(0), zlib.then_some(2), gzip.flatten()];
    for start in starts.into_iter().flatten() {
        // A header is no stream, but nearly anything may begin one.
        let stream = rest.get(start..).unwrap_or_default();
        let result = miniz_oxide::inflate::decompress_to_vec_with_limit(stream, most);
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(error) => {
                use miniz_oxide::inflate::TINFLStatus;
                let begins = || Walk::new(&error.output, false, true, &unheard).begins(0);
                match error.status {
                    TINFLStatus::HasMoreOutput if begins() => return Err(Flaw::TooLarge),
                    // What there is of it is no image, even if that is all there.
                    TINFLStatus::FailedCannotMakeProgress if begins() => {
                        return Err(Flaw::Corrupt(CUT_SHORT));
                    }
                    _ => continue,
                }
            }
        };
        let begins = [false, true]
            .iter()
            .any(|&big| Walk::new(&bytes, big, true, &unheard).begins(0));
        if !begins {
            continue;
        }
        if !said || start > 0 {
            repairs.note(Repair::Deflated);
        }
        return Ok(Some(bytes));
    }
    match said {
        true => Err(Flaw::Corrupt(DAMAGED)),
        false => Ok(None),
    }
}

/// Where the stream of a gzip file begins (RFC 1952, 2.3).
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    }
    // A name and a comment, each with a zero behind it.
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += 1 + bytes.get(at..)?.iter().position(|&byte| byte == 0)?;
        }
    }
    Some(at + if flags & 2 != 0 { 2 } else { 0 })
}

/// Whether the element that `bytes` begin with names its kind of value.
fn written_explicitly(bytes: &[u8]) -> bool {
    let kind = bytes.get(4..6).and_then(|kind| kind.first_chunk::<2>());
    kind.is_some_and(|kind| dicom_core::VR::from_binary(*kind).is_some())
}
