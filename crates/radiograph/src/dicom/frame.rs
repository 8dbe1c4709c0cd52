//! The bytes of the first frame, and what they are: the value of the pixel data, or fragments of it.

use std::borrow::Cow;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::codec::markers;
use super::codec::rle::is_rle;
use super::element::{Encoding, ITEM, SEQUENCE_END};
use super::elements::Elements;
use super::flaw::{Flaw, OTHER_RUN_LENGTHS};
use super::layout::Layout;
use super::repairs::Repair;
use super::syntax::{Codec, Syntax};
use crate::error::CUT_SHORT;
use crate::header::jpeg2000::{self, is_high_throughput, is_jpeg2000};

/// The first frame.
pub(super) struct Frame<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) codec: Codec,
    /// Channels of a pixel, where the bytes say.
    pub(super) channels: Option<usize>,
}

/// Finds the first frame of pixels that are laid out so, and tells what it is compressed with.
///
/// # Errors
/// If it is compressed with something that is not read, or is not what the file says.
pub(super) fn first_frame<'a>(
    elements: &Elements<'a>,
    layout: &Layout,
    syntax: &Syntax,
) -> Result<Frame<'a>, Flaw> {
    let (frames, plain) = (layout.frames, layout.frame_bytes());
    let element = elements
        .find(tags::PIXEL_DATA)
        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
    let big = elements.encoding() == Encoding::ExplicitBig;
    let value = element.value;
    // What says how long it is may be in fragments too, and what does not may not.
    let fragmented = item(value, 0, big).is_some_and(|(tag, _)| tag == ITEM)
        && (element.open || syntax.claim != Some(Codec::Raw) || value.len() < plain);
    let bytes = match fragmented {
        true => first(&fragments(value, big, elements), frames, elements),
        false => Cow::Borrowed(value),
    };
    if fragmented != element.open {
        elements.note(Repair::Claim);
    }
    let said = syntax.claim;
    // Where the pixels are as many as there would be, they are no stream, whatever they begin with.
    let whole = bytes.len() >= plain && (!fragmented || said == Some(Codec::Raw));
    let codec = match said {
        _ if !fragmented && bytes.len() >= plain => Codec::Raw,
        Some(Codec::Rle) if is_rle(&bytes) => Codec::Rle,
        _ if is_codestream(&bytes) => {
            let (codec, channels) = codestream(&bytes, syntax)?;
            if matches!(said, Some(Codec::Raw | Codec::Rle)) {
                elements.note(Repair::Claim);
            }
            return Ok(Frame {
                bytes,
                codec,
                channels: Some(channels),
            });
        }
        _ if !whole && is_rle(&bytes) => {
            if said.is_some() {
                elements.note(Repair::Claim);
            }
            Codec::Rle
        }
        Some(Codec::Raw) => Codec::Raw,
        _ if fragmented && bytes.len().wrapping_sub(plain) <= 1 => {
            elements.note(Repair::Claim);
            Codec::Raw
        }
        _ if syntax.refused.is_some() => {
            return Err(syntax.refusal(syntax.refused.unwrap_or_default(), ""));
        }
        _ if !fragmented => Codec::Raw,
        Some(Codec::Rle) => return Err(Flaw::Corrupt(OTHER_RUN_LENGTHS)),
        _ => {
            return Err(Flaw::Corrupt(
                "its compressed image is not what it says it is",
            ));
        }
    };
    Ok(Frame {
        bytes,
        codec,
        channels: None,
    })
}

fn is_codestream(bytes: &[u8]) -> bool {
    is_jpeg2000(bytes) || bytes.starts_with(b"\xff\xd8\xff")
}

/// Tag and length of the item at `at`.
fn item(bytes: &[u8], at: usize, big: bool) -> Option<(Tag, u32)> {
    let head: [u8; 8] = *bytes.get(at..)?.first_chunk()?;
    let [a, b, c, d, length @ ..] = head;
    let word = |word: [u8; 2]| match big {
        true => u16::from_be_bytes(word),
        false => u16::from_le_bytes(word),
    };
    let length = match big {
        true => u32::from_be_bytes(length),
        false => u32::from_le_bytes(length),
    };
    Some((Tag(word([a, b]), word([c, d])), length))
}

/// The table of offsets, which may be empty, and the fragments.
struct Fragments<'a> {
    offsets: &'a [u8],
    /// Each with where its item begins, counted from the end of the table.
    parts: Vec<(usize, &'a [u8])>,
}

/// Reads the items of pixel data, up to whatever is no item.
fn fragments<'a>(value: &'a [u8], big: bool, elements: &Elements<'_>) -> Fragments<'a> {
    let mut found = Fragments {
        offsets: &[],
        parts: Vec::new(),
    };
    let (mut at, mut base, mut number) = (0, 0, 0);
    loop {
        let (tag, length) = match item(value, at, big) {
            Some(item) => item,
            None => {
                elements.note(Repair::Fragments);
                return found;
            }
        };
        if tag != ITEM {
            // One that is not even may have a byte behind it that is not counted.
            let next = item(value, at + 1, big).map(|(tag, _)| tag);
            if at % 2 == 1 && matches!(next, Some(ITEM | SEQUENCE_END)) {
                at += 1;
                continue;
            }
            if tag != SEQUENCE_END || length != 0 {
                elements.note(Repair::Fragments);
            }
            return found;
        }
        let start = at + 8;
        let rest = value.get(start..).unwrap_or_default();
        let length = length as usize;
        let heads: [&[u8]; 2] = match big {
            true => [b"\xff\xfe\xe0\0", b"\xff\xfe\xe0\xdd\0\0\0\0"],
            false => [b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"],
        };
        // An empty one with a stream behind it is not empty.
        let filled = length > 0 || !is_codestream(rest) && !is_rle(rest);
        let part = rest.get(..length).filter(|_| filled).unwrap_or_else(|| {
            elements.note(Repair::Lengths);
            // Up to the next item, or all there is.
            let end =
                (0..rest.len()).find(|&at| heads.iter().any(|head| rest[at..].starts_with(head)));
            &rest[..end.unwrap_or(rest.len())]
        });
        number += 1;
        if number == 1 && !is_codestream(part) && !is_rle(part) {
            found.offsets = part;
            base = start + part.len();
        } else {
            if number == 1 {
                // There is no table, not even an empty one.
                elements.note(Repair::Fragments);
            }
            found.parts.push((at - base, part));
        }
        at = start + part.len();
    }
}

/// Joins the fragments of the first of `frames`.
fn first<'a>(fragments: &Fragments<'a>, frames: u32, elements: &Elements<'_>) -> Cow<'a, [u8]> {
    let parts = &fragments.parts[..];
    // Where the second frame begins.
    let second = fragments.offsets.as_chunks::<4>().0.get(1);
    let second = second.map(|&offset| match elements.is_big_endian() {
        true => u32::from_be_bytes(offset),
        false => u32::from_le_bytes(offset),
    } as usize);
    let by_table = parts
        .iter()
        .position(|&(at, _)| Some(at) == second)
        .filter(|&count| count > 0);
    let count = if frames <= 1 {
        parts.len()
    } else if let Some(count) = by_table {
        count
    } else if parts.len() == frames as usize {
        1
    } else {
        // A stream ends with its last marker, and perhaps a byte to make it even; run lengths begin with a table.
        let ends = parts.iter().enumerate().position(|(index, (_, part))| {
            let next = parts.get(index + 1).map(|&(_, next)| next);
            let tail = &part[part.len().saturating_sub(4)..];
            tail.windows(2).any(|pair| pair == [0xff, 0xd9]) || next.is_some_and(is_rle)
        });
        ends.map_or(parts.len(), |last| last + 1)
    };
    match parts.get(..count).unwrap_or_default() {
        [(_, only)] => Cow::Borrowed(only),
        parts => Cow::Owned(parts.iter().flat_map(|(_, part)| *part).copied().collect()),
    }
}

/// Which codestream it is, by what it begins with: transfer syntaxes are mixed up too often. And its channels.
fn codestream(frame: &[u8], syntax: &Syntax) -> Result<(Codec, usize), Flaw> {
    // Where the standard's own name of a syntax is in the file, it is what is named.
    if let Some(name @ ("JPEG 2000 across components" | "JPEG XL")) = syntax.refused {
        return Err(syntax.refusal(name, ""));
    }
    if is_jpeg2000(frame) {
        if is_high_throughput(frame) {
            let named = syntax.uid.starts_with(HIGH_THROUGHPUT);
            let uid = if named {
                &*syntax.uid
            } else {
                HIGH_THROUGHPUT_ANY
            };
            return Err(Flaw::Refused {
                name: "high-throughput JPEG 2000",
                uid: uid.to_owned(),
            });
        }
        return Ok((Codec::Jpeg2000, jpeg2000::channels(frame)?));
    }
    let mut walk = markers::Walk::new(frame);
    while let Some(segment) = walk.next()? {
        let channels = segment.body.get(5).map_or(0, |&count| usize::from(count));
        let refused = |name, standard: &str| {
            let named = syntax.uid.starts_with(JPEG)
                && syntax.claim.is_some_and(Codec::has_markers)
                || syntax.refused == Some(ARITHMETIC);
            let uid = if named { &*syntax.uid } else { standard };
            Err(Flaw::Refused {
                name,
                uid: uid.to_owned(),
            })
        };
        return match (segment.marker, segment.body.first()) {
            (0xc0..=0xc2, Some(8)) => Ok((Codec::Dct, channels)),
            (0xc0..=0xc1, _) => refused(TWELVE, "1.2.840.10008.1.2.4.51"),
            (0xc2, _) => refused(TWELVE, "1.2.840.10008.1.2.4.55"),
            (0xc3, _) => Ok((Codec::Lossless, channels)),
            (0xf7, _) => Ok((Codec::JpegLs, channels)),
            (0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, _) => refused(ARITHMETIC, ""),
            (0xda, _) => break,
            _ => continue,
        };
    }
    Err(Flaw::Corrupt(CUT_SHORT))
}

const JPEG: &str = "1.2.840.10008.1.2.4.";
const HIGH_THROUGHPUT: &str = "1.2.840.10008.1.2.4.20";
const HIGH_THROUGHPUT_ANY: &str = "1.2.840.10008.1.2.4.203";
const ARITHMETIC: &str = "hierarchical or arithmetic-coded JPEG";
const TWELVE: &str = "JPEG with loss of 12 bits";
