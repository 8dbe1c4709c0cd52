//! How good a classifier is, with how far that can be trusted.

mod calibration;
mod calls;
mod curve;
mod outcome;
mod shares;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mobilenet_lung::bundle::{Confusion, OriginFigures, TestFigures};
use mobilenet_lung::{ByFinding, Findings};
use serde::Serialize;

pub use calibration::{BINS, Bin, CalibrationMetrics};
pub use calls::{Called, Calls, OriginTest, called};
pub use curve::{Curves, PrecisionRecallPoint, RocPoint, auroc};
pub use outcome::Outcome;
pub use shares::{ClassMetrics, Share, share_of, wilson};
pub(crate) use shares::{Z95, percent};
pub use trust::{Accepted, ForeignMetrics, RefusalMetrics, RiskCoverage, RiskPoint, SetMetrics};

/// How many images an [`Evaluation`] names that the classifier is most wrong about.
const WORST: usize = 12;

/// What is printed for a figure that the model has no statistics for.
pub const NOT_IN_MODEL: &str = "not in this model";

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
        for (id, c) in self.classes.iter() {
            let curves = self.curves.get(id);
            let number =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
            writeln!(
                out,
                "{:<16} {:>9.3} {:>7.3} {:>7.3} {:>7} {:>7} {:>7}  {}",
                id,
                c.precision,
                c.recall,
                c.f1,
                c.images,
                number(curves.map(|c| c.auc)),
                number(curves.map(|c| c.average_precision)),
                match &self.prediction_sets {
                    Some(sets) => sets.coverage.get(id).map_or_else(String::new, in_text),
                    None => NOT_IN_MODEL.to_owned(),
                }
            )?;
        }
        self.write_calls(out)?;
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

    /// The confusion matrix, and what patients of each origin were called.
    fn write_calls(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "\n{:<16}", "truth \\ called")?;
        for (id, _) in self.classes.iter() {
            write!(out, " {id:>15}")?;
        }
        writeln!(out)?;
        for ((id, _), row) in self.classes.iter().zip(&self.confusion) {
            write!(out, "{id:<16}")?;
            for ((called, _), count) in self.classes.iter().zip(row) {
                write!(out, " {count:>0$}", called.chars().count().max(15))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n{:<24} accuracy", "origin")?;
        for (origin, test) in &self.origins {
            writeln!(out, "{origin:<24} {}", in_text(&test.calls.accuracy))?;
            for called in &test.calls.called {
                writeln!(
                    out,
                    "  {:<22} {}",
                    called.in_words(),
                    in_text(&called.share)
                )?;
            }
            for (id, auc) in &test.against_normal_auc {
                writeln!(out, "  {:<22} {auc:.3}", format!("AUC {id} or normal"))?;
            }
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
