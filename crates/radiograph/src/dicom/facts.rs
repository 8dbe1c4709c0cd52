//! What a file says of its image.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use serde::Serialize;

use super::dataset::Dataset;
use super::greys::Window;
use super::pixels::Layout;
use crate::Caution;

/// What a DICOM file says of its image, beside the pixels.
///
/// The list is short on purpose: nothing here is about the patient, the hospital or the time, and no such element of a file is
/// ever read. Texts are codes of up to 16 letters, digits, spaces and `_-/`, in capitals; one that is not is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dicom {
    /// What made the image (0008,0060): `DX` and `CR` are radiography.
    pub modality: Option<String>,
    /// What it shows (0018,0015), or `CHEST` where only a code of the region (0008,2218) says so.
    pub body_part: Option<String>,
    /// From where (0018,5101), or what the code of the view (0054,0220) means: `PA`, `AP`, `LL`, `RL`.
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
}

/// Which side of the body was examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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

/// What the values of pixels stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Photometric {
    /// Greys, the least of which is white.
    Monochrome1,
    /// Greys, the least of which is black.
    Monochrome2,
    /// Places in a table of colours.
    #[serde(rename = "PALETTE COLOR")]
    PaletteColor,
    /// Red, green and blue.
    Rgb,
    /// Luminance and two colour differences.
    YbrFull,
    /// The same, with half as many colour differences in a row.
    #[serde(rename = "YBR_FULL_422")]
    YbrFull422,
    /// Red, green and blue, as JPEG 2000 transforms them with loss.
    YbrIct,
    /// Red, green and blue, as JPEG 2000 transforms them without loss.
    YbrRct,
}

/// Codes of views (PS3.16, CID 4010) in SNOMED CT and in SNOMED RT, and what is said here for them.
const VIEWS: [(&str, &str); 14] = [
    ("399348003", "AP"),
    ("R-10206", "AP"),
    ("272479007", "PA"),
    ("R-10214", "PA"),
    ("R-40888", "PA"),
    ("399033003", "FRONTAL"),
    ("R-10202", "FRONTAL"),
    ("399173006", "LL"),
    ("R-10236", "LL"),
    ("399198007", "RL"),
    ("R-10232", "RL"),
    ("399067008", "LATERAL"),
    ("R-102CD", "LATERAL"),
    ("399182000", "OBLIQUE"),
];

/// Codes of the chest and the lungs as a region.
const CHEST: [&str; 4] = ["51185008", "T-D3000", "39607008", "T-28000"];

impl Dicom {
    pub(super) fn read(dataset: &Dataset<'_>, layout: &Layout) -> Self {
        // What such a sequence says is only for the eye, so a damaged one says nothing.
        let code_in = |sequence: Tag| {
            let item = dataset.item(sequence).ok().flatten()?;
            item.text(tags::CODE_VALUE)
        };
        let laterality = [tags::IMAGE_LATERALITY, tags::LATERALITY]
            .into_iter()
            .find_map(|tag| dataset.text(tag));
        Self {
            modality: code(dataset, tags::MODALITY),
            body_part: code(dataset, tags::BODY_PART_EXAMINED).or_else(|| {
                let known = CHEST.contains(&code_in(tags::ANATOMIC_REGION_SEQUENCE)?);
                known.then(|| "CHEST".to_owned())
            }),
            view: code(dataset, tags::VIEW_POSITION).or_else(|| {
                let found = code_in(tags::VIEW_CODE_SEQUENCE)?;
                let (_, view) = VIEWS.iter().find(|(code, _)| *code == found)?;
                Some((*view).to_owned())
            }),
            laterality: match laterality {
                Some("R" | "r") => Some(Laterality::Right),
                Some("L" | "l") => Some(Laterality::Left),
                Some("B" | "b") => Some(Laterality::Both),
                Some("U" | "u") => Some(Laterality::Unpaired),
                _ => None,
            },
            photometric: layout.photometric,
            window: None,
            range: None,
            frames: layout.frames,
            pixel_spacing: [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING]
                .into_iter()
                .find_map(|tag| dataset.decimals::<2>(tag))
                .filter(|spacing| spacing.iter().all(|&side| side > 0.0)),
        }
    }

    /// Why the file itself says that it may not be what a classifier of frontal chest radiographs takes.
    pub(super) fn cautions(&self) -> Vec<Caution> {
        let mut cautions = Vec::new();
        if let Some(modality) = &self.modality
            && !RADIOGRAPHY.contains(&modality.as_str())
        {
            let modality = modality.clone();
            cautions.push(Caution::NotRadiography { modality });
        }
        if let Some(body_part) = &self.body_part
            && !THORAX.iter().any(|name| body_part.contains(name))
        {
            let body_part = body_part.clone();
            cautions.push(Caution::NotChest { body_part });
        }
        if let Some(view) = &self.view
            && SIDEWAYS
                .iter()
                .any(|name| *name == view || (name.len() > 3 && view.contains(name)))
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

/// Modalities that are radiography, or that do not say: `OT` is "other", and the rest is no standard but in use.
const RADIOGRAPHY: [&str; 7] = ["CR", "DX", "RG", "DR", "XR", "OT", "SC"];

/// What the chest is called, in part.
const THORAX: [&str; 5] = ["CHEST", "THOR", "LUNG", "TORAX", "CXR"];

/// Views that are not frontal: left and right lateral, obliques; the longer names in part.
const SIDEWAYS: [&str; 14] = [
    "LL", "RL", "LLD", "RLD", "LAT", "LLO", "LAO", "RAO", "LPO", "RPO", "LLAT", "RLAT", "LATERAL",
    "OBLIQUE",
];

/// A code of a file, if it is one: a text of this kind may hold anything, and is shown and kept.
fn code(dataset: &Dataset<'_>, tag: Tag) -> Option<String> {
    let text = dataset.text(tag)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '/');
    (text.len() <= 16 && text.chars().all(plain)).then(|| text.to_ascii_uppercase())
}
