//! The tests of a model, as its card has them.

use std::collections::BTreeMap;

use mobilenet_lung::Metadata;
use serde::{Deserialize, Serialize};

use super::share::ShareRow;
use crate::evaluate::metrics::{BINS, Called, Evaluation, ForeignMetrics, Share, percent};

/// The test on one data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardTest {
    /// Data folder and fold, in words.
    pub split: String,
    /// Name of the operating point that was tested at.
    pub operating_point: String,
    /// Called rightly.
    pub accuracy: Share,
    /// Called rightly, of each origin.
    pub by_origin: BTreeMap<String, Share>,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
    /// Whether the probabilities are what they say; null without images.
    pub probabilities: Option<Probabilities>,
    /// Area under the curve of risk against coverage; null without images.
    pub risk_coverage_area: Option<f64>,
    /// Each finding against the others.
    pub findings: Vec<FindingRow>,
    /// What each was called.
    pub confusion: Vec<ConfusionRow>,
    /// What patients of each origin were called.
    pub patients: Vec<CalledRow>,
    /// What prediction sets held; null where the model has none.
    pub prediction_sets: Option<CardSets>,
    /// What was refused; null where the model cannot tell.
    pub in_distribution: Option<CardRefusals>,
    /// Origins whose patients have several findings: among them it is of no help to tell origins apart.
    pub within_origins: Vec<WithinOrigin>,
}

/// Whether probabilities are what they say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probabilities {
    /// Mean gap between probability and accuracy.
    pub expected_calibration_error: f64,
    /// Bins of the most probable finding.
    pub bins: usize,
    /// Mean negative logarithm of the probability of the truth, in nats.
    pub log_loss: f64,
    /// Mean squared distance of the probabilities from the truth.
    pub brier_score: f64,
}

/// How well one finding is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Its id.
    pub finding: String,
    /// Of the images called so, the share that are.
    pub precision: f64,
    /// Of the images that are, the share called so.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How many images are.
    pub images: usize,
    /// Area under the ROC curve; null where all images are of one finding.
    pub auc: Option<f64>,
    /// Average precision; null where all images are of one finding.
    pub average_precision: Option<f64>,
}

/// What the images of one finding were called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionRow {
    /// Id of what they are.
    pub truth: String,
    /// How many were called each finding, in the order of the findings.
    pub called: Vec<usize>,
}

/// How many patients of one origin that have a finding were called one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalledRow {
    /// Where they come from.
    pub origin: String,
    /// What they have, what they were called, and how many.
    #[serde(flatten)]
    pub called: Called,
}

/// What prediction sets held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardSets {
    /// The share of each finding that is to be in its set, 0..=1.
    pub wanted: f64,
    /// Mean number of findings in a set.
    pub mean_size: f64,
    /// Of the sets with one finding, how many hold the truth.
    pub single_correct: Share,
    /// Of the images of each finding, how many have it in their set.
    pub coverage: Vec<ShareRow>,
}

/// What was refused as no frontal chest radiograph.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardRefusals {
    /// How many of the images, all of which are frontal chest radiographs.
    pub refused: Share,
    /// Of the others, how many were called rightly.
    pub accepted_correct: Share,
}

/// Patients of one origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithinOrigin {
    /// Where they come from.
    pub origin: String,
    /// Area under the ROC curve of each finding against normal.
    pub against_normal_auc: BTreeMap<String, f64>,
}

impl CardTest {
    pub(super) fn new(test: &Evaluation, metadata: &Metadata) -> Self {
        let sets = (test.prediction_sets.as_ref()).zip(metadata.prediction_sets());
        Self {
            split: test.split.clone(),
            operating_point: test.operating_point.clone(),
            accuracy: test.accuracy,
            by_origin: test.by_origin.clone(),
            macro_f1: test.macro_f1,
            probabilities: test.calibration.as_ref().map(|c| Probabilities {
                expected_calibration_error: c.expected_error,
                bins: BINS,
                log_loss: c.log_loss,
                brier_score: c.brier,
            }),
            risk_coverage_area: test.risk_coverage.as_ref().map(|risk| risk.area),
            findings: findings(test),
            confusion: (test.classes.iter().zip(&test.confusion))
                .map(|((id, _), called)| ConfusionRow {
                    truth: id.to_owned(),
                    called: called.clone(),
                })
                .collect(),
            patients: patients(test),
            prediction_sets: sets.map(|(sets, wanted)| CardSets {
                wanted: wanted.coverage,
                mean_size: sets.mean_size,
                single_correct: sets.single_correct,
                coverage: (sets.coverage.iter())
                    .map(|(id, share)| ShareRow {
                        finding: id.to_owned(),
                        share: *share,
                    })
                    .collect(),
            }),
            in_distribution: test.in_distribution.as_ref().map(|r| CardRefusals {
                refused: r.refused,
                accepted_correct: r.accepted_correct,
            }),
            within_origins: within_origins(test),
        }
    }
}

/// Who is called healthy among patients of one origin.
pub(super) struct InShort<'a> {
    pub(super) origin: &'a str,
    /// The healthy; `None` where there are none.
    pub(super) healthy: Option<Share>,
    /// The ill.
    pub(super) ill: Share,
}

impl CardTest {
    /// Who is called healthy, of each origin that has ill patients.
    pub(super) fn in_short(&self) -> Vec<InShort<'_>> {
        let ill = |row: &&CalledRow| row.called.truth.is_none();
        let of = |row: &CalledRow, all: &CalledRow| {
            row.origin == all.origin
                && row.called.called == all.called.called
                && row.called.truth.as_deref() == Some(all.called.called.as_str())
        };
        (self.patients.iter().filter(ill))
            .map(|all| InShort {
                origin: &all.origin,
                healthy: (self.patients.iter())
                    .find(|row| of(row, all))
                    .map(|row| row.called.share),
                ill: all.called.share,
            })
            .collect()
    }
}

impl CardSets {
    /// `90.0%`.
    pub(super) fn wanted_in_words(&self) -> String {
        percent(self.wanted)
    }
}

fn findings(test: &Evaluation) -> Vec<FindingRow> {
    (test.classes.iter())
        .map(|(id, class)| {
            let curves = test.curves.get(id);
            FindingRow {
                finding: id.to_owned(),
                precision: class.precision,
                recall: class.recall,
                f1: class.f1,
                images: class.images,
                auc: curves.map(|curves| curves.auc),
                average_precision: curves.map(|curves| curves.average_precision),
            }
        })
        .collect()
}

/// What patients of each origin were called.
fn patients(test: &Evaluation) -> Vec<CalledRow> {
    (test.origins.iter())
        .flat_map(|(origin, within)| {
            (within.calls.called.iter()).map(|called| CalledRow {
                origin: origin.clone(),
                called: called.clone(),
            })
        })
        .collect()
}

fn within_origins(test: &Evaluation) -> Vec<WithinOrigin> {
    (test.origins.iter())
        .filter(|(_, within)| {
            // Where all patients have the same, nothing has to be told from anything.
            let classes = within.calls.classes.values();
            classes.filter(|class| class.images > 0).count() >= 2
        })
        .map(|(origin, within)| WithinOrigin {
            origin: origin.clone(),
            against_normal_auc: within.against_normal_auc.clone(),
        })
        .collect()
}

/// All tests together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// Data folders and fold, in words.
    pub split: String,
    /// Called rightly.
    pub accuracy: Share,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
}

impl Together {
    pub(super) fn new(test: &Evaluation) -> Self {
        Self {
            split: test.split.clone(),
            accuracy: test.accuracy,
            macro_f1: test.macro_f1,
        }
    }
}

/// Images that are no frontal chest radiographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignTest {
    /// Name of their folder.
    pub folder: String,
    /// How many could be read.
    pub images: usize,
    /// How many were refused; null where the model cannot tell.
    pub refused: Option<Share>,
    /// Area under the ROC curve of the score, test images against these; null where the model cannot tell.
    pub auroc: Option<f64>,
}

impl ForeignTest {
    pub(super) fn new(foreign: &ForeignMetrics) -> Self {
        Self {
            folder: foreign.folder.clone(),
            images: foreign.images,
            refused: foreign.refused,
            auroc: foreign.auroc,
        }
    }
}

/// Answers to images that the answering network was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutTest {
    /// Data folder, in words.
    pub split: String,
    /// Called rightly.
    pub accuracy: Share,
    /// Called rightly, of each origin.
    pub by_origin: BTreeMap<String, Share>,
    /// What patients of each origin were called.
    pub patients: Vec<CalledRow>,
}

impl HeldOutTest {
    pub(super) fn new(test: &Evaluation) -> Self {
        Self {
            split: test.split.clone(),
            accuracy: test.accuracy,
            by_origin: test.by_origin.clone(),
            patients: patients(test),
        }
    }
}
