//! How far a report can be trusted: which findings cannot be ruled out, and whether the image is one of the kind that the
//! network was trained on at all.

use serde::{Deserialize, Serialize};

use crate::Finding;
use crate::architecture::EMBEDDING;
use crate::inference::dot;
use crate::report::{ByFinding, InDistribution};

/// Thresholds of prediction sets: split conformal prediction, class by class.
///
/// A set holds each finding whose calibrated probability reaches the finding's threshold, which is the quantile of that
/// probability among the images of a calibration set that have the finding. So of new images with a finding, if they are
/// exchangeable with those, the share `coverage` has it in the set (Vovk 2012, "Conditional validity of inductive conformal
/// predictors"; the score is that of Sadinle, Lei and Wasserman 2019). A set may be empty: then the network is less sure of
/// every finding than it usually is of the right one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionSets {
    /// Share of the images of each finding whose set is to hold it, above 0 and below 1.
    pub coverage: f64,
    /// Least probability with which each finding is in a set, 0..=1.
    pub thresholds: ByFinding<f32>,
    /// How many images of each finding the thresholds are from.
    pub calibrated_on: ByFinding<usize>,
}

impl PredictionSets {
    /// Thresholds from the probabilities that the images of a calibration set, by finding, were given of what they are.
    ///
    /// Of `n` probabilities it is the `floor((1 - coverage) * (n + 1))`-th smallest, and 0 where that is none.
    pub fn calibrate(coverage: f64, of_truth: &ByFinding<Vec<f32>>) -> Self {
        let threshold = |finding: Finding| {
            let mut sorted = of_truth[finding].clone();
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
            thresholds: ByFinding(Finding::ALL.map(threshold)),
            calibrated_on: ByFinding(Finding::ALL.map(|finding| of_truth[finding].len())),
        }
    }

    /// The findings whose probability reaches their threshold, the most probable first.
    pub fn set(&self, probabilities: &ByFinding<f32>) -> Vec<Finding> {
        let mut set: Vec<Finding> = Finding::ALL
            .into_iter()
            .filter(|finding| probabilities[*finding] >= self.thresholds[*finding])
            .collect();
        set.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        set
    }

    pub(crate) fn usable(&self) -> bool {
        self.coverage > 0.0
            && self.coverage < 1.0
            && self.thresholds.0.iter().all(|t| (0.0..=1.0).contains(t))
    }
}

/// Where the embeddings of frontal chest radiographs lie: a normal distribution of few directions, with the same variance
/// in all others (probabilistic principal components, Tipping and Bishop 1999).
///
/// In a weights file the mean and the directions are the tensors `in_distribution.mean` `[320]` and
/// `in_distribution.directions` `[n, 320]`, the rest is metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Mean embedding, `[320]`.
    pub mean: Vec<f32>,
    /// Orthonormal directions `[n, 320]`, row by row.
    pub directions: Vec<f32>,
    /// The rest.
    pub spread: Spread,
}

/// The part of a [`Distribution`] that is in the metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Variance along each direction, above 0.
    pub variances: Vec<f32>,
    /// Variance along every direction that is none of these, above 0.
    pub other_variance: f32,
    /// Squared distance from the mean, in variances, up to which an image is accepted; above 0.
    pub limit: f32,
}

impl Distribution {
    /// Squared Mahalanobis distance of an embedding `[320]` from the mean.
    pub fn distance(&self, embedding: &[f32]) -> f32 {
        let centred: Vec<f32> = embedding
            .iter()
            .zip(&self.mean)
            .map(|(e, m)| e - m)
            .collect();
        let mut within = 0.0;
        let mut left = dot(&centred, &centred);
        for (direction, variance) in self
            .directions
            .chunks_exact(EMBEDDING)
            .zip(&self.spread.variances)
        {
            let along = dot(direction, &centred);
            within += along * along / variance;
            left -= along * along;
        }
        within + left.max(0.0) / self.spread.other_variance
    }

    /// How far an embedding is one of a frontal chest radiograph: `limit / (limit + distance)`; 0 for one that is too far away
    /// for its distance to be a number.
    pub fn judge(&self, embedding: &[f32]) -> InDistribution {
        let limit = self.spread.limit;
        let score = limit / (limit + self.distance(embedding));
        let score = if score.is_nan() { 0.0 } else { score };
        InDistribution {
            score,
            accepted: score >= 0.5,
        }
    }
}

impl Spread {
    pub(crate) fn usable(&self) -> bool {
        let above_0 = |value: &f32| value.is_finite() && *value > 0.0;
        !self.variances.is_empty()
            && self.variances.len() <= EMBEDDING
            && self.variances.iter().all(above_0)
            && above_0(&self.other_variance)
            && above_0(&self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_the_quantile_that_split_conformal_prediction_takes() {
        // Of 19 values, floor(0.1 * 20) = 2: the second smallest. Of 8, none: everything is in.
        let falling: Vec<f32> = (1..=19).rev().map(|i| i as f32 / 20.0).collect();
        let sets = PredictionSets::calibrate(
            0.9,
            &ByFinding([falling, vec![0.5; 8], [0.25, 0.75].repeat(50)]),
        );
        assert_eq!(sets.thresholds.0, [0.1, 0.0, 0.25]);
        assert_eq!(sets.calibrated_on.0, [19, 8, 100]);
        assert_eq!(
            sets.set(&ByFinding([0.1, 0.66, 0.24])),
            [Finding::LungOpacity, Finding::Normal]
        );
    }

    #[test]
    fn a_set_covers_the_truth_as_often_as_it_says() {
        // Probabilities of the truth drawn alike for calibration and test.
        let mut seed = 9u64;
        let mut draw = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 40) as f32 / (1 << 24) as f32).sqrt()
        };
        let calibration: Vec<f32> = (0..999).map(|_| draw()).collect();
        let sets = PredictionSets::calibrate(
            0.9,
            &ByFinding([calibration.clone(), calibration.clone(), calibration]),
        );
        let covered = (0..4000)
            .filter(|_| {
                let p = draw();
                sets.set(&ByFinding([p, (1.0 - p) / 2.0, (1.0 - p) / 2.0]))
                    .contains(&Finding::Normal)
            })
            .count();
        // Four standard deviations of both quantile and share: 4 * sqrt(0.09 / 1000 + 0.09 / 4000).
        assert!((covered as f64 / 4000.0 - 0.9).abs() < 0.043, "{covered}");
    }

    #[test]
    fn distances_are_in_deviations_along_and_across_the_directions() {
        let mut directions = vec![0.0; 2 * EMBEDDING];
        directions[0] = 1.0;
        directions[EMBEDDING + 1] = 1.0;
        let distribution = Distribution {
            mean: vec![1.0; EMBEDDING],
            directions,
            spread: Spread {
                variances: vec![4.0, 0.25],
                other_variance: 0.01,
                limit: 9.0,
            },
        };
        let at = |place: usize, by: f32| {
            let mut embedding = vec![1.0; EMBEDDING];
            embedding[place] += by;
            distribution.distance(&embedding)
        };
        for (place, by, want) in [(0, 4.0, 4.0), (1, 1.0, 4.0), (200, 0.3, 9.0)] {
            assert!((at(place, by) - want).abs() < 1e-3, "{}", at(place, by));
        }
        let mut embedding = vec![1.0; EMBEDDING];
        assert_eq!(distribution.judge(&embedding).score, 1.0);
        embedding[0] = 9.0;
        let judged = distribution.judge(&embedding);
        assert!(!judged.accepted && (judged.score - 9.0 / 25.0).abs() < 1e-5);
    }

    #[test]
    fn what_is_farther_away_than_numbers_reach_is_not_accepted() {
        // Found by fuzzing: infinity less infinity was a score that is no number.
        let distribution = Distribution {
            mean: vec![0.0; EMBEDDING],
            directions: [1e-10, -1e-10].repeat(EMBEDDING / 2),
            spread: Spread {
                variances: vec![1.0],
                other_variance: 1.0,
                limit: 1.0,
            },
        };
        let mut embedding = vec![0.0; EMBEDDING];
        embedding[..2].fill(f32::MAX);
        for scale in [1.0, -1.0] {
            let far: Vec<f32> = embedding.iter().map(|v| v * scale).collect();
            let judged = distribution.judge(&far);
            assert_eq!((judged.score, judged.accepted), (0.0, false));
        }
        let directions = [f32::MAX, -f32::MAX].repeat(EMBEDDING / 2);
        let wild = Distribution {
            directions,
            ..distribution
        };
        assert_eq!(wild.judge(&embedding).score, 0.0);
    }
}
