//! The elements of a DICOM file that are read, and where its pixels are.
//!
//! The readers of whole data sets of dicom-rs are not used: they keep every element, the patient's name among them, and know 5,000 elements and the world's character sets by
//! heart, which is more than half of what the page downloads in all. Here an element that is not in [`READ`] is stepped
//! over.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::element::{Element, Encoding, FILLING, ITEM, Reader, text, within};
use super::flaw::{DAMAGED, Flaw};
use super::goodwill::Walk;
use super::repairs::{Repair, Repairs};

/// Every element whose value is read. None of them is about the patient, the hospital or the time.
const READ: &[Tag] = &[
    // What is shown
    tags::SOP_CLASS_UID,
    tags::MODALITY,
    tags::PRESENTATION_INTENT_TYPE,
    tags::PATIENT_ORIENTATION,
    tags::BURNED_IN_ANNOTATION,
    tags::SHUTTER_SHAPE,
    tags::SHUTTER_LEFT_VERTICAL_EDGE,
    tags::SHUTTER_RIGHT_VERTICAL_EDGE,
    tags::SHUTTER_UPPER_HORIZONTAL_EDGE,
    tags::SHUTTER_LOWER_HORIZONTAL_EDGE,
    tags::COLLIMATOR_SHAPE,
    tags::COLLIMATOR_LEFT_VERTICAL_EDGE,
    tags::COLLIMATOR_RIGHT_VERTICAL_EDGE,
    tags::COLLIMATOR_UPPER_HORIZONTAL_EDGE,
    tags::COLLIMATOR_LOWER_HORIZONTAL_EDGE,
    tags::FRAME_DISPLAY_SHUTTER_SEQUENCE,
    tags::GRAPHIC_ANNOTATION_SEQUENCE,
    tags::PIXEL_ASPECT_RATIO,
    tags::NOMINAL_SCANNED_PIXEL_SPACING,
    tags::FRAME_ANATOMY_SEQUENCE,
    tags::FRAME_LATERALITY,
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
    tags::PRESENTATION_LUT_SHAPE,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::FRAME_VOILUT_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
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
    tags::ENCAPSULATED_DOCUMENT,
    tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT,
    tags::WAVEFORM_SEQUENCE,
    tags::EXTENDED_OFFSET_TABLE,
    tags::FLOAT_PIXEL_DATA,
    tags::DOUBLE_FLOAT_PIXEL_DATA,
    tags::PIXEL_DATA,
];

/// Whether the value of an element is read: one of the list, or a drawing over the image (60xx).
fn is_read(tag: Tag) -> bool {
    let overlay = matches!(tag, Tag(0x6000..=0x601f, OVERLAY_BIT | OVERLAY_DATA));
    overlay || READ.contains(&tag)
}

/// Which bit of the pixels a drawing is in; 0 for none.
const OVERLAY_BIT: u16 = 0x0102;
/// A drawing beside the pixels.
const OVERLAY_DATA: u16 = 0x3000;

/// Elements that were read, of a data set or an item of a sequence.
pub(super) struct Elements<'a> {
    elements: Vec<Element<'a>>,
    encoding: Encoding,
    /// Of the file, to which those of its items are added.
    repairs: &'a Repairs,
}

impl<'a> Elements<'a> {
    /// Reads up to the pixel data, behind which there is nothing that matters.
    pub(super) fn read(
        bytes: &'a [u8],
        encoding: Encoding,
        repairs: &'a Repairs,
    ) -> Result<Self, Flaw> {
        let mut dataset = Self {
            elements: Vec::new(),
            encoding,
            repairs,
        };
        let mut reader = Reader {
            bytes,
            at: 0,
            encoding,
        };
        while let Some(element) = reader.next()? {
            dataset.keep(element);
            if element.tag == tags::PIXEL_DATA {
                break;
            }
        }
        Ok(dataset)
    }

    /// The same, of elements that cannot be read as they are written.
    pub(super) fn read_with_goodwill(
        bytes: &'a [u8],
        encoding: Encoding,
        repairs: &'a Repairs,
    ) -> Self {
        let mut dataset = Self {
            elements: Vec::new(),
            encoding,
            repairs,
        };
        let big = encoding == Encoding::ExplicitBig;
        let explicit = encoding != Encoding::ImplicitLittle;
        let walk = Walk::new(bytes, big, explicit, repairs);
        walk.elements(0, false, |element| dataset.keep(element));
        dataset
    }

    /// Keeps an element that is read: each at most once, so that there is an end to them.
    fn keep(&mut self, element: Element<'a>) {
        if is_read(element.tag) && self.find(element.tag).is_none() {
            self.elements.push(element);
        }
    }

    pub(super) fn find(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    pub(super) fn has(&self, tag: Tag) -> bool {
        self.find(tag).is_some()
    }

    pub(super) fn note(&self, repair: Repair) {
        self.repairs.note(repair);
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
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

    /// Whether the first of the texts of a value is `expected`, in capitals or not.
    pub(super) fn says(&self, tag: Tag, expected: &str) -> bool {
        self.text(tag)
            .is_some_and(|text| text.eq_ignore_ascii_case(expected))
    }

    /// The decimal numbers of a value; `None` for each that is empty or none. A decimal comma is taken for a point.
    pub(super) fn numbers(&self, tag: Tag) -> impl Iterator<Item = Option<f64>> + use<'a> {
        let value = self
            .bytes(tag)
            .and_then(|value| std::str::from_utf8(value).ok());
        value
            .into_iter()
            .flat_map(|value| value.split('\\'))
            .map(|number| {
                let number = number.trim_matches(FILLING);
                let number = match number.contains('.') {
                    true => number.replace(',', ""),
                    false => number.replace(',', "."),
                };
                number
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
            })
    }

    /// The first decimal number of a value.
    pub(super) fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag).flatten().next()
    }

    /// The first two decimal numbers of a value.
    pub(super) fn pair(&self, tag: Tag) -> Option<[f64; 2]> {
        let mut numbers = self.numbers(tag);
        Some([numbers.next()??, numbers.next()??])
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
    pub(super) fn item(&self, tag: Tag) -> Option<Elements<'a>> {
        let sequence = self.find(tag)?;
        let mut reader = Reader {
            bytes: sequence.value,
            at: 0,
            encoding: within(sequence.vr, self.encoding),
        };
        let strict = match reader.next() {
            Ok(Some(item)) if item.tag == ITEM => {
                Elements::read(item.value, reader.encoding, self.repairs)
            }
            Ok(None) => return None,
            Ok(Some(_)) => Err(Flaw::Corrupt(DAMAGED)),
            Err(flaw) => Err(flaw),
        };
        Some(strict.unwrap_or_else(|_| {
            // The heads of its items are stepped over: of each value the first counts.
            Elements::read_with_goodwill(sequence.value, self.encoding, self.repairs)
        }))
    }

    /// What a functional group of the first frame says, or one that all frames share (PS3.3, C.7.6.16).
    pub(super) fn functional_group(&self, tag: Tag) -> Option<Elements<'a>> {
        [
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        ]
        .into_iter()
        .find_map(|groups| self.item(groups)?.item(tag))
    }

    /// Whether there is a drawing beside the pixels, and whether one is in their unused bits.
    pub(super) fn overlays(&self) -> (bool, bool) {
        let any = |number: u16| {
            self.elements.iter().any(|element| {
                element.tag.group() & 0xff00 == 0x6000
                    && element.tag.element() == number
                    && element.value.iter().any(|&byte| byte != 0)
            })
        };
        (any(OVERLAY_DATA), any(OVERLAY_BIT))
    }
}
