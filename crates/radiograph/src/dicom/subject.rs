//! What made an image, of which part of the body, and from where: in the file's own words, which may be anything, or in its codes.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::elements::Elements;

/// What made the image: what the file says, or else what its class is of.
pub(super) fn modality(elements: &Elements<'_>) -> Option<String> {
    code(elements, tags::MODALITY).or_else(|| {
        let kind = elements
            .text(tags::SOP_CLASS_UID)?
            .strip_prefix(IMAGE_STORAGE)?;
        let of = |class: &str| kind.strip_prefix(class).is_some_and(ends);
        let (_, modality) = CLASSES.iter().find(|(class, _)| of(class))?;
        Some((*modality).to_owned())
    })
}

/// Whether there is nothing more in a number of a class than a version of it.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

/// Whether a modality is radiography, or does not say.
pub(super) fn is_radiography(modality: &str) -> bool {
    RADIOGRAPHY.contains(&modality)
}

/// Which part of the body it shows.
pub(super) fn body_part(elements: &Elements<'_>, anatomy: Option<&Elements<'_>>) -> Option<String> {
    code(elements, tags::BODY_PART_EXAMINED)
        .or_else(|| Some(known_part(&words(elements, tags::BODY_PART_EXAMINED))?.to_owned()))
        .or_else(|| {
            let region = tags::ANATOMIC_REGION_SEQUENCE;
            let found = code_in(elements, region).or_else(|| code_in(anatomy?, region))?;
            meaning(&REGIONS, found)
        })
}

/// Whether the chest is in a part of the body.
pub(super) fn is_chest(part: &str) -> bool {
    THORAX.iter().any(|name| part.contains(name)) && !SPINE.iter().any(|name| part.contains(name))
}

/// The part of the body that words name that are no code; nothing else of them is kept.
fn known_part(words: &[String]) -> Option<&'static str> {
    if words.iter().any(|word| is_chest(word)) {
        return Some("CHEST");
    }
    let of = |part: &str| words.iter().any(|word| word == part);
    PARTS.into_iter().find(|part| of(part))
}

/// From where it was taken. What is not frontal comes before what is: a file that contradicts itself is to be doubted.
pub(super) fn view(elements: &Elements<'_>) -> Option<String> {
    let position = code(elements, tags::VIEW_POSITION).or_else(|| {
        let words = words(elements, tags::VIEW_POSITION);
        Some(sideways_in(words.iter().map(String::as_str))?.to_owned())
    });
    let coded =
        code_in(elements, tags::VIEW_CODE_SEQUENCE).and_then(|found| meaning(&VIEWS, found));
    let is_sideways = |view: &&String| sideways(view).is_some();
    let said = [&position, &coded];
    said.into_iter()
        .flatten()
        .find(is_sideways)
        .or(position.as_ref())
        .or(coded.as_ref())
        .cloned()
        .or_else(|| {
            // Some write it where the part of the body belongs.
            let part = words(elements, tags::BODY_PART_EXAMINED);
            let named = sideways_in(part.iter().map(String::as_str));
            let view = named.or_else(|| is_from_the_side(elements).then_some("LATERAL"))?;
            Some(view.to_owned())
        })
}

/// What a view is that is not frontal: `LATERAL` or `OBLIQUE`; `None` for one that is, or says nothing of it.
pub(super) fn sideways(view: &str) -> Option<&'static str> {
    sideways_in(view.split(|c: char| !c.is_alphanumeric()))
}

fn sideways_in<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    words.find_map(|word| {
        // Of both sides is not from a side.
        let lateral = word.contains("LATERAL") && !word.contains("BILATERAL");
        if lateral || LATERAL.contains(&word) || SIDE.iter().any(|side| word.starts_with(side)) {
            Some("LATERAL")
        } else if word.contains("OBLIQ") || OBLIQUE.contains(&word) {
            Some("OBLIQUE")
        } else {
            None
        }
    })
}

/// Whether the rows or the columns of the image go to the front or to the back of the patient, and the others along the body.
fn is_from_the_side(elements: &Elements<'_>) -> bool {
    let Some(directions) = elements.bytes(tags::PATIENT_ORIENTATION) else {
        return false;
    };
    let mut first = directions.split(|&byte| byte == b'\\').map(|direction| {
        let direction = direction.trim_ascii().first()?;
        Some(direction.to_ascii_uppercase())
    });
    let (row, column) = (first.next().flatten(), first.next().flatten());
    let across = |side| matches!(side, Some(b'A' | b'P'));
    let along = |side| matches!(side, Some(b'H' | b'F'));
    (across(row) && along(column)) || (along(row) && across(column))
}

/// A code of a file, if it is one: a text of this kind may hold anything, and is shown and kept.
fn code(elements: &Elements<'_>, tag: Tag) -> Option<String> {
    let text = elements.text(tag)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '/');
    (text.len() <= 16 && text.chars().all(plain)).then(|| text.to_ascii_uppercase())
}

/// The words of a text, in capitals, as far as such a text may be long. None of them is shown or kept.
fn words(elements: &Elements<'_>, tag: Tag) -> Vec<String> {
    let bytes = elements.bytes(tag).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)).to_uppercase();
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The code in a sequence. What it says is only for the eye, so a damaged one says nothing.
fn code_in<'a>(elements: &Elements<'a>, sequence: Tag) -> Option<&'a str> {
    elements.item(sequence)?.text(tags::CODE_VALUE)
}

/// What is said here for a code.
fn meaning(codes: &[(&str, &[&str])], found: &str) -> Option<String> {
    let (meaning, _) = codes.iter().find(|(_, codes)| codes.contains(&found))?;
    Some((*meaning).to_owned())
}

/// The longest text whose words are looked at, in bytes.
const LONGEST: usize = 64;

/// What the numbers of classes of images begin with.
const IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";

/// Classes of images, and what makes them (PS3.4, B.5).
const CLASSES: [(&str, &str); 13] = [
    ("1.1", "DX"),
    ("1.2", "MG"),
    ("1.3", "IO"),
    ("2", "CT"),
    ("3", "US"),
    ("4", "MR"),
    ("5", "NM"),
    ("6", "US"),
    ("12.1", "XA"),
    ("12.2", "RF"),
    ("13.1.3", "MG"),
    ("20", "NM"),
    ("128", "PT"),
];

/// Modalities that are radiography, or that do not say: `OT` is "other", and the rest is no standard but in use.
const RADIOGRAPHY: [&str; 7] = ["CR", "DX", "RG", "DR", "XR", "OT", "SC"];

/// What the chest is called, in part.
const THORAX: [&str; 6] = ["CHEST", "THOR", "LUNG", "PULM", "TORAX", "CXR"];

/// What the spine is called, in part, also that of the chest.
const SPINE: [&str; 3] = ["SPIN", "LUMB", "VERTEB"];

/// Parts of the body that are not the chest.
const PARTS: [&str; 18] = [
    "ABDOMEN", "HEAD", "SKULL", "NECK", "SPINE", "PELVIS", "HIP", "LEG", "KNEE", "ANKLE", "FOOT",
    "SHOULDER", "ARM", "ELBOW", "WRIST", "HAND", "FINGER", "BREAST",
];

/// Views from the side, and with the patient lying on a side.
const LATERAL: [&str; 9] = [
    "LL", "RL", "LAT", "LLAT", "RLAT", "LATL", "LATR", "LLD", "RLD",
];

/// What words for a view from the side begin with, also in other languages; and for a patient who lies.
const SIDE: [&str; 7] = [
    "SAGIT", "PROFIL", "PERFIL", "SEITL", "LATERO", "LATÉR", "DECUB",
];

/// Views from between the front and the side.
const OBLIQUE: [&str; 9] = [
    "LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "OBL", "LOBL", "ROBL",
];

/// Codes of views (PS3.16, CID 4010) in SNOMED CT and in SNOMED RT, also former ones, and what is said here for them.
const VIEWS: [(&str, &[&str]); 7] = [
    ("AP", &["399348003", "R-10206"]),
    ("PA", &["272479007", "R-10214", "R-40888"]),
    ("FRONTAL", &["399033003", "R-10202"]),
    ("LL", &["399173006", "R-10236"]),
    ("RL", &["399198007", "R-10232"]),
    (
        "LATERAL",
        &[
            "399067008",
            "R-102CD",
            // Sagittal, and from one side to the other
            "30730003",
            "G-A145",
            "R-10222",
            "399260004",
            "R-10224",
            "399352003",
            "R-10228",
        ],
    ),
    (
        "OBLIQUE",
        &[
            "399182000",
            "R-102C1",
            // Frontal, from the front, from the back
            "399160007",
            "R-10204",
            "399312000",
            "R-10208",
            "399059000",
            "R-10216",
            // Posterior and anterior, of the right and the left
            "399038007",
            "R-10210",
            "399006002",
            "R-10212",
            "399356000",
            "R-40985",
            "R-10218",
            "399135007",
            "R-10220",
            // Right and left
            "399236003",
            "R-10234",
            "399184004",
            "R-10238",
            // Lateral and medial
            "260427002",
            "R-40783",
            "260426006",
            "R-40782",
            "399099002",
            "R-10230",
            "399368009",
            "R-10226",
        ],
    ),
];

/// Codes of regions (PS3.16, CID 4031) in SNOMED CT and in SNOMED RT, also former ones, and what is said here for them.
const REGIONS: [(&str, &[&str]); 18] = [
    (
        "CHEST",
        &[
            "816094009",
            "51185008",
            "T-D3000",
            // The lungs
            "39607008",
            "T-28000",
            // With the neck, the abdomen, the pelvis
            "416550000",
            "R-FAB55",
            "416775004",
            "R-FAB56",
            "417437006",
            "R-FAB52",
            "416152001",
            "R-FAB53",
            "416319003",
            "R-FAB54",
        ],
    ),
    (
        "ABDOMEN",
        &["818981001", "818982008", "113345001", "T-D4000"],
    ),
    ("HEAD", &["69536005", "T-D1100", "774007", "T-D1000"]),
    ("SKULL", &["89546000", "T-11100"]),
    ("NECK", &["45048000", "T-D1600"]),
    (
        "SPINE",
        &[
            "421060004",
            "T-D04FF",
            "122494005",
            "T-11501",
            "122495006",
            "T-11502",
            "122496007",
            "T-11503",
        ],
    ),
    ("PELVIS", &["816092008", "12921003", "T-D6000"]),
    ("HIP", &["29836001", "T-D2500", "24136001", "T-15710"]),
    (
        "LEG",
        &[
            "61685007", "T-D9000", "30021000", "T-D9400", "71341001", "T-12710",
        ],
    ),
    ("KNEE", &["72696002", "T-D9200"]),
    ("ANKLE", &["70258002", "T-15750"]),
    ("FOOT", &["56459004", "T-D9700"]),
    ("SHOULDER", &["16982005", "T-D2220"]),
    ("ARM", &["85050009", "T-12410", "14975008", "T-D8500"]),
    ("ELBOW", &["16953009", "T-15430"]),
    ("WRIST", &["74670003", "T-15460"]),
    ("HAND", &["85562004", "T-D8700", "7569003", "T-D8800"]),
    ("BREAST", &["76752008", "T-04000"]),
];
