//! DICOM, as hospitals have it: the first frame of a file, what the file says of it, and nothing of the patient.

mod dataset;
mod facts;
mod greys;
mod jpeg2000;
mod jpeg_ls;
mod lossless;
mod markers;
mod pixels;
mod rle;

use dicom_dictionary_std::tags;

pub use facts::{Dicom, Laterality, Photometric};
pub(crate) use greys::Greys;
pub use greys::{Shape, Window, WindowOrigin};

use crate::decode::{self, Pixels};
use crate::{Caution, DecodeError, Format, Limits, Radiograph, Source, luma};
use dataset::Dataset;
use pixels::{Colour, Layout};

/// What is wrong with a file, before it is an error of a format.
#[derive(Debug, Clone, PartialEq)]
enum Flaw {
    Corrupt(&'static str),
    Unsupported(&'static str),
    /// It holds no image, but this, with its article.
    NoImage(&'static str),
    /// It takes more memory than allowed.
    TooLarge,
    /// What is an error already.
    Error(DecodeError),
}

impl From<DecodeError> for Flaw {
    fn from(error: DecodeError) -> Self {
        Self::Error(error)
    }
}

impl Flaw {
    fn into_error(self, limits: &Limits) -> DecodeError {
        let format = Format::Dicom;
        match self {
            Self::Corrupt(detail) => DecodeError::Corrupt {
                format,
                detail: detail.to_owned(),
            },
            Self::Unsupported(detail) => DecodeError::Unsupported {
                format,
                detail: detail.to_owned(),
            },
            Self::NoImage(found) => DecodeError::NoImage { found },
            Self::TooLarge => DecodeError::TooMuchMemory {
                limit: limits.max_decoded_bytes,
            },
            // A compressed image within the file is part of it.
            Self::Error(DecodeError::Corrupt { detail, .. }) => {
                DecodeError::Corrupt { format, detail }
            }
            Self::Error(DecodeError::Unsupported { detail, .. }) => {
                DecodeError::Unsupported { format, detail }
            }
            Self::Error(error) => error,
        }
    }
}

/// Returns the radiograph in a DICOM file.
#[inline(never)]
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    read_file(bytes, limits).map_err(|flaw| flaw.into_error(limits))
}

fn read_file(bytes: &[u8], limits: &Limits) -> Result<Radiograph, Flaw> {
    let most = limits.max_bytes.min(limits.max_decoded_bytes / 2);
    let body = dataset::open(bytes, usize::try_from(most).unwrap_or(usize::MAX))?;
    let dataset = body.dataset()?;
    if !dataset.has(tags::PIXEL_DATA) {
        return Err(no_image(&dataset));
    }
    let mut layout = Layout::read(&dataset)?;
    decode::check_dimensions(layout.columns, layout.rows, limits)?;
    let cells = pixels::read(&dataset, &mut layout, &body, limits)?;
    let mut dicom = Dicom::read(&dataset, &layout);
    let mut cautions = dicom.cautions();
    let radiograph = match layout.colour {
        Colour::Grey { .. } => {
            let greys = Greys::read(&dataset, &layout, cells)?;
            let window = greys.default_window(&dataset, &layout)?;
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
    Ok(Radiograph {
        dicom: Some(Box::new(dicom)),
        cautions,
        ..radiograph
    })
}

/// What a file without pixels is.
fn no_image(dataset: &Dataset<'_>) -> Flaw {
    if dataset.has(tags::FLOAT_PIXEL_DATA) || dataset.has(tags::DOUBLE_FLOAT_PIXEL_DATA) {
        return Flaw::Unsupported("floating-point pixels");
    }
    Flaw::NoImage(match dataset.text(tags::MODALITY) {
        _ if dataset.has(tags::DIRECTORY_RECORD_SEQUENCE) => "a directory of other files",
        Some("SR" | "KO" | "DOC") => "a report",
        Some("PR") => "instructions to show another image",
        Some("RTSTRUCT" | "RTPLAN" | "RTDOSE") => "a radiotherapy plan",
        _ => "something else",
    })
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
            let mut plane = decode::zeros::<f32>(pixels, limits)?;
            for (value, pixel) in plane.iter_mut().zip(cells.as_chunks::<3>().0) {
                let [y, b, r] = pixel.map(|cell| f32::from(cell & mask) / most);
                *value = y;
                coloured += u64::from((b - middle).abs().max((r - middle).abs()) > VISIBLE / 2.0);
            }
            decode::finish(Format::Dicom, layout.upright(plane))?
        }
        Colour::Palette => {
            let palette = pixels::Palette::read(dataset)?;
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
