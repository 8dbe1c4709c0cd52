//! The calibrations of a model and of the trainings without a fold.

use std::collections::BTreeMap;

use super::calibration::Calibration;
use super::outcomes::Outcomes;
use super::points::{self, OperatingPoint, Point};
use crate::config::{CalibrationWeights, TrainConfig};
use crate::data::Dataset;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Example;
    use crate::data::examples::NORMAL;

    #[test]
    fn a_training_without_a_fold_is_calibrated_on_the_answers_to_the_other_folds() {
        let example = |fold| Example {
            fold,
            ..Example::of_class(NORMAL)
        };
        // Example 0 of fold 1, example 1 of fold 2; the model validates on one of either.
        let dataset = Dataset::of_examples(&[], vec![example(1), example(2)]).unwrap();
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
}
