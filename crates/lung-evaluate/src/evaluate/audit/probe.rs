//! How well a linear probe can tell from an embedding what it should not know.
//!
//! A probe is ridge regression onto the classes, each class weighing alike. It is tested on folds that it was not fitted
//! to, and a group is in one fold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::FOLDS;
use crate::evaluate::metrics::Z95;

/// Fewest images of a class that is asked for.
const ENOUGH: usize = 20;

/// What is added to the diagonal of the matrix of products, per image: features have variance 1.
const RIDGE: f64 = 0.1;

/// How well something can be told from embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What was asked for, and among which images.
    pub of: String,
    /// Its classes, with how many images each has.
    pub classes: BTreeMap<String, usize>,
    /// Mean over the classes of the share told rightly, 0..=1.
    pub balanced_accuracy: f64,
    /// Its 95% interval (normal approximation).
    pub interval: [f64; 2],
    /// What a guess has.
    pub chance: f64,
}

/// An embedding with a class and a fold.
pub(super) struct Sample<'a> {
    pub(super) embedding: &'a [f32],
    pub(super) class: String,
    pub(super) fold: usize,
}

/// The probe of `samples`; `None` where fewer than two classes have enough images in at least two folds.
pub(super) fn probe(of: String, samples: &[Sample<'_>]) -> Option<Probe> {
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in samples {
        *classes.entry(&sample.class).or_default() += 1;
    }
    classes.retain(|class, images| {
        let folds: std::collections::BTreeSet<usize> = (samples.iter())
            .filter(|sample| sample.class == *class)
            .map(|sample| sample.fold)
            .collect();
        *images >= ENOUGH && folds.len() > 1
    });
    if classes.len() < 2 {
        return None;
    }
    let names: Vec<&str> = classes.keys().copied().collect();
    let of_class = |sample: &Sample<'_>| names.iter().position(|name| *name == sample.class);
    let known: Vec<(&Sample<'_>, usize)> = (samples.iter())
        .filter_map(|sample| Some((sample, of_class(sample)?)))
        .collect();
    let mut right = vec![0usize; names.len()];
    for fold in 0..FOLDS {
        let (held_out, training): (Vec<_>, Vec<_>) =
            (known.iter().copied()).partition(|(sample, _)| sample.fold == fold);
        if held_out.is_empty() || training.is_empty() {
            continue;
        }
        let fitted = Fitted::new(&training, names.len());
        for (sample, class) in held_out {
            right[class] += usize::from(fitted.call(sample.embedding) == class);
        }
    }
    let shares: Vec<(f64, f64)> = (right.iter().zip(classes.values()))
        .map(|(right, images)| (*right as f64 / *images as f64, *images as f64))
        .collect();
    let count = names.len() as f64;
    let mean = shares.iter().map(|(share, _)| share).sum::<f64>() / count;
    let variance: f64 = shares.iter().map(|(p, n)| p * (1.0 - p) / n).sum();
    let spread = Z95 * variance.sqrt() / count;
    Some(Probe {
        of,
        balanced_accuracy: mean,
        interval: [(mean - spread).max(0.0), (mean + spread).min(1.0)],
        chance: 1.0 / count,
        classes: (classes.into_iter())
            .map(|(name, images)| (name.to_owned(), images))
            .collect(),
    })
}

/// A fitted probe.
struct Fitted {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// `[classes][features + 1]`, the last one the constant.
    weights: Vec<Vec<f64>>,
}

impl Fitted {
    fn new(training: &[(&Sample<'_>, usize)], classes: usize) -> Self {
        let features = training
            .first()
            .map_or(0, |(sample, _)| sample.embedding.len());
        let mut images = vec![0.0f64; classes];
        for (_, class) in training {
            images[*class] += 1.0;
        }
        // Each class weighs alike; 1 in all.
        let weight = |class: usize| 1.0 / (classes as f64 * images[class].max(1.0));
        let mut mean = vec![0.0; features];
        let mut scale = vec![0.0; features];
        for (sample, class) in training {
            for (mean, value) in mean.iter_mut().zip(sample.embedding) {
                *mean += weight(*class) * f64::from(*value);
            }
        }
        for (sample, class) in training {
            for ((scale, mean), value) in scale.iter_mut().zip(&mean).zip(sample.embedding) {
                *scale += weight(*class) * (f64::from(*value) - mean).powi(2);
            }
        }
        for scale in &mut scale {
            *scale = 1.0 / scale.sqrt().max(1e-9);
        }
        let mut fitted = Self {
            mean,
            scale,
            weights: Vec::new(),
        };
        let size = features + 1;
        let mut matrix = vec![0.0; size * size];
        let mut sides = vec![vec![0.0; size]; classes];
        for (sample, class) in training {
            let row = fitted.row(sample.embedding);
            for (i, a) in row.iter().enumerate() {
                let a = a * weight(*class);
                for (to, b) in matrix[i * size..][..=i].iter_mut().zip(&row) {
                    *to += a * b;
                }
                sides[*class][i] += a;
            }
        }
        for i in 0..features {
            matrix[i * size + i] += RIDGE;
        }
        // The constant is not held back, but a class that is missing must not make the matrix singular.
        matrix[features * size + features] += 1e-9;
        factorise(&mut matrix, size);
        fitted.weights = (sides.into_iter())
            .map(|side| solve(&matrix, size, side))
            .collect();
        fitted
    }

    /// Standardised features and a 1.
    fn row(&self, embedding: &[f32]) -> Vec<f64> {
        (embedding.iter().zip(&self.mean).zip(&self.scale))
            .map(|((value, mean), scale)| (f64::from(*value) - mean) * scale)
            .chain([1.0])
            .collect()
    }

    /// The class whose score is highest.
    fn call(&self, embedding: &[f32]) -> usize {
        let row = self.row(embedding);
        let score = |weights: &[f64]| weights.iter().zip(&row).map(|(w, x)| w * x).sum::<f64>();
        (0..self.weights.len())
            .max_by(|a, b| score(&self.weights[*a]).total_cmp(&score(&self.weights[*b])))
            .unwrap_or_default()
    }
}

/// The Cholesky factor of a symmetric positive definite matrix `[size, size]`, of which the lower triangle is read and
/// replaced (Golub and Van Loan, Matrix Computations, 4.2.5).
fn factorise(matrix: &mut [f64], size: usize) {
    for i in 0..size {
        for j in 0..=i {
            let (a, b) = (i * size, j * size);
            let sum: f64 = (0..j).map(|k| matrix[a + k] * matrix[b + k]).sum();
            let left = matrix[a + j] - sum;
            matrix[a + j] = match i == j {
                true => left.max(1e-12).sqrt(),
                false => left / matrix[b + j],
            };
        }
    }
}

/// What a factorised matrix takes to `side`.
fn solve(factor: &[f64], size: usize, mut side: Vec<f64>) -> Vec<f64> {
    for i in 0..size {
        let sum: f64 = (0..i).map(|k| factor[i * size + k] * side[k]).sum();
        side[i] = (side[i] - sum) / factor[i * size + i];
    }
    for i in (0..size).rev() {
        let sum: f64 = (i + 1..size).map(|k| factor[k * size + i] * side[k]).sum();
        side[i] = (side[i] - sum) / factor[i * size + i];
    }
    side
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::augment::normal;

    /// Embeddings of noise; those of class `i` lie `apart * i` off along one feature. Every fifth image of class 1.
    fn drawn(apart: f32) -> Vec<(Vec<f32>, usize)> {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        (0..600)
            .map(|i| {
                let class = usize::from(i % 5 == 0);
                let mut embedding: Vec<f32> = (0..12).map(|_| 3.0 * normal(&mut rng)).collect();
                embedding[7] += 3.0 * apart * class as f32;
                (embedding, class)
            })
            .collect()
    }

    fn told(apart: f32) -> Probe {
        let drawn = drawn(apart);
        let samples: Vec<Sample<'_>> = (drawn.iter().enumerate())
            .map(|(i, (embedding, class))| Sample {
                embedding,
                class: format!("class {class}"),
                fold: (i / 7) % FOLDS,
            })
            .collect();
        probe("something".to_owned(), &samples).unwrap()
    }

    #[test]
    fn what_lies_apart_is_told_as_well_as_it_can_be_and_noise_as_by_chance() {
        let noise = told(0.0);
        assert!(
            (noise.interval[0]..noise.interval[1]).contains(&0.5),
            "{noise:?}"
        );
        assert_eq!((noise.chance, noise.classes["class 1"]), (0.5, 120));
        // Two deviations apart, one on either side of the best limit: 84% (the normal distribution at 1).
        let apart = told(2.0);
        assert!((apart.balanced_accuracy - 0.84).abs() < 0.05, "{apart:?}");
        assert!(told(8.0).balanced_accuracy > 0.99);
    }

    #[test]
    fn classes_of_few_images_or_one_fold_are_not_asked_for() {
        let drawn = drawn(2.0);
        let with = |class: &dyn Fn(usize) -> usize, fold: &dyn Fn(usize) -> usize| {
            let samples: Vec<Sample<'_>> = (drawn.iter().enumerate())
                .map(|(i, (embedding, _))| Sample {
                    embedding,
                    class: class(i).to_string(),
                    fold: fold(i),
                })
                .collect();
            probe(String::new(), &samples)
        };
        assert!(with(&|i| usize::from(i < 19), &|i| i % 5).is_none());
        assert!(with(&|i| usize::from(i < 40), &|i| usize::from(i < 40)).is_none());
        assert!(with(&|i| usize::from(i < 40), &|i| i % 5).is_some());
    }

    #[test]
    fn a_factorised_matrix_is_solved() {
        // [[4, 2], [2, 3]] x = [2, 5] has x = [-0.5, 2].
        let mut matrix = vec![4.0, 0.0, 2.0, 3.0];
        factorise(&mut matrix, 2);
        let x = solve(&matrix, 2, vec![2.0, 5.0]);
        assert!(
            (x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12,
            "{x:?}"
        );
    }
}
