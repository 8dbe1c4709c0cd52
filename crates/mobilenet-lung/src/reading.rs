//! All that is said about one file.

use radiograph::{Dicom, Format, Radiograph};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::report::Report;

/// The version of a [`Reading`] in JSON, which `docs/reference/reading.schema.json` describes.
pub const READING_VERSION: u32 = 1;

/// All that is said about one file: what the model says of the radiograph, and what the file says of itself.
///
/// It has no file name: a name is often a patient's, and forms and exports decide for themselves whether they need it.
/// In JSON the fields of the report stand beside the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// [`READING_VERSION`].
    pub version: u32,
    /// What the model says.
    #[serde(flatten)]
    pub report: Report,
    /// `webgpu`, `cpu` or the name of another device.
    pub device: String,
    /// How long it took.
    pub timings: Timings,
    /// Where the radiograph came from.
    pub source: Source,
    /// Why the file may not be a frontal chest radiograph, by what it says of itself.
    pub cautions: Vec<Caution>,
    /// What the file says of its image, where it is DICOM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dicom: Option<Dicom>,
}

/// Milliseconds of wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// From the bytes of the file to the radiograph, where whoever decoded it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_ms: Option<f64>,
    /// From radiograph to network input.
    pub preprocess_ms: f64,
    /// From network input to evidence, read back from the device.
    pub inference_ms: f64,
}

impl Timings {
    /// Milliseconds since then, to the microsecond: more digits mean nothing, and not every reader of JSON gives all of them back.
    pub fn since(start: Instant) -> f64 {
        (start.elapsed().as_secs_f64() * 1e6).round() / 1e3
    }
}

/// Where a radiograph came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The format of the file, such as `png`.
    pub format: Format,
    /// Bits of each channel of a pixel as decoded.
    pub bits: u8,
    /// Whether the file was in the viridis false colour, which has been undone.
    pub false_colour: bool,
    /// The orientation that the file gave, as in EXIF: 1 is upright, up to 8. It has been applied.
    pub orientation: u8,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
}

/// A reason not to believe a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caution {
    /// A short name for programs, in kebab-case.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// How many images the file holds, where the caution is of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl Reading {
    /// What is said about the file of `radiograph`, of which a model reports this.
    pub fn new(radiograph: &Radiograph, report: Report, device: &str, timings: Timings) -> Self {
        let source = radiograph.source();
        Self {
            version: READING_VERSION,
            report,
            device: device.to_owned(),
            timings,
            source: Source {
                format: source.format,
                bits: source.bits,
                false_colour: source.false_colour,
                orientation: source.orientation,
                width: radiograph.width(),
                height: radiograph.height(),
            },
            cautions: (radiograph.cautions().iter())
                .map(|caution| Caution {
                    code: caution.code().to_owned(),
                    message: caution.to_string(),
                    count: caution.count(),
                })
                .collect(),
            dicom: radiograph.dicom().cloned(),
        }
    }
}
