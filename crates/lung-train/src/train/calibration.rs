//! The calibration that fits best what networks answer to images that they were not trained on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcomes::Outcomes;
use super::points::{self, OperatingPoint, Point};
use crate::config::{CalibrationWeights, TrainConfig};
use crate::data::Dataset;

/// How logits become probabilities: `softmax((scales * logits + offsets) / temperature)`.
///
/// Temperature scaling with a scale for each finding (vector scaling, Guo et al. 2017, arXiv 1706.04599, section 4.2): how far the
/// targets of training are smoothed differs among findings, and how often each is drawn there is not how often it comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Calibration {
    /// Above 0.
    pub temperature: f32,
    /// What each logit is multiplied by: above 0, their product 1.
    pub scales: Vec<f32>,
    /// Added to the scaled logits.
    pub offsets: Vec<f32>,
}

/// A calibration as a file may have it.
#[derive(Deserialize)]
struct Stored {
    temperature: f32,
    /// Missing from before there were scales.
    scales: Option<Vec<f32>>,
    offsets: Vec<f32>,
}

impl From<Stored> for Calibration {
    fn from(stored: Stored) -> Self {
        Self {
            temperature: stored.temperature,
            scales: (stored.scales).unwrap_or_else(|| vec![1.0; stored.offsets.len()]),
            offsets: stored.offsets,
        }
    }
}

impl Calibration {
    /// One of this many findings that changes nothing.
    pub fn none(findings: usize) -> Self {
        Self {
            temperature: 1.0,
            scales: vec![1.0; findings],
            offsets: vec![0.0; findings],
        }
    }

    /// Calibrated probabilities.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let changed: Vec<f32> = self.changed(logits).collect();
        mobilenet_lung::softmax(&changed, self.temperature)
    }

    /// The negative logarithm of the calibrated probability of `label`, in nats, at most that of 1e-30.
    pub fn loss(&self, logits: &[f32], label: usize) -> f64 {
        let most = self.changed(logits).fold(f32::NEG_INFINITY, f32::max);
        let scaled = |logit: f32| f64::from(logit - most) / f64::from(self.temperature);
        let all: f64 = self.changed(logits).map(|logit| scaled(logit).exp()).sum();
        let own = self
            .changed(logits)
            .nth(label)
            .map_or(f64::NEG_INFINITY, scaled);
        (all.ln() - own).min(-(1e-30f64).ln())
    }

    fn changed(&self, logits: &[f32]) -> impl Iterator<Item = f32> {
        let changes = self.scales.iter().zip(&self.offsets);
        (logits.iter().zip(changes)).map(|(logit, (scale, offset))| logit * scale + offset)
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
    /// The operating points of the model; none where it is calibrated by what training draws.
    pub(super) points: BTreeMap<Point, OperatingPoint>,
}

impl Calibrations {
    /// From what the model answers to the validation images, and what the trainings without a fold answer to it, by fold.
    pub(super) fn fit(
        dataset: &Dataset,
        config: &TrainConfig,
        validation: &Outcomes,
        held_out: &BTreeMap<usize, Outcomes>,
    ) -> Self {
        let count = dataset.findings.len();
        let mut all = validation.clone();
        for outcomes in held_out.values() {
            all.extend(outcomes.clone());
        }
        let best = |answers: &Outcomes| {
            let (answers, weights) = match config.calibration {
                CalibrationWeights::Drawn => answers.to_calibrate(dataset, config.balance),
                CalibrationWeights::Clinic => Point::Clinic.weigh(answers, dataset),
            };
            (answers.best_calibration(&weights, count), weights.len())
        };
        let without_fold = (held_out.keys())
            .map(|fold| {
                let others = all.only(|example| dataset.examples[example].fold != *fold);
                (*fold, best(&others).0)
            })
            .collect();
        let (mut model, calibrated_on) = best(&all);
        let points = match config.calibration {
            CalibrationWeights::Drawn => BTreeMap::new(),
            CalibrationWeights::Clinic => points::fit(&all, dataset, &model),
        };
        if let Some(clinic) = points.get(&Point::Clinic) {
            model.offsets.clone_from(&clinic.offsets);
        }
        Self {
            model,
            calibrated_on,
            without_fold,
            points,
        }
    }
}

impl Outcomes {
    /// The answers by which to calibrate, with the weight of each, 1 in the mean: those of one stratum (finding, origin and
    /// data folder) together weigh as often as training draws them, by a `balance` of
    /// [`TrainConfig::balance`](crate::config::TrainConfig::balance). Images whose target is divided are left out: what
    /// training aims at for them is not what they are counted as.
    pub fn to_calibrate(&self, dataset: &Dataset, balance: f64) -> (Self, Vec<f64>) {
        let stratum = |example: &usize| dataset.examples[*example].stratum();
        let part = self.only(|example| !dataset.class(example).is_divided());
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

    /// The calibration with the smallest loss, scales held near 1 and offsets near 0 by a weak prior: one parameter after another
    /// by golden-section search. The loss is convex in what logits are multiplied by and what is added, so that it has one minimum.
    ///
    /// `weights` has what each answer counts, 1 in the mean; there are `findings` of them.
    pub fn best_calibration(&self, weights: &[f64], findings: usize) -> Calibration {
        /// Rounds over all parameters: of 2,886 answers no probability is then farther than 0.0025 from where another minimiser
        /// ends.
        const ROUNDS: usize = 60;
        /// Variance of the prior times the number of images is what a squared offset, or logarithm of a scale, counts.
        const PRIOR: f64 = 0.5;
        if self.labels.is_empty() {
            return Calibration::none(findings);
        }
        let mean = self.mean_logits(weights, findings);
        let objective = |knobs: &Knobs| {
            let (scales, offsets) = (knobs.scales.iter(), knobs.offsets.iter());
            let far: f64 = scales.chain(offsets).map(|value| value * value).sum();
            let loss: f64 = (self.losses(&knobs.calibration(&mean)).zip(weights))
                .map(|(loss, weight)| loss * weight)
                .sum();
            (loss + PRIOR * far) / self.labels.len() as f64
        };
        let mut best = Knobs {
            temperature: 0.0,
            scales: vec![0.0; findings],
            offsets: vec![0.0; findings],
        };
        for _ in 0..ROUNDS {
            best.turn(-1.6, 1.6, |knobs| &mut knobs.temperature, objective);
            for place in 0..findings {
                best.turn(-3.0, 3.0, |knobs| &mut knobs.offsets[place], objective);
                best.turn(-1.6, 1.6, |knobs| &mut knobs.scales[place], objective);
            }
        }
        best.calibration(&mean)
    }

    /// Mean of the logit of each finding.
    fn mean_logits(&self, weights: &[f64], findings: usize) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        let mean = |row: usize| {
            let sum: f64 = (self.logits.iter().zip(weights))
                .map(|(logits, weight)| f64::from(logits[row]) * weight)
                .sum();
            sum / total
        };
        (0..findings).map(mean).collect()
    }
}

/// What [`Outcomes::best_calibration`] turns, all 0 where nothing is changed.
#[derive(Clone)]
struct Knobs {
    /// Logarithm of the temperature.
    temperature: f64,
    /// Logarithms of the scales.
    scales: Vec<f64>,
    /// What a mean logit is moved by: the offset proper would have to follow each change of a scale.
    offsets: Vec<f64>,
}

impl Knobs {
    /// Turns one knob to where the objective is least.
    fn turn(
        &mut self,
        low: f64,
        high: f64,
        knob: impl Fn(&mut Self) -> &mut f64,
        objective: impl Fn(&Self) -> f64,
    ) {
        let turned = std::cell::RefCell::new(self.clone());
        let best = minimum(low, high, |value| {
            let mut turned = turned.borrow_mut();
            *knob(&mut turned) = value;
            objective(&turned)
        });
        *knob(self) = best;
    }

    /// For logits of these means.
    fn calibration(&self, mean: &[f64]) -> Calibration {
        // All scales together are a temperature.
        let common = self.scales.iter().sum::<f64>() / self.scales.len() as f64;
        let shrink = (-common).exp();
        let each = |of: &dyn Fn(usize) -> f64| {
            (0..mean.len())
                .map(|place| (of(place) * shrink) as f32)
                .collect()
        };
        Calibration {
            temperature: (self.temperature - common).exp() as f32,
            scales: each(&|place| self.scales[place].exp()),
            offsets: each(&|place| {
                self.offsets[place] + mean[place] * (1.0 - self.scales[place].exp())
            }),
        }
    }
}

/// Where a function with one minimum between `low` and `high` has it, by golden-section search.
pub(super) fn minimum(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Example;
    use crate::data::examples::{BACTERIAL, NORMAL};

    #[test]
    fn calibration_undoes_what_was_done_to_the_logits() {
        // Labels as often as the probabilities say, of logits that are then stretched, each in its own way, and shifted.
        let (stretch, shift) = ([2.5f32, 1.25, 5.0], [0.8f32, -0.5, 0.0]);
        let mut outcomes = Outcomes::default();
        for i in 0..40 {
            let logits = [0.0, (i % 8) as f32 / 2.0 - 2.0, (i / 8) as f32 / 2.0 - 1.0];
            let shares = mobilenet_lung::softmax(&logits, 1.0);
            for (row, share) in shares.iter().enumerate() {
                for _ in 0..(share * 60.0).round() as usize {
                    let mut seen = logits.to_vec();
                    for ((value, stretch), shift) in seen.iter_mut().zip(stretch).zip(shift) {
                        *value = *value * stretch + shift;
                    }
                    outcomes.push(0, row, seen);
                }
            }
        }
        let found = outcomes.best_calibration(&vec![1.0; outcomes.labels.len()], 3);
        // Rounding of the shares, and the prior, move it a little.
        for (logits, label) in outcomes.logits.iter().zip(&outcomes.labels).step_by(29) {
            let mut before = logits.clone();
            for ((value, stretch), shift) in before.iter_mut().zip(stretch).zip(shift) {
                *value = (*value - shift) / stretch;
            }
            let (got, want) = (
                found.probabilities(logits),
                mobilenet_lung::softmax(&before, 1.0),
            );
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() < 0.02, "{label:?}: {found:?}");
            }
        }
        let product: f32 = found.scales.iter().product();
        assert!((product - 1.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_calibration_from_before_there_were_scales_is_read() {
        let text = r#"{"temperature": 0.7, "offsets": [0.1, 0.2, 0.3]}"#;
        let read: Calibration = serde_json::from_str(text).unwrap();
        assert_eq!(read.scales, [1.0; 3]);
    }

    #[test]
    fn strata_weigh_as_training_draws_them_and_divided_targets_not_at_all() {
        let example = |class, origin: &str| Example {
            origin: origin.to_owned(),
            fold: 1,
            ..Example::of_class(class)
        };
        // Nine healthy adults, a healthy child and two with a bacterial pneumonia.
        let mut examples = vec![example(NORMAL, "adult"); 9];
        examples.push(example(NORMAL, "paediatric"));
        examples.extend(vec![example(BACTERIAL, "paediatric"); 2]);
        let mut outcomes = Outcomes::default();
        for (index, example) in examples.iter().enumerate() {
            outcomes.push(index, example.finding, vec![0.0; 3]);
        }
        let dataset = Dataset::of_examples(&[], examples);
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
            fold,
            ..Example::of_class(NORMAL)
        };
        // Example 0 of fold 1, example 1 of fold 2; the model validates on one of either.
        let dataset = Dataset::of_examples(&[], vec![example(1), example(2)]);
        let answers = |example: usize, lean: f32| {
            let mut outcomes = Outcomes::default();
            for i in 0..30usize {
                let logits = vec![(i % 7) as f32 / 3.0 + lean, (i % 5) as f32 / 2.0, 0.0];
                outcomes.push(example, (i * i) % 3, logits);
            }
            outcomes
        };
        let fit = |lean: f32| {
            let mut validation = answers(0, lean);
            validation.extend(answers(1, 0.0));
            let held_out = BTreeMap::from([(1, answers(0, lean)), (2, answers(1, 0.0))]);
            Calibrations::fit(&dataset, &TrainConfig::default(), &validation, &held_out)
        };
        let (straight, leaning) = (fit(0.0), fit(2.0));
        assert_eq!(straight.calibrated_on, 120);
        // What leans is the answers to images of fold 1.
        assert_eq!(straight.without_fold[&1], leaning.without_fold[&1]);
        assert_ne!(straight.without_fold[&2], leaning.without_fold[&2]);
        let normal = |c: &Calibration| c.offsets[0] - c.offsets[1];
        let of_all = normal(&leaning.model);
        assert!(
            normal(&leaning.without_fold[&2]) < of_all && of_all < normal(&straight.model),
            "{leaning:?}"
        );
        let nothing = Calibrations::fit(
            &dataset,
            &TrainConfig::default(),
            &Outcomes::default(),
            &BTreeMap::new(),
        );
        assert_eq!(
            (nothing.model, nothing.calibrated_on),
            (Calibration::none(3), 0)
        );
    }

    #[test]
    fn a_weight_counts_as_often_as_the_same_answer_again() {
        let mut once = Outcomes::default();
        let mut again = Outcomes::default();
        for i in 0..30usize {
            let logits = vec![(i % 7) as f32 / 3.0, (i % 5) as f32 / 2.0, (i % 3) as f32];
            let label = (i * i) % 3;
            once.push(0, label, logits.clone());
            for _ in 0..=i % 3 {
                again.push(0, label, logits.clone());
            }
        }
        let weights: Vec<f64> = (0..30).map(|i| (1 + i % 3) as f64).collect();
        let (a, b) = (
            once.best_calibration(&weights, 3),
            again.best_calibration(&[1.0; 60], 3),
        );
        assert!((a.temperature - b.temperature).abs() < 1e-3, "{a:?} {b:?}");
        for (a, b) in [(a.offsets, b.offsets), (a.scales, b.scales)] {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }
}
