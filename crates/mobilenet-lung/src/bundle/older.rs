//! What weights files of formats 1 and 2 said of themselves, brought to today's format.
//!
//! They knew three findings, a temperature, and thresholds for one mix of patients: one operating point. Their figures were
//! shares without what they were made of.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::BundleError;
use super::format::FORMAT_VERSION;
use super::metadata::{Metadata, OperatingPoint, OriginFigures, Share, TestFigures};
use crate::ByFinding;
use crate::architecture::AttentionConfig;
use crate::distribution::Spread;
use crate::findings::Findings;
use crate::prediction_sets::PredictionSets;
use crate::preprocess::Preprocessing;

/// The metadata of formats 1 and 2.
#[derive(Deserialize)]
pub(super) struct Older {
    architecture: String,
    attention: AttentionConfig,
    findings: Vec<String>,
    preprocessing: Preprocessing,
    /// Divides the logits.
    temperature: f32,
    #[serde(default)]
    prediction_sets: Option<PredictionSets>,
    #[serde(default)]
    in_distribution: Option<Spread>,
    trained_on: String,
    test: Option<OlderTest>,
    #[serde(default)]
    further_tests: Vec<OlderTest>,
    licence: String,
    commit: String,
    notice: String,
}

#[derive(Deserialize)]
struct OlderTest {
    split: String,
    images: usize,
    accuracy: f64,
    accuracy_interval: [f64; 2],
    macro_f1: f64,
    #[serde(default)]
    by_origin: BTreeMap<String, OlderOrigin>,
    calibration_error: Option<f64>,
    log_loss: Option<f64>,
    brier: Option<f64>,
    coverage: Option<ByFinding<Share>>,
    mean_set_size: Option<f64>,
    refused: Option<Share>,
}

#[derive(Deserialize)]
struct OlderOrigin {
    images: usize,
    accuracy: f64,
}

impl Older {
    /// # Errors
    /// [`BundleError::Foreign`] for findings or a temperature that these formats did not have. The rest is checked as
    /// today's.
    pub(super) fn upgrade(self) -> Result<Metadata, BundleError> {
        let foreign = |detail: String| Err(BundleError::Foreign { detail });
        let findings = Findings::lung_xray();
        if !findings.ids().eq(self.findings.iter().map(String::as_str)) {
            return foreign(format!("its findings are {:?}", self.findings));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return foreign(format!("its temperature is {}", self.temperature));
        }
        let scale = 1.0 / self.temperature;
        Ok(Metadata {
            architecture: self.architecture,
            preprocessing: self.preprocessing,
            scales: ByFinding::new(&findings, findings.iter().map(|_| scale)),
            operating_points: vec![OperatingPoint {
                prediction_sets: self.prediction_sets,
                ..OperatingPoint::plain(OperatingPoint::DEFAULT, &findings)
            }],
            in_distribution: self.in_distribution,
            trained_on: self.trained_on,
            tests: (self.test.into_iter().chain(self.further_tests))
                .map(OlderTest::upgrade)
                .collect(),
            licence: self.licence,
            commit: self.commit,
            notice: self.notice,
            format_version: FORMAT_VERSION,
            ..Metadata::plain(findings, self.attention)
        })
    }
}

impl OlderTest {
    fn upgrade(self) -> TestFigures {
        TestFigures {
            split: self.split,
            operating_point: OperatingPoint::DEFAULT.to_owned(),
            accuracy: share(self.accuracy, self.images, self.accuracy_interval),
            macro_f1: self.macro_f1,
            confusion: None,
            by_origin: (self.by_origin.into_iter())
                .map(|(origin, figures)| (origin, figures.upgrade()))
                .collect(),
            calibration_error: self.calibration_error,
            log_loss: self.log_loss,
            brier: self.brier,
            coverage: self.coverage,
            mean_set_size: self.mean_set_size,
            refused: self.refused,
        }
    }
}

impl OlderOrigin {
    fn upgrade(self) -> OriginFigures {
        let interval = wilson(self.accuracy, self.images);
        OriginFigures {
            accuracy: share(self.accuracy, self.images, interval),
            confusion: None,
        }
    }
}

fn share(share: f64, images: usize, interval: [f64; 2]) -> Share {
    Share {
        correct: (share * images as f64).round() as usize,
        images,
        share,
        interval,
    }
}

/// The 95% Wilson score interval (Wilson 1927) to six decimals; `[0, 1]` of none.
fn wilson(share: f64, images: usize) -> [f64; 2] {
    const Z95: f64 = 1.959_963_984_540_054;
    if images == 0 {
        return [0.0, 1.0];
    }
    let n = images as f64;
    let centre = share + Z95 * Z95 / (2.0 * n);
    let spread = Z95 * (share * (1.0 - share) / n + Z95 * Z95 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z95 * Z95 / n;
    let rounded = |value: f64| (value.clamp(0.0, 1.0) * 1e6).round() / 1e6;
    [
        rounded((centre - spread) / scale),
        rounded((centre + spread) / scale),
    ]
}
