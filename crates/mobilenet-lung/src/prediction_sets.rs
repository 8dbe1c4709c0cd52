//! Which findings an image may have: sets that hold the truth as often as they say.

use serde::{Deserialize, Serialize};

use crate::ByFinding;

/// Thresholds of prediction sets: split conformal prediction, class by class.
///
/// A set holds the most probable finding, and each other whose calibrated probability reaches the finding's threshold. That
/// is the quantile of the probability among the images of a calibration set that have the finding. So of new images with a
/// finding, if they are exchangeable with those, at least the share `coverage` has it in the set (Vovk 2012, "Conditional
/// validity of inductive conformal predictors"; the score is that of Sadinle, Lei and Wasserman 2019).
///
/// Without the first rule a set could be empty, which nobody can act on. The rule only adds to sets, so they hold the
/// truth at least as often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionSets {
    /// Share of the images of each finding whose set is to hold it, above 0 and below 1.
    pub coverage: f64,
    /// Least probability with which each finding is in a set, 0..=1.
    pub thresholds: ByFinding<f32>,
    /// How many images of each finding the thresholds are from.
    pub calibrated_on: ByFinding<usize>,
}

/// The findings that an image may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionSet {
    /// Share of the images of each finding whose set is to hold it.
    pub coverage: f64,
    /// Ids of the findings, the most probable first; at least one.
    pub findings: Vec<String>,
}

impl PredictionSets {
    /// Thresholds from the probabilities that the images of a calibration set, by finding, were given of what they are.
    ///
    /// Of `n` probabilities it is the `floor((1 - coverage) * (n + 1))`-th smallest, and 0 where that is none.
    pub fn calibrate(coverage: f64, of_truth: &ByFinding<Vec<f32>>) -> Self {
        let threshold = |probabilities: &Vec<f32>| {
            let mut sorted = probabilities.clone();
            sorted.sort_by(f32::total_cmp);
            // 1 - 0.9 is a little less than 0.1: a whole number must not lose one for that.
            let rank = (1.0 - coverage) * (sorted.len() + 1) as f64;
            let rank = (rank + 1e-9).floor() as usize;
            match rank.checked_sub(1) {
                Some(place) => sorted.get(place).copied().unwrap_or(0.0),
                None => 0.0,
            }
        };
        Self {
            coverage,
            thresholds: of_truth.map(threshold),
            calibrated_on: of_truth.map(Vec::len),
        }
    }

    /// The most probable finding and those whose probability reaches their threshold, the most probable first.
    pub fn set(&self, probabilities: &ByFinding<f32>) -> PredictionSet {
        let mut falling: Vec<(&str, f32)> = probabilities
            .iter()
            .map(|(id, probability)| (id, *probability))
            .collect();
        // Stable: of equals the first row stays the first.
        falling.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let reaches = |(id, probability): &(&str, f32)| {
            (self.thresholds.get(id)).is_some_and(|threshold| probability >= threshold)
        };
        let findings = falling
            .iter()
            .enumerate()
            .filter(|(place, finding)| *place == 0 || reaches(finding))
            .map(|(_, (id, _))| (*id).to_owned())
            .collect();
        PredictionSet {
            coverage: self.coverage,
            findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Findings;

    fn three<T>(values: [T; 3]) -> ByFinding<T> {
        ByFinding::new(&Findings::lung_xray(), values)
    }

    #[test]
    fn thresholds_are_the_quantile_that_split_conformal_prediction_takes() {
        // Of 19 values, floor(0.1 * 20) = 2: the second smallest. Of 8, none: everything is in.
        let falling: Vec<f32> = (1..=19).rev().map(|i| i as f32 / 20.0).collect();
        let sets = PredictionSets::calibrate(
            0.9,
            &three([falling, vec![0.5; 8], [0.25, 0.75].repeat(50)]),
        );
        assert_eq!(sets.thresholds, three([0.1, 0.0, 0.25]));
        assert_eq!(sets.calibrated_on, three([19, 8, 100]));
        assert_eq!(
            sets.set(&three([0.1, 0.66, 0.24])).findings,
            ["Lung_Opacity", "Normal"]
        );
    }

    #[test]
    fn a_set_is_never_empty_and_begins_with_the_most_probable() {
        let sets = PredictionSets {
            coverage: 0.9,
            thresholds: three([0.7, 0.56, 0.95]),
            calibrated_on: three([9, 9, 9]),
        };
        for (probabilities, want) in [
            ([0.59, 0.31, 0.1], vec!["Normal"]),
            ([0.3, 0.3, 0.4], vec!["Viral Pneumonia"]),
            ([0.4, 0.4, 0.2], vec!["Normal"]),
            ([0.1, 0.6, 0.3], vec!["Lung_Opacity"]),
        ] {
            assert_eq!(sets.set(&three(probabilities)).findings, want);
        }
        let loose = PredictionSets {
            thresholds: three([0.0; 3]),
            ..sets
        };
        assert_eq!(
            loose.set(&three([0.1, 0.3, 0.6])).findings,
            ["Viral Pneumonia", "Lung_Opacity", "Normal"]
        );
    }

    #[test]
    fn a_set_covers_the_truth_as_often_as_it_says() {
        // Probabilities of the truth drawn alike for calibration and test; where it is the most probable, it is in anyway.
        let mut seed = 9u64;
        let mut draw = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 40) as f32 / (1 << 24) as f32).sqrt()
        };
        let calibration: Vec<f32> = (0..999).map(|_| draw()).collect();
        let sets = PredictionSets::calibrate(
            0.9,
            &three([calibration.clone(), calibration.clone(), calibration]),
        );
        let covered = (0..4000)
            .filter(|_| {
                let p = draw();
                let set = sets.set(&three([p, (1.0 - p) / 2.0, (1.0 - p) / 2.0]));
                set.findings.iter().any(|id| id == "Normal")
            })
            .count();
        // Four standard deviations of both quantile and share: 4 * sqrt(0.09 / 1000 + 0.09 / 4000).
        assert!((covered as f64 / 4000.0 - 0.9).abs() < 0.043, "{covered}");
    }
}
