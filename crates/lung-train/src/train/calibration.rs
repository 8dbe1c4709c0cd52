//! The calibration that fits best what networks answer to images that they were not trained on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcomes::Outcomes;
use super::points::{self, OperatingPoint, Point};
use crate::config::{CalibrationWeights, TrainConfig};
use crate::data::Dataset;
use crate::finding::{Finding, softmax};

/// How logits become probabilities: `softmax((scales * logits + offsets) / temperature)`.
///
/// Temperature scaling with a scale for each finding (vector scaling, Guo et al. 2017, arXiv 1706.04599, section 4.2): how far the
/// targets of training are smoothed differs among findings, and how often each is drawn there is not how often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Above 0.
    pub temperature: f32,
    /// What each logit is multiplied by: above 0, their product 1.
    #[serde(default = "unscaled")]
    pub scales: [f32; Finding::COUNT],
    /// Added to the scaled logits.
    pub offsets: [f32; Finding::COUNT],
}

impl Default for Calibration {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            scales: unscaled(),
            offsets: [0.0; Finding::COUNT],
        }
    }
}

fn unscaled() -> [f32; Finding::COUNT] {
    [1.0; Finding::COUNT]
}

impl Calibration {
    /// Calibrated probabilities.
    pub fn probabilities(&self, mut logits: [f32; Finding::COUNT]) -> [f32; Finding::COUNT] {
        for ((logit, scale), offset) in logits.iter_mut().zip(self.scales).zip(self.offsets) {
            *logit = *logit * scale + offset;
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
        let mut all = validation.clone();
        for outcomes in held_out.values() {
            all.extend(outcomes.clone());
        }
        let best = |answers: &Outcomes| {
            let (answers, weights) = match config.calibration {
                CalibrationWeights::Drawn => answers.to_calibrate(dataset, config.balance),
                CalibrationWeights::Clinic => Point::Clinic.weigh(answers, dataset),
            };
            (answers.best_calibration(&weights), weights.len())
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
            model.offsets = clinic.offsets;
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

    /// The calibration with the smallest loss, scales held near 1 and offsets near 0 by a weak prior: one parameter after another
    /// by golden-section search. The loss is convex in what logits are multiplied by and what is added, so that it has one minimum.
    ///
    /// `weights` has what each answer counts, 1 in the mean.
    pub fn best_calibration(&self, weights: &[f64]) -> Calibration {
        /// Rounds over all parameters: of 2,886 answers no probability is then farther than 0.0025 from where another minimiser
        /// ends.
        const ROUNDS: usize = 60;
        /// Variance of the prior times the number of images is what a squared offset, or logarithm of a scale, counts.
        const PRIOR: f64 = 0.5;
        if self.labels.is_empty() {
            return Calibration::default();
        }
        let mean = self.mean_logits(weights);
        let objective = |knobs: &Knobs| {
            let (scales, offsets) = (knobs.scales.iter(), knobs.offsets.iter());
            let far: f64 = scales.chain(offsets).map(|value| value * value).sum();
            let loss: f64 = (self.losses(&knobs.calibration(mean)).zip(weights))
                .map(|(loss, weight)| loss * weight)
                .sum();
            (loss + PRIOR * far) / self.labels.len() as f64
        };
        let mut best = Knobs::default();
        for _ in 0..ROUNDS {
            best.turn(-1.6, 1.6, |knobs| &mut knobs.temperature, objective);
            for place in 0..Finding::COUNT {
                best.turn(-3.0, 3.0, |knobs| &mut knobs.offsets[place], objective);
                best.turn(-1.6, 1.6, |knobs| &mut knobs.scales[place], objective);
            }
        }
        best.calibration(mean)
    }

    /// Mean of the logit of each finding.
    fn mean_logits(&self, weights: &[f64]) -> [f64; Finding::COUNT] {
        let total: f64 = weights.iter().sum();
        Finding::ALL.map(|finding| {
            let of = |logits: &[f32; Finding::COUNT]| f64::from(logits[finding.index()]);
            let sum: f64 = (self.logits.iter().zip(weights))
                .map(|(logits, weight)| of(logits) * weight)
                .sum();
            sum / total
        })
    }
}

/// What [`Outcomes::best_calibration`] turns, all 0 where nothing is changed.
#[derive(Clone, Copy, Default)]
struct Knobs {
    /// Logarithm of the temperature.
    temperature: f64,
    /// Logarithms of the scales.
    scales: [f64; Finding::COUNT],
    /// What a mean logit is moved by: the offset proper would have to follow each change of a scale.
    offsets: [f64; Finding::COUNT],
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
        let from = *self;
        let at = |value: f64| {
            let mut turned = from;
            *knob(&mut turned) = value;
            turned
        };
        *self = at(minimum(low, high, |value| objective(&at(value))));
    }

    /// For logits of these means.
    fn calibration(&self, mean: [f64; Finding::COUNT]) -> Calibration {
        // All scales together are a temperature.
        let common = self.scales.iter().sum::<f64>() / Finding::COUNT as f64;
        let shrink = (-common).exp();
        let each =
            |of: &dyn Fn(usize) -> f64| Finding::ALL.map(|f| (of(f.index()) * shrink) as f32);
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
    use std::path::PathBuf;

    use super::*;
    use crate::data::Example;

    #[test]
    fn calibration_undoes_what_was_done_to_the_logits() {
        // Labels as often as the probabilities say, of logits that are then stretched, each in its own way, and shifted.
        let (stretch, shift) = ([2.5f32, 1.25, 5.0], [0.8f32, -0.5, 0.0]);
        let mut outcomes = Outcomes::default();
        for i in 0..40 {
            let logits = [0.0, (i % 8) as f32 / 2.0 - 2.0, (i / 8) as f32 / 2.0 - 1.0];
            let shares = softmax(logits, 1.0).map(|p| (p * 60.0).round() as usize);
            for finding in Finding::ALL {
                for _ in 0..shares[finding.index()] {
                    let mut seen = logits;
                    for ((value, stretch), shift) in seen.iter_mut().zip(stretch).zip(shift) {
                        *value = *value * stretch + shift;
                    }
                    outcomes.push(0, finding, seen);
                }
            }
        }
        let found = outcomes.best_calibration(&vec![1.0; outcomes.labels.len()]);
        // Rounding of the shares, and the prior, move it a little.
        for (logits, label) in outcomes.logits.iter().zip(&outcomes.labels).step_by(29) {
            let mut before = *logits;
            for ((value, stretch), shift) in before.iter_mut().zip(stretch).zip(shift) {
                *value = (*value - shift) / stretch;
            }
            let (got, want) = (found.probabilities(*logits), softmax(before, 1.0));
            for (got, want) in got.iter().zip(want) {
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
        assert_eq!(read.scales, [1.0; Finding::COUNT]);
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
            Calibrations::fit(&dataset, &TrainConfig::default(), &validation, &held_out)
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
        let nothing = Calibrations::fit(
            &dataset,
            &TrainConfig::default(),
            &Outcomes::default(),
            &BTreeMap::new(),
        );
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
        for (a, b) in [(a.offsets, b.offsets), (a.scales, b.scales)] {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }
}
