//! What a network answers to labelled images, and the calibration that fits it best.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use mobilenet_lung::{Finding, softmax};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;

/// Logits with the truth beside them.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// The examples that were answered, as indices into the data set.
    pub examples: Vec<usize>,
    /// One row an image.
    pub logits: Vec<[f32; Finding::COUNT]>,
    /// The true finding of each.
    pub labels: Vec<Finding>,
}

impl Outcomes {
    /// Adds one answer.
    pub fn push(&mut self, example: usize, label: Finding, logits: [f32; Finding::COUNT]) {
        self.examples.push(example);
        self.labels.push(label);
        self.logits.push(logits);
    }

    /// Adds the answers of another network, or to other images.
    pub fn extend(&mut self, other: Self) {
        self.examples.extend(other.examples);
        self.labels.extend(other.labels);
        self.logits.extend(other.logits);
    }

    /// The answers to those images that are wanted.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let mut part = Self::default();
        for (place, example) in self.examples.iter().enumerate() {
            if wanted(*example) {
                part.push(*example, self.labels[place], self.logits[place]);
            }
        }
        part
    }

    /// What the calibrated network calls the images of each finding, origin and data folder.
    pub fn calls(
        &self,
        dataset: &Dataset,
        calibration: &Calibration,
    ) -> BTreeMap<String, [usize; Finding::COUNT]> {
        let mut calls: BTreeMap<String, [usize; Finding::COUNT]> = BTreeMap::new();
        for (index, logits) in self.examples.iter().zip(&self.logits) {
            let example = &dataset.examples[*index];
            let stratum = format!("{} {} {}", example.source, example.origin, example.finding);
            let called = top(&calibration.probabilities(*logits));
            calls.entry(stratum).or_default()[called.index()] += 1;
        }
        calls
    }

    /// Share classified correctly, 0..=1.
    pub fn accuracy(&self) -> f64 {
        let correct = self
            .logits
            .iter()
            .zip(&self.labels)
            .filter(|(logits, label)| top(logits) == **label)
            .count();
        correct as f64 / self.labels.len().max(1) as f64
    }

    /// Mean cross-entropy in nats.
    pub fn loss(&self, calibration: &Calibration) -> f64 {
        let sum: f64 = self.losses(calibration).sum();
        sum / self.labels.len().max(1) as f64
    }

    /// The cross-entropy of each answer in nats.
    fn losses(&self, calibration: &Calibration) -> impl Iterator<Item = f64> {
        self.logits.iter().zip(&self.labels).map(|(logits, label)| {
            -f64::from(calibration.probabilities(*logits)[label.index()].max(1e-30)).ln()
        })
    }

    /// The answers by which to calibrate, with the weight of each, 1 in the mean: those of one stratum (finding, origin and
    /// data folder) together weigh as often as training draws them, by a `balance` of
    /// [`TrainConfig::balance`](crate::config::TrainConfig::balance). Bacterial pneumonias are left out: what training
    /// aims at for them is not what they are counted as.
    pub fn to_calibrate(&self, dataset: &Dataset, balance: f64) -> (Self, Vec<f64>) {
        let stratum = |example: &usize| dataset.examples[*example].stratum();
        let part = self.only(|example| !dataset.examples[example].bacterial);
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for example in &part.examples {
            *counts.entry(stratum(example)).or_default() += 1;
        }
        let mut weights: Vec<f64> = (part.examples.iter())
            .map(|example| (counts[&stratum(example)] as f64).powf(-balance))
            .collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight *= part.examples.len() as f64 / sum;
        }
        (part, weights)
    }

    /// The calibration with the smallest loss, the offsets held near 0 by a weak prior: one parameter after another by
    /// golden-section search, which a convex loss lets end at the minimum.
    ///
    /// `weights` has what each answer counts, 1 in the mean.
    pub fn best_calibration(&self, weights: &[f64]) -> Calibration {
        /// Rounds over all parameters; the last change nothing that f32 would show.
        const ROUNDS: usize = 30;
        /// Variance of the prior times the number of images is what a squared offset counts.
        const PRIOR: f64 = 0.5;
        let mut best = Calibration::default();
        if self.labels.is_empty() {
            return best;
        }
        let objective = |calibration: &Calibration| {
            let offsets = calibration
                .offsets
                .iter()
                .map(|b| f64::from(b * b))
                .sum::<f64>();
            let loss: f64 = (self.losses(calibration).zip(weights))
                .map(|(loss, weight)| loss * weight)
                .sum();
            (loss + PRIOR * offsets) / self.labels.len() as f64
        };
        for _ in 0..ROUNDS {
            let from = best;
            let log = minimum(0.2f64.ln(), 5f64.ln(), |log| {
                let mut calibration = from;
                calibration.temperature = log.exp() as f32;
                objective(&calibration)
            });
            best.temperature = log.exp() as f32;
            for finding in Finding::ALL {
                let from = best;
                let with = |offset: f64| {
                    let mut calibration = from;
                    calibration.offsets[finding.index()] = offset as f32;
                    calibration
                };
                best = with(minimum(-3.0, 3.0, |offset| objective(&with(offset))));
            }
        }
        best
    }
}

/// How logits become probabilities: `softmax((logits + offsets) / temperature)`.
///
/// Temperature scaling (Guo et al. 2017, arXiv 1706.04599) with its bias corrected (Alexandari, Kundaje and Shrikumar 2020,
/// arXiv 1901.06852): how often each finding is drawn in training is not how often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Above 0.
    pub temperature: f32,
    /// Added to the logits.
    pub offsets: [f32; Finding::COUNT],
}

impl Default for Calibration {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            offsets: [0.0; Finding::COUNT],
        }
    }
}

impl Calibration {
    /// Calibrated probabilities.
    pub fn probabilities(&self, mut logits: [f32; Finding::COUNT]) -> [f32; Finding::COUNT] {
        for (logit, offset) in logits.iter_mut().zip(self.offsets) {
            *logit += offset;
        }
        softmax(logits, self.temperature)
    }
}

/// The calibrations of a model and of the trainings without a fold that go with it.
///
/// They learn alike and lean alike, so that each can be calibrated on what the others answer: more images than one has to
/// spare. A training without a fold is calibrated on images of other folds alone, so that what it then answers to its own says how such a
/// calibration does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calibrations {
    /// That of the model: what fits all answers best.
    pub(super) model: Calibration,
    /// How many answers that was fitted to.
    pub(super) calibrated_on: usize,
    /// That of each training without a fold, by fold.
    pub(super) without_fold: BTreeMap<usize, Calibration>,
}

impl Calibrations {
    /// From what the model answers to the validation images, and what the trainings without a fold answer to it, by fold.
    pub(super) fn fit(
        dataset: &Dataset,
        balance: f64,
        validation: &Outcomes,
        held_out: &BTreeMap<usize, Outcomes>,
    ) -> Self {
        let mut all = validation.clone();
        for outcomes in held_out.values() {
            all.extend(outcomes.clone());
        }
        let best = |answers: &Outcomes| {
            let (answers, weights) = answers.to_calibrate(dataset, balance);
            (answers.best_calibration(&weights), weights.len())
        };
        let without_fold = (held_out.keys())
            .map(|fold| {
                let others = all.only(|example| dataset.examples[example].fold != *fold);
                (*fold, best(&others).0)
            })
            .collect();
        let (model, calibrated_on) = best(&all);
        Self {
            model,
            calibrated_on,
            without_fold,
        }
    }
}

/// Where a function with one minimum between `low` and `high` has it, by golden-section search.
fn minimum(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..40 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if function(a) < function(b) {
            high = b;
        } else {
            low = a;
        }
    }
    (low + high) / 2.0
}

/// The finding with the largest logit.
pub fn top(logits: &[f32; Finding::COUNT]) -> Finding {
    Finding::ALL
        .into_iter()
        .max_by(|a, b| logits[a.index()].total_cmp(&logits[b.index()]))
        .unwrap_or(Finding::Normal)
}

/// A tensor `[batch, 3]` as rows.
///
/// # Errors
/// When the device does not give its numbers.
pub fn rows(logits: Tensor<2>) -> anyhow::Result<Vec<[f32; Finding::COUNT]>> {
    let values = logits
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(values.as_chunks::<{ Finding::COUNT }>().0.to_vec())
}

pub(super) fn predictions(logits: Tensor<2>) -> anyhow::Result<Vec<Finding>> {
    Ok(rows(logits)?.iter().map(top).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::Example;

    #[test]
    fn calibration_undoes_what_was_done_to_the_logits() {
        // Labels as often as the probabilities say, of logits that are then stretched and shifted.
        let (stretch, shift) = (2.5f32, [0.8f32, -0.5, 0.0]);
        let mut outcomes = Outcomes::default();
        for i in 0..40 {
            let logits = [0.0, (i % 8) as f32 / 2.0 - 2.0, (i / 8) as f32 / 2.0 - 1.0];
            let shares = softmax(logits, 1.0).map(|p| (p * 200.0).round() as usize);
            for finding in Finding::ALL {
                for _ in 0..shares[finding.index()] {
                    let mut seen = logits;
                    for (value, shift) in seen.iter_mut().zip(shift) {
                        *value = *value * stretch + shift;
                    }
                    outcomes.push(0, finding, seen);
                }
            }
        }
        let found = outcomes.best_calibration(&vec![1.0; outcomes.labels.len()]);
        // Only differences of offsets matter; rounding of the shares, and the prior, move them a little.
        assert!((found.temperature - stretch).abs() < 0.05, "{found:?}");
        let [a, b, c] = found.offsets;
        assert!(
            (a - c + 0.8).abs() < 0.05 && (b - c - 0.5).abs() < 0.05,
            "{found:?}"
        );
    }

    #[test]
    fn strata_weigh_as_training_draws_them_and_bacterial_pneumonias_not_at_all() {
        let example = |finding, origin: &str, bacterial| Example {
            file: String::new(),
            path: PathBuf::new(),
            source: "data".to_owned(),
            finding,
            bacterial,
            group: String::new(),
            origin: origin.to_owned(),
            fold: 1,
        };
        // Nine healthy adults, a healthy child and two with a bacterial pneumonia.
        let mut examples = vec![example(Finding::Normal, "adult", false); 9];
        examples.push(example(Finding::Normal, "paediatric", false));
        examples.extend(vec![example(Finding::LungOpacity, "paediatric", true); 2]);
        let mut outcomes = Outcomes::default();
        for (index, example) in examples.iter().enumerate() {
            outcomes.push(index, example.finding, [0.0; Finding::COUNT]);
        }
        let dataset = Dataset {
            folders: Vec::new(),
            examples,
            grouped: true,
        };
        for (balance, adults) in [(0.0, 9.0), (0.5, 3.0), (1.0, 1.0)] {
            let (part, weights) = outcomes.to_calibrate(&dataset, balance);
            assert_eq!(part.examples, (0..10).collect::<Vec<_>>());
            assert!((weights.iter().sum::<f64>() - 10.0).abs() < 1e-9);
            let ratio = weights[..9].iter().sum::<f64>() / weights[9];
            assert!((ratio - adults).abs() < 1e-9, "{balance}: {ratio}");
        }
    }

    #[test]
    fn a_training_without_a_fold_is_calibrated_on_the_answers_to_the_other_folds() {
        let example = |fold| Example {
            file: String::new(),
            path: PathBuf::new(),
            source: "data".to_owned(),
            finding: Finding::Normal,
            bacterial: false,
            group: String::new(),
            origin: "adult".to_owned(),
            fold,
        };
        // Example 0 of fold 1, example 1 of fold 2; the model validates on one of either.
        let dataset = Dataset {
            folders: Vec::new(),
            examples: vec![example(1), example(2)],
            grouped: true,
        };
        let answers = |example: usize, lean: f32| {
            let mut outcomes = Outcomes::default();
            for i in 0..30usize {
                let logits = [(i % 7) as f32 / 3.0 + lean, (i % 5) as f32 / 2.0, 0.0];
                outcomes.push(example, Finding::ALL[(i * i) % 3], logits);
            }
            outcomes
        };
        let fit = |lean: f32| {
            let mut validation = answers(0, lean);
            validation.extend(answers(1, 0.0));
            let held_out = BTreeMap::from([(1, answers(0, lean)), (2, answers(1, 0.0))]);
            Calibrations::fit(&dataset, 0.3, &validation, &held_out)
        };
        let (straight, leaning) = (fit(0.0), fit(2.0));
        assert_eq!(straight.calibrated_on, 120);
        // What leans is the answers to images of fold 1.
        assert_eq!(straight.without_fold[&1], leaning.without_fold[&1]);
        assert_ne!(straight.without_fold[&2], leaning.without_fold[&2]);
        let normal = |c: Calibration| c.offsets[0] - c.offsets[1];
        let of_all = normal(leaning.model);
        assert!(
            normal(leaning.without_fold[&2]) < of_all && of_all < normal(straight.model),
            "{leaning:?}"
        );
        let nothing = Calibrations::fit(&dataset, 0.3, &Outcomes::default(), &BTreeMap::new());
        assert_eq!(
            (nothing.model, nothing.calibrated_on),
            (Calibration::default(), 0)
        );
    }

    #[test]
    fn a_weight_counts_as_often_as_the_same_answer_again() {
        let mut once = Outcomes::default();
        let mut again = Outcomes::default();
        for i in 0..30usize {
            let logits = [(i % 7) as f32 / 3.0, (i % 5) as f32 / 2.0, (i % 3) as f32];
            let label = Finding::ALL[(i * i) % 3];
            once.push(0, label, logits);
            for _ in 0..=i % 3 {
                again.push(0, label, logits);
            }
        }
        let weights: Vec<f64> = (0..30).map(|i| (1 + i % 3) as f64).collect();
        let (a, b) = (
            once.best_calibration(&weights),
            again.best_calibration(&[1.0; 60]),
        );
        assert!((a.temperature - b.temperature).abs() < 1e-3, "{a:?} {b:?}");
        for (a, b) in a.offsets.iter().zip(b.offsets) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}
