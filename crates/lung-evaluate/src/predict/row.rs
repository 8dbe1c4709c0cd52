//! What is said of one file.

use std::path::Path;

use mobilenet_lung::{ByFinding, Caution, Classifier, InDistribution, PredictionSet, Reading};
use radiograph::{Dicom, Radiograph};
use serde::Serialize;

use super::archives;
use crate::data::{exact, read_bytes};

/// One line of `lung predict --format ndjson`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Prediction {
    /// The file was read: what its [`Reading`] says, but for evidence and timings.
    Read {
        /// Its path as it was given or found; a byte of it that is not UTF-8 as `\xE9`.
        file: String,
        /// Id of the most probable finding.
        finding: String,
        /// Calibrated probability of each finding.
        probabilities: ByFinding<f32>,
        /// The findings that it may have; null where the model has no thresholds.
        prediction_set: Option<PredictionSet>,
        /// Whether it looks like a frontal chest radiograph; null where the model cannot tell.
        in_distribution: Option<InDistribution>,
        /// Name of the operating point.
        operating_point: String,
        /// Id of the model.
        model: String,
        /// Why the file may not be a frontal chest radiograph, by what it says of itself.
        cautions: Vec<Caution>,
        /// What it says of its image, where it is DICOM.
        #[serde(skip_serializing_if = "Option::is_none")]
        dicom: Option<Box<Dicom>>,
    },
    /// The file was not read.
    Refused {
        /// Its path as it was given or found; a byte of it that is not UTF-8 as `\xE9`.
        file: String,
        /// Why.
        error: Refusal,
    },
}

/// Why a file was not read.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// A short name for programs, in kebab-case.
    pub code: String,
    /// One sentence of what happened.
    pub message: String,
    /// One sentence of what to do.
    pub advice: String,
}

impl Refusal {
    fn file(error: &std::io::Error) -> Self {
        Self {
            code: "file-unreadable".to_owned(),
            message: format!("The file could not be read: {error}."),
            advice: "Check its path and its permissions.".to_owned(),
        }
    }
}

/// Classifies one file.
pub fn predict_file(classifier: &Classifier, path: &Path) -> Prediction {
    let file = exact(path);
    match read(path).and_then(|radiograph| read_at(classifier, &radiograph, None)) {
        Ok(Reading {
            report,
            cautions,
            dicom,
            ..
        }) => Prediction::Read {
            file,
            finding: report.finding,
            probabilities: report.probabilities,
            prediction_set: report.prediction_set,
            in_distribution: report.in_distribution,
            operating_point: report.operating_point,
            model: report.model,
            cautions,
            dicom: dicom.map(Box::new),
        },
        Err(error) => Prediction::Refused { file, error },
    }
}

pub(crate) fn read(path: &Path) -> Result<Radiograph, Refusal> {
    if let Some(read) = archives::read_inside(path) {
        return decode(&read.map_err(|error| Refusal {
            code: error.code().to_owned(),
            message: error.to_string(),
            advice: error.advice().to_owned(),
        })?);
    }
    decode(&read_bytes(path).map_err(|error| Refusal::file(&error))?)
}

fn decode(bytes: &[u8]) -> Result<Radiograph, Refusal> {
    Radiograph::decode(bytes).map_err(|error| Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
        advice: error.advice().to_owned(),
    })
}

/// What a classifier says of a radiograph at an operating point; without a name at the default.
pub(crate) fn read_at(
    classifier: &Classifier,
    radiograph: &Radiograph,
    operating_point: Option<&str>,
) -> Result<Reading, Refusal> {
    let reading = classifier.classify_at(radiograph, operating_point);
    pollster::block_on(reading).map_err(|error| Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
        advice: error.advice().to_owned(),
    })
}
