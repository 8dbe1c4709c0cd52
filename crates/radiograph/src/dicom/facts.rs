//! What a file says of its image.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};

use super::elements::Elements;
use super::layout::{Layout, Photometric};
use super::subject;
use super::window::Window;
use crate::Caution;

/// What a DICOM file says of its image, beside the pixels.
///
/// The list is short on purpose: nothing here is about the patient, the hospital or the time, and no such element of a file is
/// ever read. Texts are codes of up to 16 letters, digits, spaces and `_-/`, in capitals; one that is not is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dicom {
    /// What made the image (0008,0060), or what the class of the file (0008,0016) is of: `DX` and `CR` are radiography.
    pub modality: Option<String>,
    /// What it shows (0018,0015), or what the code of the region (0008,2218) means.
    pub body_part: Option<String>,
    /// From where (0018,5101), or what the code of the view (0054,0220) means: `PA`, `AP`, `LL`, `RL`. Where one of them is not
    /// frontal it is that one. A file that says neither may say so with the part of the body, or by the directions of its rows
    /// (0020,0020): then it is `LATERAL` or `OBLIQUE`.
    pub view: Option<String>,
    /// Which side of the body was examined (0020,0062 or 0020,0060).
    pub laterality: Option<Laterality>,
    /// What the values of pixels stand for (0028,0004).
    pub photometric: Photometric,
    /// The window that made brightness of the values; `None` for colour.
    pub window: Option<Window>,
    /// The least and the greatest value of a pixel, in the unit that windows are in; `None` for colour.
    pub range: Option<[f64; 2]>,
    /// Number of frames in the file (0028,0008); the first was read.
    pub frames: u32,
    /// Millimetres from one row to the next and from one column to the next, in the patient (0028,0030) or at the
    /// detector (0018,1164).
    pub pixel_spacing: Option<[f64; 2]>,
    /// How high a pixel is for its width.
    #[serde(skip)]
    pub(crate) pixel_aspect: f64,
}

/// Which side of the body was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Laterality {
    /// The right.
    Right,
    /// The left.
    Left,
    /// Both together.
    Both,
    /// There are no two of it.
    Unpaired,
}

impl Dicom {
    pub(super) fn from_elements(elements: &Elements<'_>, layout: &Layout) -> Self {
        let anatomy = elements.functional_group(tags::FRAME_ANATOMY_SEQUENCE);
        let laterality = [tags::IMAGE_LATERALITY, tags::LATERALITY]
            .into_iter()
            .find_map(|tag| elements.text(tag))
            .or_else(|| anatomy.as_ref()?.text(tags::FRAME_LATERALITY));
        Self {
            modality: subject::modality(elements),
            body_part: subject::body_part(elements, anatomy.as_ref()),
            view: subject::view(elements),
            laterality: match laterality {
                Some("R" | "r") => Some(Laterality::Right),
                Some("L" | "l") => Some(Laterality::Left),
                Some("B" | "b") => Some(Laterality::Both),
                Some("U" | "u") => Some(Laterality::Unpaired),
                _ => None,
            },
            photometric: layout.photometric,
            pixel_aspect: pixel_aspect(elements),
            window: None,
            range: None,
            frames: layout.frames,
            pixel_spacing: [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING]
                .into_iter()
                .find_map(|tag| elements.pair(tag))
                .or_else(|| {
                    let measures = elements.functional_group(tags::PIXEL_MEASURES_SEQUENCE)?;
                    measures.pair(tags::PIXEL_SPACING)
                })
                .filter(|spacing| spacing.iter().all(|&side| side > 0.0)),
        }
    }

    /// Why the file itself says that it may not be what a classifier of frontal chest radiographs takes.
    pub(super) fn cautions(&self) -> Vec<Caution> {
        let mut cautions = Vec::new();
        if let Some(modality) = &self.modality
            && !subject::is_radiography(modality)
        {
            let modality = modality.clone();
            cautions.push(Caution::NotRadiography { modality });
        }
        if let Some(body_part) = &self.body_part
            && !subject::is_chest(body_part)
        {
            let body_part = body_part.clone();
            cautions.push(Caution::NotChest { body_part });
        }
        if let Some(view) = &self.view
            && subject::sideways(view).is_some()
        {
            let view = view.clone();
            cautions.push(Caution::NotFrontal { view });
        }
        if self.frames > 1 {
            let frames = self.frames;
            cautions.push(Caution::FirstFrame { frames });
        }
        cautions
    }
}

/// What the file says of how its image is to be shown that is not done here.
pub(super) fn cautions_of_display(elements: &Elements<'_>, layout: &Layout) -> Vec<Caution> {
    let mut cautions = Vec::new();
    let class = elements.text(tags::SOP_CLASS_UID).unwrap_or_default();
    if elements.says(tags::PRESENTATION_INTENT_TYPE, "FOR PROCESSING") || RAW.contains(&class) {
        cautions.push(Caution::ForProcessing);
    }
    if let Some((mirrored, degrees)) = orientation(elements) {
        if mirrored {
            cautions.push(Caution::Mirrored);
        }
        if degrees > 0 {
            cautions.push(Caution::Turned { degrees });
        }
    }
    let shutter = [
        tags::SHUTTER_SHAPE,
        tags::SHUTTER_LEFT_VERTICAL_EDGE,
        tags::SHUTTER_RIGHT_VERTICAL_EDGE,
        tags::SHUTTER_UPPER_HORIZONTAL_EDGE,
        tags::SHUTTER_LOWER_HORIZONTAL_EDGE,
    ];
    let of_frame = elements.functional_group(tags::FRAME_DISPLAY_SHUTTER_SEQUENCE);
    if std::iter::once(elements)
        .chain(&of_frame)
        .any(|elements| cuts(elements, layout, shutter))
    {
        cautions.push(Caution::Shutter);
    }
    let collimator = [
        tags::COLLIMATOR_SHAPE,
        tags::COLLIMATOR_LEFT_VERTICAL_EDGE,
        tags::COLLIMATOR_RIGHT_VERTICAL_EDGE,
        tags::COLLIMATOR_UPPER_HORIZONTAL_EDGE,
        tags::COLLIMATOR_LOWER_HORIZONTAL_EDGE,
    ];
    if cuts(elements, layout, collimator) {
        cautions.push(Caution::Collimator);
    }
    let (beside, within) = elements.overlays();
    if beside || within || elements.item(tags::GRAPHIC_ANNOTATION_SEQUENCE).is_some() {
        cautions.push(Caution::Overlay);
    }
    if elements.says(tags::BURNED_IN_ANNOTATION, "YES") {
        cautions.push(Caution::BurnedInAnnotation);
    }
    if pixel_aspect(elements) != 1.0 {
        cautions.push(Caution::PixelsNotSquare);
    }
    cautions
}

/// Classes of images that are not for presentation.
const RAW: [&str; 3] = [
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1.3.1",
];

/// How much higher or lower than wide a pixel is that counts as square: less than the eye sees.
const SQUARE: f64 = 0.02;

/// How high a pixel is for its width, 1 where nothing is said.
fn pixel_aspect(elements: &Elements<'_>) -> f64 {
    [
        tags::PIXEL_ASPECT_RATIO,
        tags::PIXEL_SPACING,
        tags::IMAGER_PIXEL_SPACING,
        tags::NOMINAL_SCANNED_PIXEL_SPACING,
    ]
    .into_iter()
    .filter_map(|tag| elements.pair(tag))
    .chain(
        elements
            .functional_group(tags::PIXEL_MEASURES_SEQUENCE)
            .and_then(|measures| measures.pair(tags::PIXEL_SPACING)),
    )
    .map(|[height, width]| height / width)
    // More is a mistake, and so little is nothing that is seen.
    .find(|ratio| (0.25..=4.0).contains(ratio))
    .filter(|ratio| (ratio - 1.0).abs() > SQUARE)
    .unwrap_or(1.0)
}

/// Whether the image is mirrored, and by how many degrees it is turned then, where the directions of its rows and columns are those
/// of a frontal view (PS3.3, C.7.6.1.1.1).
fn orientation(elements: &Elements<'_>) -> Option<(bool, u16)> {
    let mut directions = std::str::from_utf8(elements.bytes(tags::PATIENT_ORIENTATION)?)
        .ok()?
        .split('\\')
        .map(|direction| match direction.trim().bytes().next() {
            // To the patient's left, as usual, and to the feet, with which a column goes down.
            Some(b'L' | b'l') => Some((1, 0)),
            Some(b'R' | b'r') => Some((-1, 0)),
            Some(b'F' | b'f') => Some((0, 1)),
            Some(b'H' | b'h') => Some((0, -1)),
            _ => None,
        });
    let (row, column) = (directions.next()??, directions.next()??);
    let turn = row.0 * column.1 - row.1 * column.0;
    // Where the row would go if it were not mirrored.
    let upright = row.0 * turn;
    match (turn, upright) {
        (0, _) => None,
        (turn, 1) => Some((turn < 0, 0)),
        (turn, -1) => Some((turn < 0, 180)),
        (turn, _) => Some((turn < 0, 90)),
    }
}

/// Whether what has a shape and four edges leaves part of the image out.
fn cuts(elements: &Elements<'_>, layout: &Layout, [shape, edges @ ..]: [Tag; 5]) -> bool {
    let shapes = elements.bytes(shape).unwrap_or_default();
    let shapes = String::from_utf8_lossy(shapes).to_ascii_uppercase();
    let [left, right, upper, lower] = edges.map(|tag| elements.number(tag));
    let some = [left, right, upper, lower].iter().any(Option::is_some);
    // Edges are rows and columns, counted from 1, and are no part of what is left.
    let all = left.is_some_and(|edge| edge <= 1.0)
        && upper.is_some_and(|edge| edge <= 1.0)
        && right.is_some_and(|edge| edge >= f64::from(layout.columns))
        && lower.is_some_and(|edge| edge >= f64::from(layout.rows));
    match shapes.trim_matches([' ', '\0']) {
        // Edges without a shape are those of a rectangle.
        "" => some && !all,
        "RECTANGULAR" => !all,
        _ => true,
    }
}
