//! Classifying files with a bundle, natively: the same code as in the browser, on the CPU.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use mobilenet_lung::{
    Bundle, ByFinding, Caution, Classifier, InDistribution, PredictionSet, Reading, Report,
};
use radiograph::{Dicom, Radiograph};
use rayon::prelude::*;
use serde::Serialize;

use crate::archives;
use crate::data::{Dataset, Example, Shown as _, exact, images_under, read_bytes};
use crate::metrics::{Evaluation, Outcome, Tested};
use crate::tell;

/// Reads a weights file and puts it on the CPU.
///
/// # Errors
/// A file that is missing, or that [`Bundle::read`] refuses.
pub fn load_classifier(path: &Path) -> anyhow::Result<(Bundle, Classifier)> {
    let refused = || format!("cannot use the model {}", path.shown());
    let size = fs::metadata(path).with_context(refused)?.len();
    if size > mobilenet_lung::bundle::MAX_BYTES as u64 {
        bail!(
            "{}: {size} bytes are too many for a weights file",
            refused()
        );
    }
    let bytes = fs::read(path).with_context(refused)?;
    let name = path.file_name().map(|name| name.to_string_lossy());
    let bundle = match Bundle::read(&bytes, name.as_deref()) {
        Ok(bundle) => bundle,
        Err(error) => bail!("{}: {error} {}", refused(), error.advice()),
    };
    let classifier = Classifier::on_cpu(&bundle).with_context(refused)?;
    Ok((bundle, classifier))
}

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

/// The files that `paths` mean: files as they are, folders with every image under them, archives and CDs with every image in them.
/// People are told what was left out.
///
/// # Errors
/// A folder that cannot be listed, or that holds no image.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if let Some(images) = archives::images_of_cd(path).or_else(|| archives::images_in(path)) {
            // One without images says so when it is read.
            let none = images.is_empty().then(|| path.clone());
            files.extend(images.into_iter().chain(none));
        } else if path.is_dir() {
            let (images, notes) = images_under(path)?;
            if images.is_empty() {
                let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
                bail!("{} holds no image file{notes}", path.shown());
            }
            for note in notes {
                tell!("{note}");
            }
            files.extend(images);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Classifies the examples `wanted` of a data set and sums up.
pub fn evaluate(
    classifier: &Classifier,
    dataset: &Dataset,
    wanted: &[usize],
    split: String,
    progress: &ProgressBar,
) -> Evaluation {
    let (outcomes, unreadable) = outcomes(classifier, dataset, wanted, progress);
    Evaluation::new(&tested(classifier), split, &outcomes, unreadable)
}

/// What is said of a classifier in its test.
pub(crate) fn tested(classifier: &Classifier) -> Tested<'_> {
    Tested {
        model: classifier.id(),
        operating_point: (classifier.operating_point(None)).map_or("", |point| &point.name),
        findings: classifier.findings(),
    }
}

/// What the examples `wanted` of a data set are called, and which of them could not be read, with the reason.
pub fn outcomes(
    classifier: &Classifier,
    dataset: &Dataset,
    wanted: &[usize],
    progress: &ProgressBar,
) -> (Vec<Outcome>, Vec<(String, String)>) {
    let results: Vec<Result<Outcome, (String, String)>> = wanted
        .par_iter()
        .map(|&index| {
            let example = &dataset.examples[index];
            let reading =
                read(&example.path).and_then(|radiograph| read_at(classifier, &radiograph, None));
            progress.inc(1);
            match reading {
                Ok(reading) => Ok(outcome(reading.report, dataset, example)),
                Err(error) => Err((example.file.clone(), error.message)),
            }
        })
        .collect();
    let mut outcomes = Vec::new();
    let mut unreadable = Vec::new();
    for result in results {
        match result {
            Ok(outcome) => outcomes.push(outcome),
            Err(failure) => unreadable.push(failure),
        }
    }
    (outcomes, unreadable)
}

/// What an example was called.
fn outcome(report: Report, dataset: &Dataset, example: &Example) -> Outcome {
    let correct = &dataset.classes[example.class].correct;
    Outcome {
        file: example.file.clone(),
        path: example.path.clone(),
        source: example.source.clone(),
        origin: example.origin.clone(),
        truth: dataset.id(example.finding).to_owned(),
        also_correct: (correct.iter().skip(1))
            .map(|row| dataset.id(*row).to_owned())
            .collect(),
        called: report.finding,
        probabilities: report.probabilities,
        prediction_set: report.prediction_set.map(|set| set.findings),
        in_distribution: report.in_distribution,
        evidence: report.evidence,
    }
}
