//! Whether an image is of the kind that the network was trained on at all.

use serde::{Deserialize, Serialize};

use crate::architecture::EMBEDDING;
use crate::inference::dot;
use crate::report::InDistribution;

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
