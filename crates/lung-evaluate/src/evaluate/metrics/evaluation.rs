//! The test of a classifier on labelled images, summed up.

use std::collections::BTreeMap;

use mobilenet_lung::bundle::{Confusion, OriginFigures, TestFigures};
use mobilenet_lung::{ByFinding, Findings};
use serde::Serialize;

use super::calibration::CalibrationMetrics;
use super::calls::{Calls, OriginTest};
use super::curve::Curves;
use super::outcome::Outcome;
use super::shares::{ClassMetrics, Share, share_of};
use super::trust::{RefusalMetrics, RiskCoverage, SetMetrics};

/// How many images an [`Evaluation`] names that the classifier is most wrong about.
const WORST: usize = 12;

/// The test of a classifier on labelled images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Id of the model.
    pub model: String,
    /// Data set and fold, in words.
    pub split: String,
    /// Share of all images classified correctly.
    pub accuracy: Share,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
    /// Name of the operating point that was tested at.
    pub operating_point: String,
    /// By finding.
    pub classes: ByFinding<ClassMetrics>,
    /// `confusion[truth][called]`, in the order of the findings.
    pub confusion: Confusion,
    /// Accuracy by origin of the patient.
    pub by_origin: BTreeMap<String, Share>,
    /// The images of each origin by themselves.
    pub origins: BTreeMap<String, OriginTest>,
    /// Accuracy by data folder.
    pub by_source: BTreeMap<String, Share>,
    /// Whether the probabilities are what they say; `None` without images.
    pub calibration: Option<CalibrationMetrics>,
    /// What prediction sets held; `None` where the model has none.
    pub prediction_sets: Option<SetMetrics>,
    /// What was refused as no frontal chest radiograph; `None` where the model cannot tell.
    pub in_distribution: Option<RefusalMetrics>,
    /// Each finding against the others, where there are both.
    pub curves: BTreeMap<String, Curves>,
    /// What is wrong among the images that the model is surest of; `None` without images.
    pub risk_coverage: Option<RiskCoverage>,
    /// The images whose truth was given the least probability, the least first.
    pub highest_loss: Vec<Loss>,
    /// Images that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// What is tested.
#[derive(Clone, Copy, Debug)]
pub struct Tested<'a> {
    /// Id of the model.
    pub model: &'a str,
    /// Name of the operating point.
    pub operating_point: &'a str,
    /// The model's findings.
    pub findings: &'a Findings,
}

/// An image and how much the classifier is wrong about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// Negative logarithm of the probability of the truth, in nats.
    pub loss: f64,
    /// The image.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Evaluation {
    /// Sums up outcomes of a model that is `tested`.
    pub fn new(
        tested: &Tested<'_>,
        split: String,
        outcomes: &[Outcome],
        unreadable: Vec<(String, String)>,
    ) -> Self {
        let findings = tested.findings;
        let Calls {
            accuracy,
            macro_f1,
            classes,
            confusion,
            ..
        } = Calls::of(findings, outcomes);
        let mut origins: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        let mut sources: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            origins.entry(&outcome.origin).or_default().push(outcome);
            sources.entry(&outcome.source).or_default().push(outcome);
        }
        let accuracies = |parts: &BTreeMap<&str, Vec<&Outcome>>| -> BTreeMap<String, Share> {
            parts
                .iter()
                .map(|(name, part)| {
                    let correct = part.iter().filter(|outcome| outcome.correct()).count();
                    ((*name).to_owned(), share_of(correct, part.len()))
                })
                .collect()
        };
        let curves = (findings.ids())
            .filter_map(|id| {
                // Which finding an image is of must not depend on what it was called.
                let certain = outcomes.iter().filter(|outcome| outcome.is_certain());
                let scores: Vec<(f32, bool)> = certain
                    .map(|outcome| (outcome.probability(id), outcome.truth == id))
                    .collect();
                Some((id.to_owned(), Curves::new(&scores)?))
            })
            .collect();
        let mut by_loss: Vec<&Outcome> = outcomes.iter().collect();
        by_loss.sort_by(|a, b| b.loss().total_cmp(&a.loss()).then(a.file.cmp(&b.file)));
        Self {
            model: tested.model.to_owned(),
            operating_point: tested.operating_point.to_owned(),
            split,
            accuracy,
            macro_f1,
            classes,
            confusion,
            by_origin: accuracies(&origins),
            origins: origins
                .into_iter()
                .map(|(origin, part)| (origin.to_owned(), OriginTest::new(findings, &part)))
                .collect(),
            by_source: accuracies(&sources),
            calibration: CalibrationMetrics::new(outcomes),
            prediction_sets: SetMetrics::new(findings, outcomes),
            in_distribution: RefusalMetrics::new(outcomes),
            curves,
            risk_coverage: RiskCoverage::new(outcomes),
            highest_loss: by_loss
                .into_iter()
                .take(WORST)
                .map(|outcome| Loss {
                    loss: outcome.loss(),
                    outcome: outcome.clone(),
                })
                .collect(),
            unreadable,
        }
    }

    /// The figures that a bundle carries of a test.
    pub fn test_figures(&self) -> TestFigures {
        let calibration = self.calibration.as_ref();
        TestFigures {
            split: self.split.clone(),
            operating_point: self.operating_point.clone(),
            accuracy: self.accuracy,
            macro_f1: self.macro_f1,
            confusion: Some(self.confusion.clone()),
            by_origin: (self.origins.iter())
                .map(|(origin, test)| {
                    let figures = OriginFigures {
                        accuracy: test.calls.accuracy,
                        confusion: Some(test.calls.confusion.clone()),
                    };
                    (origin.clone(), figures)
                })
                .collect(),
            calibration_error: calibration.map(|c| c.expected_error),
            log_loss: calibration.map(|c| c.log_loss),
            brier: calibration.map(|c| c.brier),
            coverage: self
                .prediction_sets
                .as_ref()
                .map(|sets| sets.coverage.clone()),
            mean_set_size: self.prediction_sets.as_ref().map(|sets| sets.mean_size),
            refused: self.in_distribution.as_ref().map(|r| r.refused),
        }
    }
}
