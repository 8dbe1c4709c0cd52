//! DICOM, as hospitals have it: the first frame of a file, what the file says of it, and nothing of the patient.

mod bits;
mod dataset;
mod facts;
mod flaw;
mod frame;
mod goodwill;
mod greys;
mod jpeg2000;
mod jpeg_ls;
mod layout;
mod lossless;
mod markers;
mod open;
mod pixels;
mod repairs;
mod rle;
mod syntax;
mod table;

use dicom_dictionary_std::tags;

pub use facts::{Dicom, Laterality, Photometric};
use flaw::Flaw;
pub(crate) use greys::Greys;
pub use greys::{Shape, Window, WindowOrigin};
pub(crate) use open::is_within;

use crate::decode::{self, Pixels};
use crate::{Caution, DecodeError, Format, Limits, Radiograph, Source, luma};
use dataset::Dataset;
use layout::{Colour, Layout};
use open::Body;
use repairs::Repairs;

/// Returns the radiograph in a DICOM file.
#[inline(never)]
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    read_file(bytes, limits).map_err(|flaw| flaw.into_error(limits))
}

fn read_file(bytes: &[u8], limits: &Limits) -> Result<Radiograph, Flaw> {
    let most = limits.max_bytes.min(limits.max_decoded_bytes / 2);
    let repairs = Repairs::default();
    let body = open::open(bytes, usize::try_from(most).unwrap_or(usize::MAX), &repairs)?;
    let dataset = body.dataset(&repairs)?;
    if !dataset.has(tags::PIXEL_DATA) {
        return Err(no_image(&dataset, &body));
    }
    let mut layout = Layout::read(&dataset)?;
    decode::check_dimensions(layout.columns, layout.rows, limits)?;
    let cells = pixels::read(&dataset, &mut layout, &body, limits)?;
    let mut dicom = Dicom::read(&dataset, &layout);
    let mut cautions = dicom.cautions();
    cautions.extend(facts::cautions_of_display(&dataset, &layout));
    let radiograph = match layout.colour {
        Colour::Grey { .. } => {
            let greys = Greys::read(&dataset, &layout, cells)?;
            let window = greys.default_window(&dataset)?;
            dicom.range = Some(greys.range());
            dicom.window = Some(window.window);
            let luma = greys.luma(&window.table, limits)?;
            Radiograph {
                width: layout.columns,
                height: layout.rows,
                luma,
                source: Source {
                    format: Format::Dicom,
                    bits: layout.stored,
                    false_colour: false,
                    orientation: 1,
                },
                greys: Some(Box::new(greys)),
                dicom: None,
                cautions: Vec::new(),
            }
        }
        _ => {
            let (radiograph, coloured) = colour(&dataset, &layout, &cells, limits)?;
            if coloured && !radiograph.source.false_colour {
                cautions.push(Caution::Colour);
            }
            radiograph
        }
    };
    if let Some(repairs) = repairs.words() {
        cautions.push(Caution::Repaired { repairs });
    }
    Ok(Radiograph {
        dicom: Some(Box::new(dicom)),
        cautions,
        ..radiograph
    })
}

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
fn no_image(dataset: &Dataset<'_>, body: &Body<'_>) -> Flaw {
    if dataset.has(tags::FLOAT_PIXEL_DATA) || dataset.has(tags::DOUBLE_FLOAT_PIXEL_DATA) {
        return Flaw::Unsupported("floating-point pixels");
    }
    let class = dataset.text(tags::SOP_CLASS_UID).unwrap_or_default();
    let by_class = CLASSES.iter().find(|(uid, _)| class.starts_with(uid));
    let by_class = by_class.map(|&(_, found)| found);
    let kind = dataset.text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT);
    let found = match dataset.text(tags::MODALITY) {
        _ if dataset.has(tags::DIRECTORY_RECORD_SEQUENCE) => Some("a directory of other files"),
        _ if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/pdf"))
            || dataset
                .bytes(tags::ENCAPSULATED_DOCUMENT)
                .is_some_and(|document| document.starts_with(b"%PDF")) =>
        {
            Some("a PDF document")
        }
        _ if by_class.is_some() => by_class,
        _ if dataset.has(tags::ENCAPSULATED_DOCUMENT) => Some("a document"),
        _ if dataset.has(tags::WAVEFORM_SEQUENCE) => Some("a curve, such as an ECG or a sound"),
        Some("SR" | "KO" | "DOC") => Some("a report"),
        Some("PR") => Some("instructions to show another image"),
        Some("RTSTRUCT" | "RTPLAN" | "RTDOSE") => Some("a radiotherapy plan"),
        _ => None,
    };
    match (found, body.syntax.refused) {
        // The pixels are elsewhere, as the syntax says.
        (None, Some(name)) if name != syntax::UNKNOWN => body.syntax.refusal(name, ""),
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

/// Returns the radiograph of an image in colour, and whether there is colour in it.
fn colour(
    dataset: &Dataset<'_>,
    layout: &Layout,
    cells: &[u16],
    limits: &Limits,
) -> Result<(Radiograph, bool), Flaw> {
    let (width, height) = (layout.columns, layout.rows);
    let pixels = u64::from(width) * u64::from(height);
    // Of how many pixels each channel is not the same, in units that the eye sees.
    let mut coloured = 0_u64;
    let most = f32::from(u16::MAX >> (16 - layout.stored));
    let mask = u16::MAX >> (16 - layout.stored);
    let narrow = layout.stored <= 8;
    let radiograph = match &layout.colour {
        Colour::Rgb => {
            let channel = |cell: u16| f32::from(cell & mask) / most;
            let (bytes_each, color_type) = if narrow {
                (1, image::ColorType::Rgb8)
            } else {
                (2, image::ColorType::Rgb16)
            };
            let mut raw = decode::zeros::<u8>(3 * pixels * bytes_each, limits)?;
            for (cell, place) in cells.iter().zip(raw.chunks_exact_mut(bytes_each as usize)) {
                if narrow {
                    place[0] = luma::to_u8(channel(*cell));
                } else {
                    let level = (channel(*cell) * 65535.0 + 0.5) as u16;
                    place.copy_from_slice(&level.to_ne_bytes());
                }
            }
            for pixel in cells.as_chunks::<3>().0 {
                let [r, g, b] = pixel.map(channel);
                coloured += u64::from(r.max(g).max(b) - r.min(g).min(b) > VISIBLE);
            }
            let pixels = Pixels {
                width,
                height,
                orientation: 1,
                color_type,
                raw,
            };
            decode::finish(
                Format::Dicom,
                decode::convert(Format::Dicom, pixels, limits)?,
            )?
        }
        Colour::Luminance => {
            let middle = 128.0 / 255.0;
            // From 16 to 235 of 255.
            let television = matches!(
                layout.photometric,
                Photometric::YbrPartial422 | Photometric::YbrPartial420
            );
            let mut plane = decode::zeros::<f32>(pixels, limits)?;
            for (value, pixel) in plane.iter_mut().zip(cells.as_chunks::<3>().0) {
                let [y, b, r] = pixel.map(|cell| f32::from(cell & mask) / most);
                *value = if television {
                    ((y * 255.0 - 16.0) / 219.0).clamp(0.0, 1.0)
                } else {
                    y
                };
                coloured += u64::from((b - middle).abs().max((r - middle).abs()) > VISIBLE / 2.0);
            }
            decode::finish(Format::Dicom, layout.upright(plane))?
        }
        Colour::Palette => {
            let palette = table::Palette::read(dataset)?;
            let mut plane = decode::zeros::<f32>(pixels, limits)?;
            for (value, &cell) in plane.iter_mut().zip(cells) {
                let [r, g, b] = palette.colour(cell & mask);
                *value = luma::rgb32(r, g, b);
                coloured += u64::from(r.max(g).max(b) - r.min(g).min(b) > VISIBLE);
            }
            decode::finish(Format::Dicom, layout.upright(plane))?
        }
        Colour::Grey { .. } => return Err(Flaw::Unsupported("grey as colour")),
    };
    Ok((radiograph, coloured * 100 > pixels))
}

/// A difference between channels that the eye sees, of `0..=1`.
const VISIBLE: f32 = 0.1;
