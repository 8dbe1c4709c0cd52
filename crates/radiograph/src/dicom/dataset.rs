//! The elements of a DICOM file that are read, and where its pixels are.
//!
//! The headers of elements are decoded by dicom-rs, which knows the encodings. Its readers of whole data sets are not used:
//! they keep every element, the patient's name among them, and know 5,000 elements and the world's character sets by
//! heart, which is more than half of what the page downloads in all. Here an element that is not in [`READ`] is stepped
//! over.

use std::borrow::Cow;

use dicom_core::dictionary::stub::StubDataDictionary;
use dicom_core::header::{HasLength as _, Header as _};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::decode::Decode as _;
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::ImplicitVRLittleEndianDecoder;

use super::Flaw;
use crate::header::CUT_SHORT;

/// Every element whose value is read. None of them is about the patient, the hospital or the time.
const READ: [Tag; 43] = [
    // What is shown
    tags::MODALITY,
    tags::ANATOMIC_REGION_SEQUENCE,
    tags::CODE_VALUE,
    tags::BODY_PART_EXAMINED,
    tags::VIEW_POSITION,
    tags::VIEW_CODE_SEQUENCE,
    tags::LATERALITY,
    tags::IMAGE_LATERALITY,
    tags::IMAGER_PIXEL_SPACING,
    tags::PIXEL_SPACING,
    // How it is stored
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PLANAR_CONFIGURATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::PIXEL_PADDING_VALUE,
    tags::PIXEL_PADDING_RANGE_LIMIT,
    // What its values mean, and how they are to be shown
    tags::WINDOW_CENTER,
    tags::WINDOW_WIDTH,
    tags::VOILUT_FUNCTION,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::MODALITY_LUT_SEQUENCE,
    tags::VOILUT_SEQUENCE,
    tags::LUT_DESCRIPTOR,
    tags::LUT_DATA,
    tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    // Where its pixels are
    tags::DIRECTORY_RECORD_SEQUENCE,
    tags::EXTENDED_OFFSET_TABLE,
    tags::FLOAT_PIXEL_DATA,
    tags::DOUBLE_FLOAT_PIXEL_DATA,
    tags::PIXEL_DATA,
];

/// Sequences within sequences that are stepped into.
const MAX_DEPTH: usize = 32;

/// How the elements of a data set are written (PS3.5, annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// What a transfer syntax says: how elements are written, and how pixels are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Syntax {
    encoding: Encoding,
    deflated: bool,
    compression: Compression,
}

/// How pixels are compressed. Which JPEG it is, its own first bytes say more reliably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    RunLength,
    Codestream,
}

#[expect(deprecated, reason = "what is retired is in the archives")]
impl Syntax {
    /// # Errors
    /// [`Flaw::Unsupported`] names what cannot be read.
    fn of(uid: &str) -> Result<Self, Flaw> {
        let plain = |encoding| Self {
            encoding,
            deflated: false,
            compression: Compression::None,
        };
        let explicit = plain(Encoding::ExplicitLittle);
        Ok(match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => plain(Encoding::ImplicitLittle),
            uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN => explicit,
            uids::EXPLICIT_VR_BIG_ENDIAN => plain(Encoding::ExplicitBig),
            uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Self {
                deflated: true,
                ..explicit
            },
            uids::RLE_LOSSLESS => Self {
                compression: Compression::RunLength,
                ..explicit
            },
            uids::JPEG_BASELINE8_BIT
            | uids::JPEG_EXTENDED12_BIT
            | uids::JPEG_SPECTRAL_SELECTION_NON_HIERARCHICAL68
            | uids::JPEG_FULL_PROGRESSION_NON_HIERARCHICAL1012
            | uids::JPEG_LOSSLESS
            | uids::JPEG_LOSSLESS_SV1
            | uids::JPEGLS_LOSSLESS
            | uids::JPEGLS_NEAR_LOSSLESS
            | uids::JPEG2000_LOSSLESS
            | uids::JPEG2000 => Self {
                compression: Compression::Codestream,
                ..explicit
            },
            other => return Err(Flaw::Unsupported(unsupported(other))),
        })
    }
}

/// What a transfer syntax that is not read is called.
fn unsupported(uid: &str) -> &'static str {
    const JPEG: &str = "1.2.840.10008.1.2.4.";
    match uid {
        uids::JPEG2000MC | uids::JPEG2000MC_LOSSLESS => "JPEG 2000 across components",
        "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203" => {
            "high-throughput JPEG 2000"
        }
        uids::JPEGXL | uids::JPEGXL_LOSSLESS | uids::JPEGXLJPEG_RECOMPRESSION => "JPEG XL",
        uids::DEFLATED_IMAGE_FRAME_COMPRESSION => "deflated frames",
        _ => match uid
            .strip_prefix(JPEG)
            .and_then(|rest| rest.split('.').next())
        {
            Some("94" | "95" | "204" | "205") => "pixels kept on a server (JPIP)",
            Some("100" | "101") => "MPEG-2 video",
            Some("102" | "103" | "104" | "105" | "106") => "MPEG-4 video",
            Some("107" | "108") => "HEVC video",
            Some(_) => "hierarchical or arithmetic-coded JPEG",
            None => "an unknown transfer syntax",
        },
    }
}

/// The part of a file behind its meta information.
pub(super) struct Body<'a> {
    bytes: Cow<'a, [u8]>,
    encoding: Encoding,
    pub(super) compression: Compression,
}

impl Body<'_> {
    /// Bytes of memory that it takes beside the file.
    pub(super) fn memory(&self) -> u64 {
        match &self.bytes {
            Cow::Borrowed(_) => 0,
            Cow::Owned(bytes) => bytes.capacity() as u64,
        }
    }

    /// The elements that are read.
    pub(super) fn dataset(&self) -> Result<Dataset<'_>, Flaw> {
        Dataset::read(&self.bytes, self.encoding)
    }
}

/// Opens a file: with or without its preamble and its meta information. What is deflated may take `most` bytes.
pub(super) fn open(bytes: &[u8], most: usize) -> Result<Body<'_>, Flaw> {
    let start = if bytes.get(128..132) == Some(b"DICM".as_slice()) {
        132
    } else if bytes.starts_with(b"DICM") {
        4
    } else {
        0
    };
    let mut reader = Reader {
        bytes,
        at: start,
        encoding: Encoding::ExplicitLittle,
    };
    // The group of the meta information, little-endian in every file; its elements say how long they are.
    if bytes
        .get(start..)
        .is_some_and(|rest| rest.starts_with(&[2, 0]))
        && !written_explicitly(reader.rest())
    {
        reader.encoding = Encoding::ImplicitLittle;
    }
    let mut syntax = None;
    while reader.rest().starts_with(&[2, 0]) {
        let Some(element) = reader.next()? else { break };
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            syntax = Some(Syntax::of(text(element.value).unwrap_or_default())?);
        }
    }
    let rest = reader.rest();
    if let Some(Syntax {
        deflated: true,
        compression,
        encoding,
    }) = syntax
    {
        let inflated = miniz_oxide::inflate::decompress_to_vec_with_limit(rest, most);
        let inflated = inflated.map_err(|error| match error.status {
            miniz_oxide::inflate::TINFLStatus::HasMoreOutput => Flaw::TooLarge,
            _ => Flaw::Corrupt(CUT_SHORT),
        })?;
        return Ok(Body {
            bytes: Cow::Owned(inflated),
            encoding,
            compression,
        });
    }
    // What the elements look like counts: they are not always written as the meta information says.
    let encoding = if !written_explicitly(rest) {
        Encoding::ImplicitLittle
    } else {
        match rest {
            // Groups are small numbers.
            [0, low, ..] if *low != 0 => Encoding::ExplicitBig,
            _ => Encoding::ExplicitLittle,
        }
    };
    Ok(Body {
        bytes: Cow::Borrowed(rest),
        encoding,
        compression: syntax.map_or(Compression::Codestream, |syntax| syntax.compression),
    })
}

/// Whether the element that `bytes` begin with names its kind of value.
fn written_explicitly(bytes: &[u8]) -> bool {
    let kind = bytes.get(4..6).and_then(|kind| kind.first_chunk::<2>());
    kind.is_some_and(|kind| VR::from_binary(*kind).is_some())
}

/// An element of a data set.
#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    tag: Tag,
    vr: VR,
    /// Without the item that ends it, where its length was not given.
    value: &'a [u8],
    /// Whether its length was not given.
    open: bool,
}

/// Goes from one element to the next.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next element, or `None` at the end.
    ///
    /// Pixel data whose length is not given has everything behind it as its value.
    fn next(&mut self) -> Result<Option<Element<'a>>, Flaw> {
        if self.rest().is_empty() {
            return Ok(None);
        }
        let (tag, vr, length, header_bytes) = header(self.rest(), self.encoding)?;
        self.at += header_bytes;
        let Some(length) = length else {
            if tag == tags::PIXEL_DATA {
                let value = self.rest();
                self.at = self.bytes.len();
                return Ok(Some(Element {
                    tag,
                    vr,
                    value,
                    open: true,
                }));
            }
            let (end, next) = self.close(within(vr, self.encoding))?;
            let value = &self.bytes[self.at..end];
            self.at = next;
            return Ok(Some(Element {
                tag,
                vr,
                value,
                open: true,
            }));
        };
        let value = self.rest().get(..length).ok_or(Flaw::Corrupt(CUT_SHORT))?;
        self.at += length;
        Ok(Some(Element {
            tag,
            vr,
            value,
            open: false,
        }))
    }

    /// Returns where the sequence or item that has been opened ends, and where the next element is.
    fn close(&self, encoding: Encoding) -> Result<(usize, usize), Flaw> {
        let mut open = vec![encoding];
        let mut at = self.at;
        while let Some(&encoding) = open.last() {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (tag, vr, length, header_bytes) = header(rest, encoding)?;
            let start = at;
            at += header_bytes;
            match (tag, length) {
                (ITEM_END | SEQUENCE_END, _) => {
                    open.pop();
                    if open.is_empty() {
                        return Ok((start, at));
                    }
                }
                (_, Some(length)) => {
                    at = at
                        .checked_add(length)
                        .filter(|&at| at <= self.bytes.len())
                        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
                }
                (_, None) if open.len() < MAX_DEPTH => open.push(within(vr, encoding)),
                (_, None) => return Err(Flaw::Corrupt("its sequences are nested too deeply")),
            }
        }
        Err(Flaw::Corrupt(CUT_SHORT))
    }
}

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

/// How what is within an element is written: what does not name its kind was copied from where kinds are not named (PS3.5, 6.2.2).
fn within(vr: VR, encoding: Encoding) -> Encoding {
    if vr == VR::UN && encoding == Encoding::ExplicitLittle {
        Encoding::ImplicitLittle
    } else {
        encoding
    }
}

/// Returns tag, kind, length and the bytes of the header that `bytes` begin with; no length where it is not given.
fn header(mut bytes: &[u8], encoding: Encoding) -> Result<(Tag, VR, Option<usize>, usize), Flaw> {
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

/// Elements that were read, of a data set or an item of a sequence.
pub(super) struct Dataset<'a> {
    elements: Vec<Element<'a>>,
    encoding: Encoding,
}

impl<'a> Dataset<'a> {
    /// Reads up to the pixel data, behind which there is nothing that matters.
    fn read(bytes: &'a [u8], encoding: Encoding) -> Result<Self, Flaw> {
        let mut reader = Reader {
            bytes,
            at: 0,
            encoding,
        };
        let mut elements: Vec<Element<'a>> = Vec::new();
        while let Some(element) = reader.next()? {
            // Each at most once, so that there is an end to them.
            if READ.contains(&element.tag) && !elements.iter().any(|known| known.tag == element.tag)
            {
                elements.push(element);
            }
            if element.tag == tags::PIXEL_DATA {
                break;
            }
        }
        Ok(Self { elements, encoding })
    }

    fn find(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.find(tag).is_some()
    }

    /// The bytes of a value that is there and not empty.
    pub(super) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        self.find(tag)
            .map(|element| element.value)
            .filter(|value| !value.is_empty())
    }

    /// The kind of value, where it is named.
    pub(super) fn kind(&self, tag: Tag) -> Option<VR> {
        self.find(tag).map(|element| element.vr)
    }

    /// The first of the texts of a value, without what fills it up.
    pub(super) fn text(&self, tag: Tag) -> Option<&'a str> {
        text(self.bytes(tag)?)
    }

    /// The first of the decimal numbers of a value, or up to the first two.
    pub(super) fn decimals<const COUNT: usize>(&self, tag: Tag) -> Option<[f64; COUNT]> {
        let value = std::str::from_utf8(self.bytes(tag)?).ok()?;
        let mut numbers = value
            .split('\\')
            .map(|number| number.trim_matches(FILLING).parse::<f64>());
        let mut found = [0.0; COUNT];
        for place in &mut found {
            *place = numbers.next()?.ok().filter(|number| number.is_finite())?;
        }
        Some(found)
    }

    /// The first 16-bit number of a value.
    pub(super) fn short(&self, tag: Tag) -> Option<u16> {
        self.shorts(tag)?.next()
    }

    /// The 16-bit numbers of a value.
    pub(super) fn shorts(&self, tag: Tag) -> Option<impl Iterator<Item = u16> + use<'a>> {
        Some(self.words(self.bytes(tag)?))
    }

    /// The 16-bit numbers in `bytes`, in the byte order of the file.
    pub(super) fn words<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = u16> + use<'b> {
        let big = self.is_big_endian();
        let (words, _) = bytes.as_chunks::<2>();
        words.iter().map(move |&word| {
            if big {
                u16::from_be_bytes(word)
            } else {
                u16::from_le_bytes(word)
            }
        })
    }

    pub(super) fn is_big_endian(&self) -> bool {
        self.encoding == Encoding::ExplicitBig
    }

    /// The first item of a sequence.
    pub(super) fn item(&self, tag: Tag) -> Result<Option<Dataset<'a>>, Flaw> {
        let Some(sequence) = self.find(tag) else {
            return Ok(None);
        };
        let mut reader = Reader {
            bytes: sequence.value,
            at: 0,
            encoding: within(sequence.vr, self.encoding),
        };
        match reader.next()? {
            Some(item) if item.tag == ITEM => Dataset::read(item.value, reader.encoding).map(Some),
            _ => Ok(None),
        }
    }

    /// The pixels of the first of `frames`: as they are, or their compressed stream.
    pub(super) fn first_frame(
        &self,
        frames: u32,
        compression: Compression,
    ) -> Result<(Cow<'a, [u8]>, Cover), Flaw> {
        let element = self
            .find(tags::PIXEL_DATA)
            .ok_or(Flaw::Corrupt(CUT_SHORT))?;
        if !element.open {
            return Ok((Cow::Borrowed(element.value), Cover::Plain));
        }
        let mut reader = Reader {
            bytes: element.value,
            at: 0,
            encoding: self.encoding,
        };
        let offsets = match reader.next()? {
            Some(item) if item.tag == ITEM => item.value,
            _ => return Err(Flaw::Corrupt(CUT_SHORT)),
        };
        // Where the second frame begins, counted from behind the table.
        let second = offsets
            .as_chunks::<4>()
            .0
            .get(1)
            .map(|&offset| u32::from_le_bytes(offset) as usize);
        let start = reader.at;
        let mut fragments: Vec<&'a [u8]> = Vec::new();
        while let Some(fragment) = reader.next()? {
            if fragment.tag != ITEM {
                break;
            }
            fragments.push(fragment.value);
            let ends = match second {
                // Run lengths have a fragment for each frame.
                _ if compression == Compression::RunLength => true,
                _ if frames <= 1 => false,
                Some(second) => reader.at - start >= second,
                // A stream ends with its last marker, and perhaps a byte to make it even.
                None => {
                    let tail = fragment.value.len().saturating_sub(4);
                    fragment.value[tail..]
                        .windows(2)
                        .any(|pair| pair == [0xff, 0xd9])
                }
            };
            if ends {
                break;
            }
        }
        let frame = match fragments[..] {
            [] => return Err(Flaw::Corrupt(CUT_SHORT)),
            [only] => Cow::Borrowed(only),
            _ => Cow::Owned(fragments.concat()),
        };
        Ok((frame, Cover::Encapsulated))
    }
}

/// Whether pixels are the value itself, or in the fragments of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    Plain,
    Encapsulated,
}

/// What text may be filled up with.
const FILLING: [char; 3] = [' ', '\0', '\t'];

/// The first of the texts in `value`, if it is ASCII and not empty.
fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.is_ascii())?;
    let first = text.split('\\').next()?.trim_matches(FILLING);
    (!first.is_empty()).then_some(first)
}
