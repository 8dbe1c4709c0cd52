//! What a DICOM file without pixels is.

use dicom_dictionary_std::tags;

use super::body::Body;
use super::elements::Elements;
use super::flaw::Flaw;
use super::syntax::UNKNOWN;

/// Classes of files without an image, and what is in them, in the order of what begins with what.
const CLASSES: [(&str, &str); 14] = [
    ("1.2.840.10008.5.1.4.1.1.104.1", "a PDF document"),
    ("1.2.840.10008.5.1.4.1.1.104.2", "a clinical document (CDA)"),
    ("1.2.840.10008.5.1.4.1.1.104.", "a model of a surface"),
    ("1.2.840.10008.5.1.4.1.1.88.", "a report"),
    (
        "1.2.840.10008.5.1.4.1.1.11.",
        "instructions to show another image",
    ),
    (
        "1.2.840.10008.5.1.4.1.1.9.",
        "a curve, such as an ECG or a sound",
    ),
    ("1.2.840.10008.5.1.4.1.1.481.", "a radiotherapy plan"),
    ("1.2.840.10008.5.1.4.1.1.66.5", "a surface"),
    ("1.2.840.10008.5.1.4.1.1.66", "raw or derived data"),
    ("1.2.840.10008.5.1.4.1.1.4.2", "a spectrum"),
    (
        "1.2.840.10008.5.1.4.38.",
        "instructions to arrange other images",
    ),
    ("1.2.840.10008.5.1.4.1.1.67", "values of the real world"),
    ("1.2.840.10008.5.1.4.1.1.200.", "results of a procedure"),
    ("1.2.840.10008.5.1.4.1.1.78.", "measurements of an eye"),
];

/// What a file without pixels is.
pub(super) fn no_image(elements: &Elements<'_>, body: &Body<'_>) -> Flaw {
    if elements.has(tags::FLOAT_PIXEL_DATA) || elements.has(tags::DOUBLE_FLOAT_PIXEL_DATA) {
        return Flaw::Unsupported("floating-point pixels");
    }
    let class = elements.text(tags::SOP_CLASS_UID).unwrap_or_default();
    let by_class = CLASSES.iter().find(|(uid, _)| class.starts_with(uid));
    let by_class = by_class.map(|&(_, found)| found);
    let kind = elements.text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT);
    let found = match elements.text(tags::MODALITY) {
        _ if elements.has(tags::DIRECTORY_RECORD_SEQUENCE) => Some("a directory of other files"),
        _ if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/pdf"))
            || elements
                .bytes(tags::ENCAPSULATED_DOCUMENT)
                .is_some_and(|document| document.starts_with(b"%PDF")) =>
        {
            Some("a PDF document")
        }
        _ if by_class.is_some() => by_class,
        _ if elements.has(tags::ENCAPSULATED_DOCUMENT) => Some("a document"),
        _ if elements.has(tags::WAVEFORM_SEQUENCE) => Some("a curve, such as an ECG or a sound"),
        Some("SR" | "KO" | "DOC") => Some("a report"),
        Some("PR") => Some("instructions to show another image"),
        Some("RTSTRUCT" | "RTPLAN" | "RTDOSE") => Some("a radiotherapy plan"),
        _ => None,
    };
    match (found, body.syntax.refused) {
        // The pixels are elsewhere, as the syntax says.
        (None, Some(name)) if name != UNKNOWN => body.syntax.refusal(name, ""),
        (found, _) => Flaw::NoImage {
            found: found.unwrap_or("something else"),
            // Only classes of the standard are named: what else may be there is not known.
            uid: match by_class {
                Some(_) => class.to_owned(),
                None => String::new(),
            },
        },
    }
}
