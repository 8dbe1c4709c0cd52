//! How good a classifier is, with how far that can be trusted.

mod calibration;
mod curve;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::finding::{ByFinding, CalledAs, Finding};
use mobilenet_lung::bundle::{OriginFigures, TestFigures};
use mobilenet_lung::{EvidenceMap, InDistribution};
use serde::Serialize;

pub use calibration::{BINS, Bin, CalibrationMetrics};
pub use curve::{Curves, PrecisionRecallPoint, RocPoint, auroc};
pub use mobilenet_lung::bundle::Share;
pub use trust::{Accepted, ForeignMetrics, RefusalMetrics, RiskCoverage, RiskPoint, SetMetrics};

/// How many images an [`Evaluation`] names that the classifier is most wrong about.
const WORST: usize = 12;

/// What is printed for a figure that the model has no statistics for.
pub const NOT_IN_MODEL: &str = "not in this model";

/// Quantile of the normal distribution for a two-sided 95% interval.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// The Wilson score interval of a share at 95% (Wilson 1927); `[0, 1]` for no trials at all.
pub fn wilson(successes: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (n, share) = (trials as f64, successes as f64 / trials as f64);
    let z2 = Z95 * Z95;
    let centre = share + z2 / (2.0 * n);
    let spread = Z95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [
        ((centre - spread) / scale).max(0.0),
        ((centre + spread) / scale).min(1.0),
    ]
}

/// A share with its interval.
pub fn share_of(correct: usize, images: usize) -> Share {
    Share {
        correct,
        images,
        share: correct as f64 / images.max(1) as f64,
        interval: wilson(correct, images),
    }
}

/// Precision, recall and F1 of one finding, each 0..=1 (0 where undefined).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Of the images called so, the share that are.
    pub precision: f64,
    /// Of the images that are, the share called so.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How many images are.
    pub images: usize,
}

/// What images were called, of whatever is known of them besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calls {
    /// Share of all images classified correctly.
    pub accuracy: Share,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
    /// By finding.
    pub classes: BTreeMap<&'static str, ClassMetrics>,
    /// `confusion[truth][called]`, in the order Normal, Lung_Opacity, Viral Pneumonia.
    pub confusion: [[usize; Finding::COUNT]; Finding::COUNT],
    /// What healthy and ill patients were called.
    #[serde(flatten)]
    pub called: CalledAs,
}

impl Calls {
    /// Sums up what each image is and what it was called.
    pub fn new(images: impl IntoIterator<Item = (Finding, Finding)>) -> Self {
        let mut confusion = [[0; Finding::COUNT]; Finding::COUNT];
        for (truth, called) in images {
            confusion[truth.index()][called.index()] += 1;
        }
        let classes: BTreeMap<&'static str, ClassMetrics> = Finding::ALL
            .into_iter()
            .map(|finding| {
                let i = finding.index();
                let hits = confusion[i][i] as f64;
                let images: usize = confusion[i].iter().sum();
                let called: usize = confusion.iter().map(|row| row[i]).sum();
                let precision = hits / called.max(1) as f64;
                let recall = hits / images.max(1) as f64;
                let f1 = if hits > 0.0 {
                    2.0 * precision * recall / (precision + recall)
                } else {
                    0.0
                };
                let metrics = ClassMetrics {
                    precision,
                    recall,
                    f1,
                    images,
                };
                (finding.name(), metrics)
            })
            .collect();
        let correct = (0..Finding::COUNT).map(|i| confusion[i][i]).sum();
        let images = confusion.as_flattened().iter().sum();
        Self {
            accuracy: share_of(correct, images),
            macro_f1: classes.values().map(|c| c.f1).sum::<f64>() / Finding::COUNT as f64,
            classes,
            confusion,
            called: called_as(&confusion),
        }
    }
}

/// What healthy and ill patients were called, of a confusion matrix `[truth][called]`.
pub fn called_as(confusion: &[[usize; Finding::COUNT]; Finding::COUNT]) -> CalledAs {
    use Finding::{LungOpacity, Normal, ViralPneumonia};
    let share = |truths: &[Finding], called: Finding| {
        let rows = || truths.iter().map(|truth| &confusion[truth.index()]);
        let images: usize = rows().flatten().sum();
        let correct = rows().map(|row| row[called.index()]).sum();
        (images > 0).then(|| share_of(correct, images))
    };
    CalledAs {
        healthy_called_normal: share(&[Normal], Normal),
        healthy_called_viral: share(&[Normal], ViralPneumonia),
        opacity_called_viral: share(&[LungOpacity], ViralPneumonia),
        ill_called_normal: share(&[LungOpacity, ViralPneumonia], Normal),
        viral_called_viral: share(&[ViralPneumonia], ViralPneumonia),
    }
}

/// The shares of [`CalledAs`] that there are, in words.
pub fn called_in_words(called: &CalledAs) -> Vec<(&'static str, Share)> {
    [
        ("healthy called normal", called.healthy_called_normal),
        ("healthy called viral", called.healthy_called_viral),
        ("opacity called viral", called.opacity_called_viral),
        ("ill called normal", called.ill_called_normal),
        ("viral called viral", called.viral_called_viral),
    ]
    .into_iter()
    .filter_map(|(words, share)| Some((words, share?)))
    .collect()
}

/// The images of one origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OriginTest {
    /// What they were called.
    #[serde(flatten)]
    pub calls: Calls,
    /// Area under the ROC curve of opacity against normal, by the probability of the one among the two; `None` where
    /// either is missing. Within an origin, telling origins apart is of no help.
    pub normal_against_opacity_auc: Option<f64>,
}

impl OriginTest {
    fn new(outcomes: &[&Outcome]) -> Self {
        let scores = |truth: Finding| -> Vec<f32> {
            outcomes
                .iter()
                .filter(|outcome| outcome.truth == truth)
                .map(|outcome| {
                    let [normal, opacity, _] = outcome.probabilities.0;
                    opacity / (normal + opacity).max(f32::MIN_POSITIVE)
                })
                .collect()
        };
        Self {
            calls: Calls::new(outcomes.iter().map(|o| (o.truth, o.called))),
            normal_against_opacity_auc: auroc(
                &scores(Finding::LungOpacity),
                &scores(Finding::Normal),
            ),
        }
    }
}

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
    /// By finding.
    pub classes: BTreeMap<&'static str, ClassMetrics>,
    /// `confusion[truth][called]`, in the order Normal, Lung_Opacity, Viral Pneumonia.
    pub confusion: [[usize; Finding::COUNT]; Finding::COUNT],
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
    pub curves: BTreeMap<&'static str, Curves>,
    /// What is wrong among the images that the model is surest of; `None` without images.
    pub risk_coverage: Option<RiskCoverage>,
    /// The images whose truth was given the least probability, the least first.
    pub highest_loss: Vec<Loss>,
    /// Images that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
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

/// One classified image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its file, under its data folder.
    pub file: String,
    /// Where it lies.
    #[serde(skip)]
    pub path: PathBuf,
    /// Name of the data folder.
    pub source: String,
    /// Where the patient comes from.
    pub origin: String,
    /// What it is.
    pub truth: Finding,
    /// What it was called.
    pub called: Finding,
    /// Calibrated probability of each finding.
    pub probabilities: ByFinding<f32>,
    /// The findings that cannot be ruled out; `None` where the model has no thresholds.
    pub prediction_set: Option<Vec<Finding>>,
    /// Whether it looks like a frontal chest radiograph; `None` where the model cannot tell.
    pub in_distribution: Option<InDistribution>,
    /// Where the logits come from.
    #[serde(skip)]
    pub evidence: ByFinding<EvidenceMap>,
}

impl Outcome {
    /// Whether it was called what it is.
    pub fn correct(&self) -> bool {
        self.truth == self.called
    }

    /// Probability of what it was called, 0..=1.
    pub fn top(&self) -> f32 {
        self.probabilities[self.called]
    }

    /// Negative logarithm of the probability of what it is, in nats; 87.3 where that is 0 in `f32`.
    pub fn loss(&self) -> f64 {
        -f64::from(self.probabilities[self.truth].max(f32::MIN_POSITIVE)).ln()
    }
}

impl Evaluation {
    /// Sums up outcomes.
    pub fn new(
        model: String,
        split: String,
        outcomes: &[Outcome],
        unreadable: Vec<(String, String)>,
    ) -> Self {
        let Calls {
            accuracy,
            macro_f1,
            classes,
            confusion,
            ..
        } = Calls::new(outcomes.iter().map(|o| (o.truth, o.called)));
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
        let curves = Finding::ALL
            .into_iter()
            .filter_map(|finding| {
                let scores: Vec<(f32, bool)> = outcomes
                    .iter()
                    .map(|o| (o.probabilities[finding], o.truth == finding))
                    .collect();
                Some((finding.name(), Curves::new(&scores)?))
            })
            .collect();
        let mut by_loss: Vec<&Outcome> = outcomes.iter().collect();
        by_loss.sort_by(|a, b| b.loss().total_cmp(&a.loss()).then(a.file.cmp(&b.file)));
        Self {
            model,
            split,
            accuracy,
            macro_f1,
            classes,
            confusion,
            by_origin: accuracies(&origins),
            origins: origins
                .into_iter()
                .map(|(origin, part)| (origin.to_owned(), OriginTest::new(&part)))
                .collect(),
            by_source: accuracies(&sources),
            calibration: CalibrationMetrics::new(outcomes),
            prediction_sets: SetMetrics::new(outcomes),
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

    /// The figures that a bundle carries of a test at this operating point.
    pub fn test_figures(&self, operating_point: &str) -> TestFigures {
        let calibration = self.calibration.as_ref();
        let rows = |confusion: &[[usize; Finding::COUNT]]| {
            Some(confusion.iter().map(|row| row.to_vec()).collect())
        };
        TestFigures {
            split: self.split.clone(),
            operating_point: operating_point.to_owned(),
            accuracy: self.accuracy,
            macro_f1: self.macro_f1,
            confusion: rows(&self.confusion),
            by_origin: (self.origins.iter())
                .map(|(origin, test)| {
                    let figures = OriginFigures {
                        accuracy: test.calls.accuracy,
                        confusion: rows(&test.calls.confusion),
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
                .map(|sets| sets.coverage.into_bundle()),
            mean_set_size: self.prediction_sets.as_ref().map(|sets| sets.mean_size),
            refused: self.in_distribution.as_ref().map(|r| r.refused),
        }
    }

    /// The evaluation as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_text(&mut text).ok();
        text
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "model     {}", self.model)?;
        writeln!(out, "images    {}", self.split)?;
        writeln!(
            out,
            "accuracy  {}  (95% Wilson interval)",
            in_text(&self.accuracy)
        )?;
        writeln!(out, "macro F1  {:.3}", self.macro_f1)?;
        if let Some(c) = &self.calibration {
            writeln!(
                out,
                "belief    calibration error {:.3} ({BINS} bins), log loss {:.3}, Brier score {:.3}",
                c.expected_error, c.log_loss, c.brier
            )?;
        }
        if let Some(r) = &self.risk_coverage {
            writeln!(out, "surest    area under risk-coverage {:.4}", r.area)?;
        }
        match &self.prediction_sets {
            Some(sets) => writeln!(
                out,
                "sets      {:.2} findings in the mean, empty {}",
                sets.mean_size,
                in_text(&sets.empty)
            )?,
            None => writeln!(out, "sets      {NOT_IN_MODEL}")?,
        }
        match &self.in_distribution {
            Some(r) => writeln!(
                out,
                "refused   {}\n          of the others right {}",
                in_text(&r.refused),
                in_text(&r.accepted_correct)
            )?,
            None => writeln!(out, "refused   {NOT_IN_MODEL}")?,
        }
        writeln!(
            out,
            "\n{:<16} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}  in its set",
            "finding", "precision", "recall", "F1", "images", "AUC", "AP"
        )?;
        for finding in Finding::ALL {
            let Some(c) = self.classes.get(finding.name()) else {
                continue;
            };
            let curves = self.curves.get(finding.name());
            let number =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
            writeln!(
                out,
                "{:<16} {:>9.3} {:>7.3} {:>7.3} {:>7} {:>7} {:>7}  {}",
                finding.name(),
                c.precision,
                c.recall,
                c.f1,
                c.images,
                number(curves.map(|c| c.auc)),
                number(curves.map(|c| c.average_precision)),
                match &self.prediction_sets {
                    Some(sets) => in_text(&sets.coverage[finding]),
                    None => NOT_IN_MODEL.to_owned(),
                }
            )?;
        }
        writeln!(
            out,
            "\n{:<16} {:>15} {:>15} {:>15}",
            "truth \\ called", "Normal", "Lung_Opacity", "Viral Pneumonia"
        )?;
        for finding in Finding::ALL {
            let [a, b, c] = self.confusion[finding.index()];
            writeln!(out, "{:<16} {a:>15} {b:>15} {c:>15}", finding.name())?;
        }
        writeln!(out, "\n{:<24} accuracy", "origin")?;
        for (origin, test) in &self.origins {
            writeln!(out, "{origin:<24} {}", in_text(&test.calls.accuracy))?;
            for (words, share) in called_in_words(&test.calls.called) {
                writeln!(out, "  {words:<22} {}", in_text(&share))?;
            }
            if let Some(auc) = test.normal_against_opacity_auc {
                writeln!(out, "  {:<22} {auc:.3}", "AUC opacity or normal")?;
            }
        }
        if self.by_source.len() > 1 {
            writeln!(out, "\n{:<24} accuracy", "folder")?;
            for (source, share) in &self.by_source {
                writeln!(out, "{source:<24} {}", in_text(share))?;
            }
        }
        for (file, reason) in &self.unreadable {
            writeln!(out, "not read: {file}: {reason}")?;
        }
        Ok(())
    }
}

impl ForeignMetrics {
    /// The figures as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = format!("foreign   {}, {} images\n", self.folder, self.images);
        let refused = match &self.refused {
            Some(refused) => in_text(refused),
            None if self.images == 0 => "-".to_owned(),
            None => NOT_IN_MODEL.to_owned(),
        };
        text += &format!("refused   {refused}\n");
        if let Some(auroc) = self.auroc {
            text += &format!("AUROC     {auroc:.3}, of the test images against these\n");
        }
        for Accepted {
            file,
            score,
            called,
        } in &self.accepted
        {
            text += &format!("accepted: {file}: score {score:.3}, {called}\n");
        }
        for (file, reason) in &self.unreadable {
            text += &format!("not read: {file}: {reason}\n");
        }
        text
    }
}

/// A share with its interval and its numbers, for a terminal.
pub(crate) fn in_text(share: &Share) -> String {
    if share.images == 0 {
        return "-".to_owned();
    }
    format!(
        "{:.3} [{:.3}, {:.3}]  {} of {}",
        share.share, share.interval[0], share.interval[1], share.correct, share.images
    )
}
