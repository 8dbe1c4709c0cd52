//! How good a classifier is, with how far that can be trusted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mobilenet_lung::Finding;
use mobilenet_lung::bundle::{OriginMetrics, TestMetrics};
use serde::Serialize;

/// Quantile of the normal distribution for a two-sided 95% interval.
const Z95: f64 = 1.959_963_984_540_054;

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
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// How many of `images`.
    pub correct: usize,
    /// Of how many.
    pub images: usize,
    /// `correct / images`, 0..=1.
    pub share: f64,
    /// 95% Wilson score interval.
    pub interval: [f64; 2],
}

impl Share {
    fn new(correct: usize, images: usize) -> Self {
        Self {
            correct,
            images,
            share: correct as f64 / images.max(1) as f64,
            interval: wilson(correct, images),
        }
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
    /// Images that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// One classified image.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it is.
    pub truth: Finding,
    /// What it was called.
    pub called: Finding,
    /// Where the patient comes from.
    pub origin: String,
}

impl Evaluation {
    /// Sums up outcomes.
    pub fn new(
        model: String,
        split: String,
        outcomes: &[Outcome],
        unreadable: Vec<(String, String)>,
    ) -> Self {
        let mut confusion = [[0; Finding::COUNT]; Finding::COUNT];
        let mut origins: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for outcome in outcomes {
            confusion[outcome.truth.index()][outcome.called.index()] += 1;
            let (correct, images) = origins.entry(outcome.origin.clone()).or_default();
            *correct += usize::from(outcome.truth == outcome.called);
            *images += 1;
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
        Self {
            model,
            split,
            accuracy: Share::new(correct, outcomes.len()),
            macro_f1: classes.values().map(|c| c.f1).sum::<f64>() / Finding::COUNT as f64,
            classes,
            confusion,
            by_origin: origins
                .into_iter()
                .map(|(origin, (correct, images))| (origin, Share::new(correct, images)))
                .collect(),
            unreadable,
        }
    }

    /// The figures that a bundle carries.
    pub fn test_metrics(&self) -> TestMetrics {
        TestMetrics {
            split: self.split.clone(),
            images: self.accuracy.images,
            accuracy: self.accuracy.share,
            accuracy_interval: self.accuracy.interval,
            macro_f1: self.macro_f1,
            by_origin: self
                .by_origin
                .iter()
                .map(|(origin, share)| {
                    let metrics = OriginMetrics {
                        images: share.images,
                        accuracy: share.share,
                    };
                    (origin.clone(), metrics)
                })
                .collect(),
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
        let share = |share: &Share| {
            format!(
                "{:.3} [{:.3}, {:.3}]  {} of {}",
                share.share, share.interval[0], share.interval[1], share.correct, share.images
            )
        };
        writeln!(out, "model     {}", self.model)?;
        writeln!(out, "images    {}", self.split)?;
        writeln!(
            out,
            "accuracy  {}  (95% Wilson interval)",
            share(&self.accuracy)
        )?;
        writeln!(out, "macro F1  {:.3}", self.macro_f1)?;
        writeln!(
            out,
            "\n{:<16} {:>9} {:>7} {:>7} {:>7}",
            "finding", "precision", "recall", "F1", "images"
        )?;
        for finding in Finding::ALL {
            if let Some(c) = self.classes.get(finding.name()) {
                writeln!(
                    out,
                    "{:<16} {:>9.3} {:>7.3} {:>7.3} {:>7}",
                    finding.name(),
                    c.precision,
                    c.recall,
                    c.f1,
                    c.images
                )?;
            }
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
        writeln!(out, "\n{:<16} accuracy", "origin")?;
        for (origin, s) in &self.by_origin {
            writeln!(out, "{origin:<16} {}", share(s))?;
        }
        for (file, reason) in &self.unreadable {
            writeln!(out, "not read: {file}: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let [a, b] = wilson(successes, trials);
            assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{a} {b}");
        }
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }

    #[test]
    fn a_small_confusion_by_hand() {
        let outcome = |truth, called, origin: &str| Outcome {
            truth,
            called,
            origin: origin.to_owned(),
        };
        use Finding::{LungOpacity, Normal, ViralPneumonia};
        let evaluation = Evaluation::new(
            "m".into(),
            "s".into(),
            &[
                outcome(Normal, Normal, "adult"),
                outcome(Normal, LungOpacity, "adult"),
                outcome(LungOpacity, LungOpacity, "adult"),
                outcome(ViralPneumonia, ViralPneumonia, "paediatric"),
            ],
            Vec::new(),
        );
        assert_eq!(evaluation.accuracy.share, 0.75);
        assert_eq!(evaluation.confusion, [[1, 1, 0], [0, 1, 0], [0, 0, 1]]);
        let normal = evaluation.classes["Normal"];
        assert_eq!((normal.precision, normal.recall), (1.0, 0.5));
        // F1: 2/3, 2/3 and 1.
        assert!((evaluation.macro_f1 - 7.0 / 9.0).abs() < 1e-12);
        assert_eq!(evaluation.by_origin["adult"].correct, 2);
        assert!(evaluation.to_text().contains("0.750"));
    }
}
