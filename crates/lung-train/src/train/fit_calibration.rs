//! The calibration that fits best what networks answer to images that they were not trained on.

use std::collections::BTreeMap;

use super::calibration::Calibration;
use super::outcomes::Outcomes;
use crate::data::Dataset;

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
        let dataset = Dataset::of_examples(&[], examples).unwrap();
        for (balance, adults) in [(0.0, 9.0), (0.5, 3.0), (1.0, 1.0)] {
            let (part, weights) = outcomes.to_calibrate(&dataset, balance);
            assert_eq!(part.examples, (0..10).collect::<Vec<_>>());
            assert!((weights.iter().sum::<f64>() - 10.0).abs() < 1e-9);
            let ratio = weights[..9].iter().sum::<f64>() / weights[9];
            assert!((ratio - adults).abs() < 1e-9, "{balance}: {ratio}");
        }
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
